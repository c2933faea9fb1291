"""A network whose sockets have ports of one range: what a firewall between us and the peer lets through."""

from __future__ import annotations

import errno
import itertools
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ice.net.network import (
    ByteStream,
    DatagramReceiver,
    Gateway,
    HostAddress,
    Network,
    TcpConnection,
    TcpListener,
    UdpSocket,
)
from ice.types import TransportAddress

Opened = TypeVar("Opened")


class PortRangeNetwork:
    """A network (`ice.net.network.Network`) that binds ports of a range where any port will do.

    Args:
        inner: the network behind it.
        ports: the range.
    """

    def __init__(self, inner: Network, ports: range) -> None:
        self._inner = inner
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

    def host_addresses(self) -> Sequence[HostAddress]:
        """The addresses of the inner network."""
        return self._inner.host_addresses()

    def gateways(self) -> Sequence[Gateway]:
        """The gateways of the inner network."""
        return self._inner.gateways()

    @property
    def shares_ports(self) -> bool:
        """What the inner network can do."""
        return self._inner.shares_ports

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

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial out; from which port is of no matter to firewalls."""
        return await self._inner.connect_tcp(local_host, remote, local_port=local_port)

    async def open_stream(
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> ByteStream:
        """Connect to a server."""
        return await self._inner.open_stream(
            local_host, remote, local_port=local_port, tls=tls, server_name=server_name
        )
