"""Network address translation and its behaviours (RFC 4787 for UDP, RFC 5382 for TCP)."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, field

from ice.types import Transport, TransportAddress
from tests.net.packet import Kind, Packet


class Behaviour(enum.StrEnum):
    """On how much of the other end a mapping or a filter depends (RFC 4787 §4.1, §5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"

    def part_of(self, remote: TransportAddress) -> TransportAddress | str | None:
        """What counts of the other end."""
        match self:
            case Behaviour.ENDPOINT_INDEPENDENT:
                return None
            case Behaviour.ADDRESS_DEPENDENT:
                return remote.host
            case Behaviour.ADDRESS_AND_PORT_DEPENDENT:
                return remote


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """How one transport is translated.

    Attributes:
        mapping: when two destinations see the same outside port.
        filtering: who may send to an outside port besides those that were sent to.
        lifetime_s: seconds without a packet from inside until a mapping ends.
    """

    mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT
    filtering: Behaviour = Behaviour.ADDRESS_AND_PORT_DEPENDENT
    lifetime_s: float = 120.0


@dataclass(slots=True)
class Mapping:
    """One inside socket as the outside sees it."""

    inside: TransportAddress
    outside: TransportAddress
    used_at: float
    sent_to: dict[TransportAddress, float] = field(default_factory=dict)


class Nat:
    """Translates IPv4 between an inside network and one outside address.

    Args:
        address: the outside address.
        udp: its behaviour for UDP.
        tcp: its behaviour for TCP.
        hairpin: hosts inside reach each other by the outside address, which they see as source (RFC 4787 §6).
        chance: gives the outside ports.
    """

    def __init__(
        self, *, address: str, udp: Translation, tcp: Translation, hairpin: bool, chance: random.Random
    ) -> None:
        self.address = address
        self.hairpin = hairpin
        self._translations = {Transport.UDP: udp, Transport.TCP: tcp}
        self._chance = chance
        self._mappings: dict[tuple[object, ...], Mapping] = {}
        self._by_port: dict[tuple[Transport, int], Mapping] = {}
        self._accepted: dict[tuple[TransportAddress, TransportAddress], Mapping] = {}
        """Mappings of connections that were opened from outside, by their inside and other end."""

    def outbound(self, packet: Packet, now: float) -> Packet | None:
        """A packet leaves: its source becomes the outside address; None where it may not turn round here."""
        if packet.destination.host == self.address and not self.hairpin:
            return None
        opened = packet.kind in (Kind.DATAGRAM, Kind.SYN)
        accepted = None if opened else self._accepted.get((packet.source, packet.destination))
        mapping = accepted or self._mapping(packet, now)
        mapping.used_at = now
        mapping.sent_to[packet.destination] = now
        return packet.between(mapping.outside, packet.destination)

    def _mapping(self, packet: Packet, now: float) -> Mapping:
        transport = packet.transport
        rule = self._translations[transport]
        key = (transport, packet.source, rule.mapping.part_of(packet.destination))
        known = self._mappings.get(key)
        if known is not None:
            if not self._expired(transport, known.used_at, now):
                return known
            del self._by_port[transport, known.outside.port]
        port = self._chance.randrange(1024, 65536)
        while (transport, port) in self._by_port:
            port = self._chance.randrange(1024, 65536)
        mapping = Mapping(packet.source, TransportAddress(host=self.address, port=port), now)
        self._mappings[key] = self._by_port[transport, port] = mapping
        return mapping

    def inbound(self, packet: Packet, now: float) -> Packet | None:
        """A packet comes to the outside address: its destination becomes the inside one; None: filtered."""
        transport = packet.transport
        mapping = self._by_port.get((transport, packet.destination.port))
        if mapping is None or self._expired(transport, mapping.used_at, now):
            return None
        if packet.kind in (Kind.DATAGRAM, Kind.SYN):
            if not self._admits(transport, mapping, packet.source, now):
                return None
            if packet.kind is Kind.SYN:
                self._accepted[mapping.inside, packet.source] = mapping
        elif packet.source not in mapping.sent_to and (mapping.inside, packet.source) not in self._accepted:
            return None
        return packet.between(packet.source, mapping.inside)

    def _admits(self, transport: Transport, mapping: Mapping, source: TransportAddress, now: float) -> bool:
        filtering = self._translations[transport].filtering
        if filtering is Behaviour.ENDPOINT_INDEPENDENT:
            return True
        wanted = filtering.part_of(source)
        return any(
            filtering.part_of(remote) == wanted and not self._expired(transport, at, now)
            for remote, at in mapping.sent_to.items()
        )

    def _expired(self, transport: Transport, used_at: float, now: float) -> bool:
        return now - used_at > self._translations[transport].lifetime_s

    def restart(self) -> None:
        """Forget all mappings."""
        self._mappings.clear()
        self._by_port.clear()
        self._accepted.clear()
