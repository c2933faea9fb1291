"""Networks and the routers between them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from tests.net.firewall import OPEN, Firewall, FirewallRules
from tests.net.link import Link
from tests.net.nat import Nat
from tests.net.packet import Packet

if TYPE_CHECKING:
    from tests.net.host import Host


class Network:
    """Addresses that reach each other directly: the Internet, or what lies behind a router."""

    def __init__(self) -> None:
        self.nodes: dict[str, Host | Router] = {}
        self.gateway: Router | None = None


class Refusal(enum.Enum):
    """Why a packet goes no further."""

    DROPPED = enum.auto()
    REJECTED = enum.auto()


class Router:
    """Ties a network to the one outside.

    What has an address of its own outside is routed to; the rest hides behind the address of the NAT.

    Args:
        outside: where it leads.
        link: its line to there.
        nat: translates IPv4; None: all addresses inside are routed.
        rules: of its firewall.
    """

    def __init__(
        self, *, outside: Network, link: Link, nat: Nat | None = None, rules: FirewallRules = OPEN
    ) -> None:
        self.outside = outside
        self.inside = Network()
        self.inside.gateway = self
        self.link = link
        self.nat = nat
        self.firewall = Firewall(rules)
        self._routed: set[str] = set()
        if nat is not None:
            outside.nodes[nat.address] = self

    def route(self, address: str) -> None:
        """Packets to an address inside are taken in, here and by the routers further out."""
        self._routed.add(address)
        self.outside.nodes[address] = self
        if self.outside.gateway is not None:
            self.outside.gateway.route(address)

    def outbound(self, packet: Packet, now: float) -> Packet | Refusal:
        """A packet from inside: as it leaves, or why it does not."""
        if not self.firewall.outbound(packet):
            return Refusal.REJECTED if self.firewall.rules.reject else Refusal.DROPPED
        if self.nat is None or packet.source.host in self._routed:
            return packet
        return self.nat.outbound(packet, now) or Refusal.DROPPED

    def inbound(self, packet: Packet, now: float) -> Packet | Refusal:
        """A packet from outside: as it comes in, or why it does not."""
        translated = self.nat is not None and packet.destination.host == self.nat.address
        if self.nat is not None and translated:
            inner = self.nat.inbound(packet, now)
            if inner is None:
                return Refusal.DROPPED
            packet = inner
        if not self.firewall.inbound(packet, translated=translated):
            return Refusal.REJECTED if self.firewall.rules.reject else Refusal.DROPPED
        return packet

    def restart(self) -> None:
        """Forget mappings and sessions, as after a power cut."""
        self.firewall.restart()
        if self.nat is not None:
            self.nat.restart()
