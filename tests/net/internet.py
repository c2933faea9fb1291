"""The simulated Internet: carries packets between hosts through the routers on their way."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.net.clock import Clock
from tests.net.host import Host
from tests.net.link import Link
from tests.net.packet import Kind, Packet
from tests.net.router import Network, Refusal, Router


@dataclass(frozen=True, slots=True)
class Arrived:
    """Where a packet came out at once, and how long the lines on its way delay it."""

    host: Host
    packet: Packet
    delay_s: float


class Internet:
    """All networks, the clock and the chance of one simulation.

    Args:
        seed: of ports, loss and jitter.
    """

    def __init__(self, seed: int) -> None:
        self.clock = Clock()
        self.chance = random.Random(seed)
        self.core = Network()

    def send(self, packet: Packet, network: Network, link: Link) -> None:
        """Carry a packet from a host over its line; routers see it when it gets there."""
        delay_s = link.cross(packet, self.chance)
        if delay_s is None:
            return
        node = network.nodes.get(packet.destination.host)
        while node is None:
            router = network.gateway
            if router is None:
                return
            outer = router.outbound(packet, self.clock.now)
            if isinstance(outer, Refusal):
                self._refused(packet, outer, network, delay_s)
                return
            more = router.link.cross(outer, self.chance)
            if more is None:
                return
            delay_s += more
            packet, network = outer, router.outside
            node = network.nodes.get(packet.destination.host)
        self._approach(packet, network, node, delay_s)

    def _approach(self, packet: Packet, network: Network, node: Host | Router, delay_s: float) -> None:
        link = node.interfaces[packet.destination.host].link if isinstance(node, Host) else node.link
        more = link.cross(packet, self.chance)
        if more is not None:
            self.clock.after(delay_s + more, lambda: self._arrive(packet, network, node))

    def _arrive(self, packet: Packet, network: Network, node: Host | Router) -> None:
        if isinstance(node, Host):
            node.receive(packet)
            return
        inner = node.inbound(packet, self.clock.now)
        if isinstance(inner, Refusal):
            self._refused(packet, inner, network, node.link.delay_s)
            return
        next_node = node.inside.nodes.get(inner.destination.host)
        if next_node is not None:
            self._approach(inner, node.inside, next_node, 0.0)

    def _refused(self, packet: Packet, refusal: Refusal, network: Network, delay_s: float) -> None:
        """A firewall that rejects resets a connection attempt; datagrams are dropped either way."""
        if refusal is Refusal.REJECTED and packet.kind is Kind.SYN:
            self.send(packet.answer(Kind.RST), network, Link(delay_s=delay_s))

    def walk(self, packet: Packet, host: Host) -> Arrived | Refusal:
        """Where a packet would come out if it took no time and none were lost; routers remember it."""
        now = self.clock.now
        interface = host.interfaces[packet.source.host]
        if not interface.up:
            return Refusal.DROPPED
        network = interface.network
        delay_s = interface.link.delay_s
        while (node := network.nodes.get(packet.destination.host)) is None:
            router = network.gateway
            if router is None:
                return Refusal.DROPPED
            outer = router.outbound(packet, now)
            if isinstance(outer, Refusal):
                return outer
            packet, network = outer, router.outside
            delay_s += router.link.delay_s
        while isinstance(node, Router):
            inner = node.inbound(packet, now)
            if isinstance(inner, Refusal):
                return inner
            delay_s += node.link.delay_s
            packet = inner
            following = node.inside.nodes.get(packet.destination.host)
            if following is None:
                return Refusal.DROPPED
            node = following
        target = node.interfaces[packet.destination.host]
        if not target.up:
            return Refusal.DROPPED
        return Arrived(node, packet, delay_s + target.link.delay_s)
