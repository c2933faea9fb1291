"""A TCP or TLS connection to a STUN or TURN server, as bytes (`ice.net.network.ByteStream`)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from ice.net.network import CloseReceiver, DataReceiver
from ice.net.tcp_connection import HostTcpConnection, dialled, prepare
from ice.net.tcp_holder import TcpHolder
from ice.net.tcp_socket import TcpSocket, describe_error, would_block
from ice.types import TransportAddress

HANDSHAKE_S = 10.0
"""Seconds that a TLS handshake may take."""


class HostByteStream(TcpSocket):
    """An established connection; reading begins with `start`. Takes a non-blocking socket over."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, closed="closed by the server")
        self._waiting = bytearray()
        self._on_data: DataReceiver | None = None

    @property
    def waiting(self) -> int:
        """Bytes that wait here or in the kernel."""
        return len(self._waiting) + TcpHolder(self._socket).unsent() if self._open else 0

    def start(self, on_data: DataReceiver, on_closed: CloseReceiver) -> None:
        """Begin to read."""
        self._on_data, self._on_closed = on_data, on_closed
        if self._open:
            self._poller.watch(self._socket.fileno(), self._readable)

    def send(self, data: bytes) -> None:
        """Send `data` after what waits already."""
        if not self._open:
            return
        first = not self._waiting
        self._waiting += data
        if first:
            self._write()
        if self._waiting:
            self._poller.watch_writing(self._socket.fileno(), self._writable)

    def framed(
        self, *, local: TransportAddress, remote: TransportAddress, received: bytes
    ) -> HostTcpConnection:
        """Go on as a connection of frames; what was sent here must have been taken by the network."""
        if not self._open or self._waiting:
            raise RuntimeError("a stream that is closed or half-way through a message")
        self._unwatch()
        self._on_data = None
        return HostTcpConnection(self._socket, local=local, remote=remote, received=received)

    def close(self) -> None:
        """Close at once."""
        if self._open:
            self._unwatch()
            self._waiting.clear()
            self._on_data = None
            self._socket.close()

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._waiting)
        except OSError as error:
            if not would_block(error):
                # A send inside a call of the owner must not call it back.
                self._loop.call_soon(self._end, describe_error(error))
            return
        del self._waiting[:sent]

    def _writable(self) -> None:
        self._write()
        if not self._waiting:
            self._poller.stop_writing(self._socket.fileno())

    def _take(self, data: bytes) -> None:
        if self._on_data is not None:
            self._on_data(data)


async def open_stream(
    local_host: str,
    remote: TransportAddress,
    *,
    local_port: int = 0,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
    dscp: int = 0,
) -> HostByteStream:
    """Connect to a server from `local_host`; with `tls` it must prove to be `server_name`.

    May be cancelled. A `local_port` is shared with the listener there; 0: any. What is sent is marked with
    `dscp`.

    Raises:
        OSError: it cannot be reached (with a readable text), or, as an ssl.SSLError, is not who it should be.
    """
    sock = await dialled(local_host, remote, local_port=local_port, dscp=dscp)
    try:
        prepare(sock)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=server_name, do_handshake_on_connect=False)
            async with asyncio.timeout(HANDSHAKE_S):
                await _shake_hands(sock)
        return HostByteStream(sock)
    except BaseException:
        sock.close()
        raise


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(sock, loop.add_reader, loop.remove_reader)
        except ssl.SSLWantWriteError:
            await _ready(sock, loop.add_writer, loop.remove_writer)
        else:
            return


async def _ready(sock: socket.socket, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
    """Wait until the socket can be read or written."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    descriptor = sock.fileno()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add(descriptor, wake)
    try:
        await ready
    finally:
        remove(descriptor)
