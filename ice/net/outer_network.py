"""A network around another one: what it does not change it passes on."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

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


class OuterNetwork:
    """A network (`ice.net.network.Network`) that is all that another one is; what differs is overridden.

    Args:
        inner: the other one.
    """

    def __init__(self, inner: Network) -> None:
        self._inner = inner

    def host_addresses(self) -> Sequence[HostAddress]:
        """The addresses of the inner network."""
        return self._inner.host_addresses()

    def gateways(self) -> Sequence[Gateway]:
        """The gateways of the inner network."""
        return self._inner.gateways()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket."""
        return await self._inner.bind_udp(host, port, on_datagram)

    @property
    def shares_ports(self) -> bool:
        """What the inner network can do."""
        return self._inner.shares_ports

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen for connections."""
        return await self._inner.listen_tcp(host, port, on_accept, shared=shared)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial out."""
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
