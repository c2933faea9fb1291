"""A network behind a simulated firewall: wraps another network and drops what its policy forbids.

Packets vanish as a real firewall makes them vanish: sending seems to work and nothing comes back. The policy
may change at any time; sockets that are open obey at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ice.net.network import (
    ByteStream,
    DatagramReceiver,
    Network,
    TcpConnection,
    TcpListener,
    UdpSocket,
)
from ice.net.outer_network import OuterNetwork
from ice.types import TransportAddress

Rule = Literal["open", "blocked"]

DIAL_S: Final = 20.0
"""Seconds until a system gives up to connect where nobody answers."""


@dataclass(slots=True, kw_only=True)
class FirewallPolicy:
    """What passes, and how much did not.

    Attributes:
        udp: whether datagrams pass, in both directions.
        tcp_inbound: whether TCP connections from outside are let in.
        tcp_ports: ports outside that may be connected to, None for all.
        udp_dropped_out: datagrams dropped on their way out.
        udp_dropped_in: datagrams dropped on their way in.
        tcp_refused: connections from outside that were cut off.
        tcp_dropped: connections to ports that are not open, of which nothing was heard.
    """

    udp: Rule = "open"
    tcp_inbound: Rule = "open"
    tcp_ports: frozenset[int] | None = None
    udp_dropped_out: int = 0
    udp_dropped_in: int = 0
    tcp_refused: int = 0
    tcp_dropped: int = 0

    @property
    def udp_dropped(self) -> int:
        """Datagrams dropped in either direction."""
        return self.udp_dropped_out + self.udp_dropped_in

    async def let_out(self, port: int) -> None:
        """Return where this port may be connected to; else nobody answers: OSError after DIAL_S."""
        if self.tcp_ports is None or port in self.tcp_ports:
            return
        self.tcp_dropped += 1
        await asyncio.sleep(DIAL_S)
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


class _FilteredUdpSocket:
    def __init__(self, inner: UdpSocket, policy: FirewallPolicy) -> None:
        self._inner = inner
        self._policy = policy

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        if self._policy.udp == "blocked":
            self._policy.udp_dropped_out += 1
            return True
        return self._inner.send(data, remote)

    def close(self) -> None:
        self._inner.close()


class FirewallNetwork(OuterNetwork):
    """A network (`ice.net.network.Network`) whose traffic passes a firewall.

    Args:
        inner: the network behind it.
        policy: what passes; shared with whoever wants to change it or read its counts.
    """

    def __init__(self, inner: Network, policy: FirewallPolicy) -> None:
        super().__init__(inner)
        self.policy = policy

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket whose datagrams pass the firewall."""
        policy = self.policy

        def filtered(data: bytes, remote: TransportAddress) -> None:
            if policy.udp == "blocked":
                policy.udp_dropped_in += 1
            else:
                on_datagram(data, remote)

        return _FilteredUdpSocket(await self._inner.bind_udp(host, port, filtered), policy)

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen for connections that the firewall lets in."""
        policy = self.policy

        def filtered(connection: TcpConnection) -> None:
            if policy.tcp_inbound == "blocked":
                policy.tcp_refused += 1
                connection.close()
            else:
                on_accept(connection)

        return await self._inner.listen_tcp(host, port, filtered, shared=shared)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial out, to a port that the firewall has open."""
        await self.policy.let_out(remote.port)
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
        """Connect to a server outside, at a port that the firewall has open."""
        await self.policy.let_out(remote.port)
        return await self._inner.open_stream(
            local_host, remote, local_port=local_port, tls=tls, server_name=server_name
        )
