"""A host: its interfaces, UDP sockets and TCP connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ice.types import TransportAddress
from tests.net.link import Link
from tests.net.packet import Kind, Packet
from tests.net.router import Network
from tests.net.tcp import Connection, Dial

if TYPE_CHECKING:
    from tests.net.internet import Internet

DatagramReceiver = Callable[[TransportAddress, bytes], None]
"""Takes a datagram and where it came from."""

_FIRST_PORT = 40000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One address of a host in one network; nothing passes while it is down."""

    network: Network
    link: Link
    up: bool = True


class Host:
    """A host without a firewall of its own; give it addresses with `attach`."""

    def __init__(self, internet: Internet) -> None:
        self.internet = internet
        self.interfaces: dict[str, Interface] = {}
        self.udp: dict[TransportAddress, DatagramReceiver] = {}
        self.listeners: dict[TransportAddress, Callable[[Connection], None]] = {}
        self.dials: dict[tuple[TransportAddress, TransportAddress], Dial] = {}
        self.connections: dict[tuple[TransportAddress, TransportAddress], Connection] = {}
        self._port = _FIRST_PORT

    def attach(self, address: str, network: Network, link: Link) -> None:
        """Give it an address; it is routed to from outside where the routers hide no such addresses."""
        self.interfaces[address] = Interface(network=network, link=link)
        network.nodes[address] = self

    def set_up(self, address: str, *, up: bool) -> None:
        """Take an interface down or up again."""
        self.interfaces[address] = replace(self.interfaces[address], up=up)

    def fresh(self, address: str) -> TransportAddress:
        """An unused port."""
        self._port += 1
        return TransportAddress(host=address, port=self._port)

    def send(self, packet: Packet) -> None:
        """Send from one of its addresses; where its interface is down nothing happens."""
        interface = self.interfaces[packet.source.host]
        if interface.up:
            self.internet.send(packet, interface.network, interface.link)

    def send_datagram(self, source: TransportAddress, destination: TransportAddress, data: bytes) -> None:
        """Send from a bound UDP socket; KeyError where it is not bound."""
        if source not in self.udp:
            raise KeyError(source)
        self.send(Packet(Kind.DATAGRAM, source, destination, data))

    def dial(
        self,
        address: str,
        remote: TransportAddress,
        *,
        port: int = 0,
        opened: Callable[[Connection], None],
        failed: Callable[[str], None],
    ) -> Dial:
        """Open a connection from an address of this host; the outcome comes later.

        The port may be one that is listened on (RFC 6544 appendix B); 0: any.
        """
        local = TransportAddress(host=address, port=port) if port else self.fresh(address)
        return Dial(self, local, remote, opened=opened, failed=failed)

    def receive(self, packet: Packet) -> None:
        """A packet arrives."""
        if not self.interfaces[packet.destination.host].up:
            return
        key = (packet.destination, packet.source)
        if packet.kind is Kind.DATAGRAM:
            receiver = self.udp.get(packet.destination)
            if receiver is not None:
                receiver(packet.source, packet.data)
            return
        connection = self.connections.get(key)
        if connection is not None:
            connection.receive(packet)
        elif key in self.dials:
            self.dials[key].receive(packet)
        elif packet.kind is Kind.SYN and packet.destination in self.listeners:
            Connection(self, *key, listener=self.listeners[packet.destination]).receive(packet)
        elif packet.kind is not Kind.RST:
            self.send(packet.answer(Kind.RST))
