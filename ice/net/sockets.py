"""The network of this host: real sockets and the addresses of its interfaces."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ifaddr

from ice.candidates.address import trackable
from ice.gateways.routes import default_gateways
from ice.net.byte_stream import HostByteStream, open_stream
from ice.net.clock import monotonic
from ice.net.interface_flags import InterfaceFlags
from ice.net.network import (
    DatagramReceiver,
    Gateway,
    HostAddress,
    TcpConnection,
    TcpListener,
    UdpSocket,
)
from ice.net.port_sharing import ports_are_shared
from ice.net.tcp_connection import connect
from ice.net.tcp_listener import HostTcpListener
from ice.net.udp_socket import HostUdpSocket
from ice.types import TransportAddress

_IPV6_TABLE = Path("/proc/net/if_inet6")
"""Where Linux tells which IPv6 addresses are temporary; other systems do not tell."""

KNOWN_S = 0.5
"""50 calls a second would look 50 times; who watches addresses looks every second."""


class HostNetwork:
    """The real network (`ice.net.network.Network`). Hosts are IP literals; anything else raises OSError.

    Args:
        dscp: mark of everything that is sent, 0 to 63 (RFC 8445 §7.2.3); checks and media have the same.
        ipv6_table: file of the form of /proc/net/if_inet6; where there is none, no address is temporary.
        known_s: seconds for which the addresses that were found count.
    """

    def __init__(self, *, dscp: int = 0, ipv6_table: Path = _IPV6_TABLE, known_s: float = KNOWN_S) -> None:
        self._dscp = dscp
        self._ipv6_table = ipv6_table
        self._known_s = known_s
        self._known: tuple[HostAddress, ...] = ()
        self._known_until = 0.0

    def host_addresses(self) -> Sequence[HostAddress]:
        """Addresses of all interfaces in the order of the system; zones are left out.

        Interfaces that are switched off or have no carrier have none: nothing leaves from there.
        So are IPv6 addresses that give away the host beside a temporary one (RFC 8445 §5.1.1.1).
        What was found counts for a while.
        """
        now = monotonic()
        if not self._known or now >= self._known_until:
            self._known = tuple(self._look())
            self._known_until = now + self._known_s
        return self._known

    def _look(self) -> Iterator[HostAddress]:
        table = ""
        with contextlib.suppress(OSError):
            table = self._ipv6_table.read_text(encoding="ascii", errors="replace")
        hidden = trackable(table)
        with InterfaceFlags() as flags:
            adapters = [adapter for adapter in ifaddr.get_adapters() if flags.can_send(adapter.name)]
        for adapter in adapters:
            for address in adapter.ips:
                host = address.ip if isinstance(address.ip, str) else address.ip[0]
                host = host.partition("%")[0]
                if (host, adapter.nice_name) in hidden:
                    continue
                loopback = ipaddress.ip_address(host).is_loopback
                yield HostAddress(host=host, interface=adapter.nice_name, loopback=loopback)

    def gateways(self) -> Sequence[Gateway]:
        """The default gateways where Linux tells them; OSError elsewhere."""
        return default_gateways()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket (port 0: any)."""
        return HostUdpSocket.bind(host, port, on_datagram, dscp=self._dscp)

    @property
    def shares_ports(self) -> bool:
        """True where this system lets connections leave from a port that is listened on."""
        return ports_are_shared()

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen for TCP connections (port 0: any); `shared`: connections will be opened from the port."""
        return HostTcpListener.bind(host, port, on_accept, shared=shared, dscp=self._dscp)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial `remote` from `local_host`, port 0: any. Cancelling gives the attempt up."""
        return await connect(local_host, remote, local_port=local_port, dscp=self._dscp)

    async def open_stream(
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> HostByteStream:
        """Connect to a server; with `tls` it must prove to be `server_name`."""
        return await open_stream(
            local_host,
            remote,
            local_port=local_port,
            tls=tls,
            server_name=server_name,
            dscp=self._dscp,
        )
