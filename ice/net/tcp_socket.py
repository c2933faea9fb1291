"""An established TCP socket on the event loop, read in turns with others, and the words for its errors."""

from __future__ import annotations

import abc
import asyncio
import errno
import os
import socket
import ssl

from ice.net.network import CloseReceiver
from ice.net.poller import Poller
from ice.net.udp_socket import address_of
from ice.types import TransportAddress

READ_SIZE = 16384
_WOULD_BLOCK = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


def describe_error(error: OSError) -> str:
    """A reason for people: "connection refused", not "[Errno 111] Connect call failed (...)"."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timed out"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def would_block(error: OSError) -> bool:
    """True where the socket, or TLS on it, only has to be asked again later."""
    if isinstance(error, ssl.SSLError):
        return isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError))
    return error.errno in _WOULD_BLOCK


def _peer_of(sock: socket.socket) -> TransportAddress:
    """The other end; OSError, with what happened, where it has ended the connection already."""
    try:
        return address_of(sock.getpeername())
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET).lower()) from error
        raise


class TcpSocket(abc.ABC):
    """What all our TCP connections have in common: two addresses, reading, one end.

    Args:
        sock: established and non-blocking, taken over.
        local: our address where it is not that of the socket.
        remote: the address of the other end where it is not that of the socket.
        closed: why it ended where the other end has closed it, for people.

    Raises:
        OSError: it is already gone.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        local: TransportAddress | None = None,
        remote: TransportAddress | None = None,
        closed: str,
    ) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._poller = Poller.running()
        self._local = local or address_of(sock.getsockname())
        self._remote = remote or _peer_of(sock)
        self._closed = closed
        self._open = True
        self._on_closed: CloseReceiver | None = None

    @property
    def local(self) -> TransportAddress:
        """Our address."""
        return self._local

    @property
    def remote(self) -> TransportAddress:
        """The address of the other end."""
        return self._remote

    @abc.abstractmethod
    def close(self) -> None:
        """Close at once; `on_closed` is not called any more."""

    @abc.abstractmethod
    def _take(self, data: bytes) -> None:
        """Bytes came."""

    def _unwatch(self) -> None:
        """It is not ours any more: neither read nor written."""
        self._open = False
        self._poller.unwatch(self._socket.fileno())
        self._on_closed = None

    def _readable(self) -> None:
        try:
            data = self._socket.recv(READ_SIZE)
        except OSError as error:
            if not would_block(error):
                self._end(describe_error(error))
            return
        if data:
            self._take(data)
        else:
            # A half-close counts as the end: nobody waits for what cannot be answered.
            self._end(self._closed)

    def _end(self, reason: str) -> None:
        if self._open:
            on_closed = self._on_closed
            self.close()
            if on_closed is not None:
                on_closed(reason)
