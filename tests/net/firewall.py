"""A stateful firewall between an inside and an outside network."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import TransportAddress
from tests.net.packet import Kind, Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRules:
    """What gets through.

    Attributes:
        udp: datagrams at all.
        udp_inbound: datagrams from where nothing was sent to.
        tcp_inbound: connections from outside.
        tcp_ports: ports outside to which connections are opened; None: all.
        reject: what is refused is told so, else dropped in silence.
    """

    udp: bool = True
    udp_inbound: bool = False
    tcp_inbound: bool = False
    tcp_ports: frozenset[int] | None = None
    reject: bool = False


OPEN = FirewallRules(udp_inbound=True, tcp_inbound=True)
"""Everything gets through."""

ONLY_443 = frozenset({443})
"""A network from which only the web is reached."""


class Firewall:
    """Remembers who sent to whom; addresses are those of the inside."""

    def __init__(self, rules: FirewallRules) -> None:
        self.rules = rules
        self._spoken: set[tuple[bool, TransportAddress, TransportAddress]] = set()

    def outbound(self, packet: Packet) -> bool:
        """True where a packet may leave."""
        datagram = packet.kind is Kind.DATAGRAM
        session = (datagram, packet.source, packet.destination)
        if datagram:
            allowed = self.rules.udp
        elif packet.kind is Kind.SYN:
            allowed = self.rules.tcp_ports is None or packet.destination.port in self.rules.tcp_ports
        else:
            return session in self._spoken
        if allowed:
            self._spoken.add(session)
        return allowed

    def inbound(self, packet: Packet, *, translated: bool) -> bool:
        """True where a packet may come in; `translated`: a NAT has filtered it."""
        datagram = packet.kind is Kind.DATAGRAM
        session = (datagram, packet.destination, packet.source)
        if datagram:
            return self.rules.udp and (translated or self.rules.udp_inbound or session in self._spoken)
        if self.rules.tcp_inbound and packet.kind is Kind.SYN:
            self._spoken.add(session)
        # An attempt that meets one from inside belongs to it (RFC 6092 §3.3.1, Linux conntrack).
        return session in self._spoken

    def restart(self) -> None:
        """Forget all sessions."""
        self._spoken.clear()
