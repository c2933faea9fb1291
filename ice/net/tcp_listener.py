"""A listening TCP socket that accepts connections of RFC 4571 frames."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from ice.net.marking import mark
from ice.net.network import TcpConnection
from ice.net.port_sharing import let_share
from ice.net.tcp_connection import established
from ice.net.tcp_socket import would_block
from ice.net.udp_socket import address_of, family_of, require_literal
from ice.types import TransportAddress

ACCEPT_LIMIT = 64
BACKLOG = 128
ACCEPT_PAUSE_S = 1.0
"""Seconds without accepting when the system has no descriptor left."""

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class HostTcpListener:
    """A listening socket (`ice.net.network.TcpListener`), bound to one address, never to the wildcard."""

    def __init__(self, sock: socket.socket, on_accept: Callable[[TcpConnection], None]) -> None:
        self._socket = sock
        self._on_accept = on_accept
        self._loop = asyncio.get_running_loop()
        self._local = address_of(sock.getsockname())
        self._open = True
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock.fileno(), self._readable)

    @classmethod
    def bind(
        cls,
        host: str,
        port: int,
        on_accept: Callable[[TcpConnection], None],
        *,
        shared: bool = False,
        dscp: int = 0,
    ) -> HostTcpListener:
        """Bind to an IP literal and listen; raises OSError.

        `shared`: connections may leave from the port. What is sent on accepted ones is marked with `dscp`.
        """
        require_literal(host)
        sock = socket.socket(family_of(host), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Accepted connections inherit it, from their first packet on.
            mark(sock, dscp)
            sock.bind((host, port))
            if shared:
                let_share(sock)
            sock.listen(BACKLOG)
            return cls(sock, on_accept)
        except BaseException:
            sock.close()
            raise

    @property
    def local(self) -> TransportAddress:
        """The bound address."""
        return self._local

    def close(self) -> None:
        """Stop listening; accepted connections stay."""
        if self._open:
            self._open = False
            if self._pause is not None:
                self._pause.cancel()
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(ACCEPT_LIMIT):
            try:
                accepted, _name = self._socket.accept()
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._loop.remove_reader(self._socket.fileno())
                    self._pause = self._loop.call_later(ACCEPT_PAUSE_S, self._resume)
                    return
                if would_block(error):
                    return
                # The connection died in the backlog (ECONNABORTED and the like): on to the next.
                continue
            try:
                connection = established(accepted)
            except OSError:
                accepted.close()
                continue
            self._on_accept(connection)
            if not self._open:
                return

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket.fileno(), self._readable)
