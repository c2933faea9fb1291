"""The network of this host: real sockets and the addresses of its interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

import ifaddr

from ice.network import (
    DatagramReceiver,
    HostAddress,
    TcpConnection,
    TcpListener,
    UdpSocket,
)
from ice.tcp_connection import HostTcpListener, connect
from ice.types import TransportAddress
from ice.udp_socket import HostUdpSocket


class HostNetwork:
    """The real network (`ice.network.Network`). Hosts are IP literals; anything else raises OSError."""

    def host_addresses(self) -> Sequence[HostAddress]:
        """Addresses of all interfaces in the order of the system; zones are left out."""
        found = []
        for adapter in ifaddr.get_adapters():
            for address in adapter.ips:
                host = address.ip if isinstance(address.ip, str) else address.ip[0]
                host = host.partition("%")[0]
                loopback = ipaddress.ip_address(host).is_loopback
                found.append(HostAddress(host=host, interface=adapter.nice_name, loopback=loopback))
        return found

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket (port 0: any)."""
        return HostUdpSocket.bind(host, port, on_datagram)

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None]
    ) -> TcpListener:
        """Listen for TCP connections (port 0: any)."""
        return HostTcpListener.bind(host, port, on_accept)

    async def connect_tcp(self, local_host: str, remote: TransportAddress) -> TcpConnection:
        """Dial `remote` from `local_host`, any port. Cancelling gives the attempt up."""
        return await connect(local_host, remote)
