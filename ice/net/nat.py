"""A network behind a simulated NAT: what is inside has addresses of its own, which mean nothing outside.

Each socket inside has one port outside, whoever it talks with, and hears nobody to whom it has sent nothing:
endpoint-independent mapping, address and port-dependent filtering (RFC 4787 §4.1, §5).
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

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

INSIDE: Final = "203.0.113.77"
"""Where we are inside. Nobody has this address (RFC 5737): what a peer sends there disturbs no stranger."""

_FIRST_PORT: Final = 20_000


class NatNetwork:
    """A network (`ice.net.network.Network`) inside a NAT that passes UDP, and TCP to servers alone.

    Args:
        inner: the network outside.
        outside: address of the NAT there; the first one of `inner` where None.

    Attributes:
        dropped: datagrams of strangers.
    """

    def __init__(self, inner: Network, outside: str | None = None) -> None:
        self._inner = inner
        self._outside = outside
        self._ports = count(_FIRST_PORT, 2)
        self.dropped = 0

    def host_addresses(self) -> Sequence[HostAddress]:
        """One address, on the interface that leads outside."""
        found = self._uplink()
        return [] if found is None else [HostAddress(host=INSIDE, interface=found.interface)]

    def gateways(self) -> Sequence[Gateway]:
        """None: this NAT maps no ports on demand."""
        return []

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket inside, and its port outside."""
        uplink = self._uplink()
        if uplink is None or host != INSIDE:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        known: set[TransportAddress] = set()

        def filtered(data: bytes, remote: TransportAddress) -> None:
            if remote in known:
                on_datagram(data, remote)
            else:
                self.dropped += 1

        mapped = await self._inner.bind_udp(uplink.host, 0, filtered)
        return _Inside(mapped, TransportAddress(host=host, port=port or next(self._ports)), known)

    @property
    def shares_ports(self) -> bool:
        """Nobody listens here."""
        return False

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Nobody outside could connect: OSError."""
        del host, port, on_accept, shared
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """This NAT is there for UDP: OSError."""
        del local_host, remote, local_port
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    async def open_stream(
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> ByteStream:
        """Connect to a server outside."""
        del local_host, local_port
        uplink = self._uplink()
        host = "" if uplink is None else uplink.host
        return await self._inner.open_stream(host, remote, tls=tls, server_name=server_name)

    def _uplink(self) -> HostAddress | None:
        """Our address outside: IPv4, as that inside is."""
        known = [each for each in self._inner.host_addresses() if ":" not in each.host]
        if self._outside is not None:
            known = [each for each in known if each.host == self._outside]
        return next(iter(known), None)


class _Inside:
    """A socket inside.

    Args:
        mapped: the one outside.
        local: our address inside.
        known: whom we have sent something; shared with who filters.
    """

    def __init__(self, mapped: UdpSocket, local: TransportAddress, known: set[TransportAddress]) -> None:
        self._mapped = mapped
        self._local = local
        self._known = known

    @property
    def local(self) -> TransportAddress:
        return self._local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        self._known.add(remote)
        return self._mapped.send(data, remote)

    def close(self) -> None:
        self._mapped.close()
