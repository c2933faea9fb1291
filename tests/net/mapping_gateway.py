"""A gateway that maps ports on demand: PCP (RFC 6887) and NAT-PMP (RFC 6886) as a core.

It translates IPv4 and is a firewall for IPv6.

It reads and writes the bytes by itself, so that a fault of our codecs is not hidden by the same fault here.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from ice.types import Transport, TransportAddress

_UDP, _TCP = 17, 6
_TRANSPORTS = {_UDP: Transport.UDP, _TCP: Transport.TCP}
_NAT_PMP_TRANSPORTS = {1: Transport.UDP, 2: Transport.TCP}
_FIRST_PORT = 20000


@dataclass(slots=True)
class HeldMapping:
    """A mapping of the gateway."""

    inside: TransportAddress
    external_port: int
    expires_at: float
    nonce: bytes = b""


class MappingGateway:
    """One gateway.

    Attributes:
        address: where it listens.
        external: its outside address.
        external6: what it makes of all IPv6 addresses inside; None: they stay.
        pcp: True where it speaks PCP.
        nat_pmp: True where it speaks NAT-PMP.
        most_s: the longest lifetime that it grants.
        refuses: a result code for every request, 0 for none.
        held: mappings by transport and inside address.
        requests: what was asked, in order.
    """

    def __init__(
        self,
        *,
        address: str = "192.0.2.1",
        external: str = "203.0.113.7",
        pcp: bool = True,
        nat_pmp: bool = True,
        most_s: int = 7200,
        began_at: float = 0.0,
    ) -> None:
        self.address = TransportAddress(host=address, port=5351)
        self.external = external
        self.external6: ipaddress.IPv6Address | None = None
        self.pcp = pcp
        self.nat_pmp = nat_pmp
        self.most_s = most_s
        self.refuses = 0
        self.held: dict[tuple[Transport, TransportAddress], HeldMapping] = {}
        self.requests: list[bytes] = []
        self._began_at = began_at
        self._ports = _FIRST_PORT

    def restart(self, now: float) -> None:
        """Forget everything, as after a power cut."""
        self.held.clear()
        self._began_at = now

    def live(self, now: float) -> list[HeldMapping]:
        """Mappings that have not expired."""
        return [mapping for mapping in self.held.values() if now < mapping.expires_at]

    def answer(self, source: TransportAddress, data: bytes, now: float) -> list[bytes]:
        """What it sends back."""
        self.requests.append(data)
        if data[0] == 2 and self.pcp:
            return [self._pcp(source, data, now)]
        if data[0] == 0 and self.nat_pmp:
            return [self._nat_pmp(source, data, now)]
        if self.nat_pmp:
            return [struct.pack("!BBHI", 0, 0, 1, self._epoch(now))]
        if self.pcp:
            return [struct.pack("!BBxBII12x", 2, data[1] | 0x80, 1, 1800, self._epoch(now))]
        return []

    def announcement(self, now: float) -> bytes:
        """What it multicasts after a restart or another external address."""
        if self.pcp:
            return struct.pack("!BBxBII12x", 2, 0x80, 0, 0, self._epoch(now))
        packed = ipaddress.IPv4Address(self.external).packed
        return struct.pack("!BBHI4s", 0, 0x80, 0, self._epoch(now), packed)

    def _epoch(self, now: float) -> int:
        return int(now - self._began_at)

    def _map(
        self, transport: Transport, inside: TransportAddress, port: int, lifetime: int, now: float
    ) -> HeldMapping:
        held = self.held.get((transport, inside))
        if held is None:
            used = {mapping.external_port for mapping in self.held.values()}
            self._ports += 1
            if not port or port in used:
                port = self._ports
            held = self.held[transport, inside] = HeldMapping(inside, port, 0.0)
        held.expires_at = now + min(lifetime, self.most_s)
        return held

    def _pcp(self, source: TransportAddress, data: bytes, now: float) -> bytes:
        _, _, lifetime, client = struct.unpack_from("!BBxxI16s", data)
        nonce, protocol, port, suggested, address = struct.unpack_from("!12sB3xHH16s", data, 24)
        result, transport = self.refuses, _TRANSPORTS[protocol]
        inside = TransportAddress(host=source.host, port=port)
        packed = ipaddress.IPv6Address(client)
        if str(packed.ipv4_mapped or packed) != source.host:
            result = 12
        external_port = suggested
        if result == 0 and lifetime == 0:
            self.held.pop((transport, inside), None)
        elif result == 0:
            held = self._map(transport, inside, suggested, lifetime, now)
            held.nonce = held.nonce or nonce
            external_port, lifetime = held.external_port, int(held.expires_at - now)
            address = b"\0" * 10 + b"\xff\xff" + ipaddress.IPv4Address(self.external).packed
            if packed.ipv4_mapped is None:
                held.external_port = external_port = port
                address = packed.packed if self.external6 is None else self.external6.packed
            result = 0 if held.nonce == nonce else 2
        header = struct.pack("!BBxBII12x", 2, 0x81, result, lifetime, self._epoch(now))
        return header + struct.pack("!12sB3xHH16s", nonce, protocol, port, external_port, address)

    def _nat_pmp(self, source: TransportAddress, data: bytes, now: float) -> bytes:
        opcode = data[1]
        if opcode == 0:
            packed = ipaddress.IPv4Address("0.0.0.0" if self.refuses else self.external).packed
            return struct.pack("!BBHI4s", 0, 0x80, self.refuses, self._epoch(now), packed)
        port, suggested, lifetime = struct.unpack_from("!HHI", data, 4)
        transport = _NAT_PMP_TRANSPORTS[opcode]
        inside = TransportAddress(host=source.host, port=port)
        external_port = 0
        if self.refuses == 0 and lifetime == 0:
            self.held.pop((transport, inside), None)
        elif self.refuses == 0:
            held = self._map(transport, inside, suggested, lifetime, now)
            external_port, lifetime = held.external_port, int(held.expires_at - now)
        result = self.refuses
        return struct.pack(
            "!BBHIHHI", 0, 0x80 | opcode, result, self._epoch(now), port, external_port, lifetime
        )
