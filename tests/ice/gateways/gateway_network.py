"""A network of one host and its gateway, without sockets: sessions run on it in virtual time."""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ice.net.network import (
    ByteStream,
    CloseReceiver,
    DatagramReceiver,
    DataReceiver,
    Gateway,
    HostAddress,
    TcpConnection,
)
from ice.types import TransportAddress
from tests.net.mapping_gateway import MappingGateway
from tests.net.upnp_gateway import UpnpGateway

HOST = "192.0.2.10"
GATEWAY = "192.0.2.1"
HOST6 = "2001:db8::10"
GATEWAY6 = "fe80::1%eth0"
DELAY_S = 0.001


class _Socket:
    """A UDP socket or a listener."""

    def __init__(self, network: GatewayNetwork, local: TransportAddress, receive: DatagramReceiver) -> None:
        self.local = local
        self.receive = receive
        self._network = network

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        if self not in self._network.open:
            return False
        for answer in self._network.answers(self.local, remote, data):
            bare = TransportAddress(host=remote.host.partition("%")[0], port=remote.port)
            self._network.later(self, answer, bare)
        return True

    def close(self) -> None:
        if self in self._network.open:
            self._network.open.remove(self)


class _Stream:
    """A connection to the HTTP server of the gateway."""

    waiting = 0

    def __init__(self, network: GatewayNetwork, local: TransportAddress, remote: TransportAddress) -> None:
        self.local = local
        self.remote = remote
        self._network = network
        self._on_data: DataReceiver | None = None
        network.streams += 1

    def start(self, on_data: DataReceiver, on_closed: CloseReceiver) -> None:
        self._on_data = on_data

    def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if self._network.upnp is None or self._network.stalls:
            return
        answer = self._network.upnp.answer(data, loop.time())
        middle = len(answer) // 2
        loop.call_later(DELAY_S, self._deliver, answer[:middle])
        loop.call_later(2 * DELAY_S, self._deliver, answer[middle:])

    def framed(self, **_: object) -> TcpConnection:
        raise AssertionError("no relay here")

    def close(self) -> None:
        if self._on_data is not None:
            self._network.streams -= 1
        self._on_data = None

    def _deliver(self, data: bytes) -> None:
        if self._on_data is not None:
            self._on_data(data)


@dataclass
class GatewayNetwork:
    """The host and what its gateway speaks.

    Attributes:
        core: speaks PCP and NAT-PMP; None: it does not.
        upnp: speaks UPnP; None: it does not.
        up: False where nothing reaches the gateway by UDP.
        stalls: True where its HTTP server does not answer.
        hosts: addresses of the host.
        told: what the system tells of gateways; None where it tells nothing.
        open: sockets that are open.
        streams: connections that are open.
    """

    core: MappingGateway | None = None
    upnp: UpnpGateway | None = None
    up: bool = True
    stalls: bool = False
    told: Sequence[Gateway] | None = (
        Gateway(host=GATEWAY, interface="eth0"),
        Gateway(host=GATEWAY6, interface="eth0"),
    )
    hosts: Sequence[str] = (HOST,)
    open: list[_Socket] = field(default_factory=list)
    streams: int = 0
    shares_ports: bool = False
    _ports: itertools.count[int] = field(default_factory=lambda: itertools.count(40_000))

    def answers(self, source: TransportAddress, remote: TransportAddress, data: bytes) -> list[bytes]:
        """What the gateway says to a datagram."""
        if not self.up:
            return []
        if remote.host in (GATEWAY, GATEWAY6) and remote.port == 5351 and self.core is not None:
            return self.core.answer(source, data, asyncio.get_running_loop().time())
        if remote == TransportAddress(host=GATEWAY, port=1900) and self.upnp is not None:
            answer = self.upnp.search(data)
            return [] if answer is None else [answer]
        return []

    def later(self, socket: _Socket, data: bytes, source: TransportAddress) -> None:
        """Deliver a datagram after a moment, if the socket is still open."""

        def deliver() -> None:
            if socket in self.open:
                socket.receive(data, source)

        asyncio.get_running_loop().call_later(DELAY_S, deliver)

    def announce(self) -> None:
        """The gateway multicasts that it began anew."""
        assert self.core is not None
        data = self.core.announcement(asyncio.get_running_loop().time())
        for socket in tuple(self.open):
            if socket.local == TransportAddress(host="224.0.0.1", port=5350):
                socket.receive(data, self.core.address)

    # --- ice.network.Network ---

    def host_addresses(self) -> Sequence[HostAddress]:
        return tuple(HostAddress(host=host, interface="eth0") for host in self.hosts)

    def gateways(self) -> Sequence[Gateway]:
        if self.told is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self.told

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> _Socket:
        return self._bind(host, port, on_datagram)

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> _Socket:
        return self._bind(host, port, lambda *_: None)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    async def open_stream(self, local_host: str, remote: TransportAddress, **_: object) -> ByteStream:
        if self.upnp is None or remote.host != GATEWAY:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return _Stream(self, TransportAddress(host=local_host, port=next(self._ports)), remote)

    def _bind(self, host: str, port: int, receive: DatagramReceiver) -> _Socket:
        socket = _Socket(self, TransportAddress(host=host, port=port or next(self._ports)), receive)
        self.open.append(socket)
        return socket
