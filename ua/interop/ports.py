"""A network whose sockets have ports of one range: what a firewall between us and the peer lets through."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ice.net.network import DatagramReceiver, Network, TcpConnection, TcpListener, UdpSocket
from ice.net.outer_network import OuterNetwork

Opened = TypeVar("Opened")


class PortRangeNetwork(OuterNetwork):
    """A network (`ice.net.network.Network`) that binds ports of a range where any port will do.

    Args:
        inner: the network behind it.
        ports: the range.
    """

    def __init__(self, inner: Network, ports: range) -> None:
        super().__init__(inner)
        self._ports = ports
        self._next = itertools.cycle(ports)

    async def _open(self, port: int, open_at: Callable[[int], Awaitable[Opened]]) -> Opened:
        """Try the ports in turn, each once: others may have some of them. Raises OSError."""
        if port:
            return await open_at(port)
        for candidate in itertools.islice(self._next, len(self._ports)):
            try:
                return await open_at(candidate)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(
            errno.EADDRINUSE, f"all ports of {self._ports.start} to {self._ports.stop - 1} are in use"
        )

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket to a port of the range."""
        return await self._open(port, lambda free: self._inner.bind_udp(host, free, on_datagram))

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen on a port of the range."""
        return await self._open(
            port, lambda free: self._inner.listen_tcp(host, free, on_accept, shared=shared)
        )
