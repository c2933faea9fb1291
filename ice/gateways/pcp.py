"""Messages of the Port Control Protocol: the MAP and ANNOUNCE opcodes (RFC 6887)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from ice.errors import PortMappingError
from ice.types import Transport, TransportAddress

VERSION = 2
NONCE_SIZE = 12

_ANNOUNCE, _MAP = 0, 1
_RESPONSE = 0x80

# §7.1, §7.2: version, opcode, reserved, and then lifetime and address, or result, lifetime, epoch.
_REQUEST = struct.Struct("!BBxxI16s")
_ANSWER = struct.Struct("!BBxBII12x")
_MAPPING = struct.Struct("!12sB3xHH16s")
"""§11.1: nonce, protocol, internal port, external port, external address."""

_MOST = 1100
"""§7: no message is longer."""

_PROTOCOL = {Transport.TCP: 6, Transport.UDP: 17}
_TRANSPORT = {number: transport for transport, number in _PROTOCOL.items()}

RESULTS = {
    1: "the version is not supported",
    2: "not authorised",
    3: "it calls the request malformed",
    4: "the opcode is not supported",
    5: "an option is not supported",
    6: "it calls an option malformed",
    7: "its network fails",
    8: "it has no resources left",
    9: "the transport is not supported",
    10: "the quota of this host is used up",
    11: "the external address cannot be had",
    12: "there is another NAT on the way to it",
    13: "too many remote peers",
}
"""§7.4: what an error means, for people."""

_UNSUPPORTED_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRequest:
    """A request to map a port towards the sender.

    Attributes:
        client: IP address that it is sent from.
        nonce: 12 unguessable bytes, the same as long as the mapping lives.
        transport: TCP or UDP.
        port: ours.
        lifetime_s: wanted seconds; 0 deletes the mapping.
        suggested: the external address that it had; None for any.
    """

    client: str
    nonce: bytes
    transport: Transport
    port: int
    lifetime_s: int
    suggested: TransportAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapAnswer:
    """What became of a request.

    Attributes:
        result: 0, or a key of RESULTS; others may follow.
        lifetime_s: seconds that the mapping, or the error, will last.
        epoch_s: clock of the server, which begins anew where it forgot its mappings.
        nonce: of the request.
        transport: of the request.
        port: of the request.
        external: where the outside reaches that port; means nothing with an error.
    """

    result: int
    lifetime_s: int
    epoch_s: int
    nonce: bytes
    transport: Transport
    port: int
    external: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """The server tells its clock, unasked: it began anew (§14.1)."""

    epoch_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherVersion:
    """The server does not speak version 2 (§9); `version` 0 is that of NAT-PMP."""

    version: int


Answer = MapAnswer | Announcement | OtherVersion


def write(request: MapRequest) -> bytes:
    """The bytes of a request.

    Raises:
        ValueError: a host is no IP literal, or the nonce has another size.
    """
    if len(request.nonce) != NONCE_SIZE:
        raise ValueError(f"a nonce of {len(request.nonce)} bytes")
    # §5: no preference is the address of all zeros in the family that is wanted.
    nothing = TransportAddress(host="::" if ":" in request.client else "0.0.0.0", port=0)  # noqa: S104
    external = request.suggested or nothing
    return _REQUEST.pack(VERSION, _MAP, request.lifetime_s, _packed(request.client)) + _MAPPING.pack(
        request.nonce, _PROTOCOL[request.transport], request.port, external.port, _packed(external.host)
    )


def parse(data: bytes) -> Answer:
    """Read what a server sent (§8.3); options mean nothing to us and are passed over.

    Raises:
        PortMappingError: it is no answer of a server.
    """
    # A NAT-PMP server answers with opcode 0, which lacks the bit of a response (RFC 6886 §3.5).
    if len(data) < 4 or not (data[1] & _RESPONSE or data[:2] == b"\0\0"):
        raise PortMappingError("no answer of PCP")
    if data[0] != VERSION:
        if data[3] == _UNSUPPORTED_VERSION:
            return OtherVersion(version=data[0])
        raise PortMappingError(f"an answer of version {data[0]}")
    if len(data) < _ANSWER.size or len(data) > _MOST or len(data) % 4:
        raise PortMappingError(f"an answer of {len(data)} bytes")
    _, opcode, result, lifetime_s, epoch_s = _ANSWER.unpack_from(data)
    if opcode == _RESPONSE | _ANNOUNCE:
        return Announcement(epoch_s=epoch_s)
    if opcode != _RESPONSE | _MAP:
        raise PortMappingError(f"an answer of opcode {opcode & ~_RESPONSE}")
    if len(data) < _ANSWER.size + _MAPPING.size:
        raise PortMappingError(f"an answer to MAP of {len(data)} bytes")
    nonce, protocol, port, external_port, external = _MAPPING.unpack_from(data, _ANSWER.size)
    if protocol not in _TRANSPORT:
        raise PortMappingError(f"an answer for protocol {protocol}")
    return MapAnswer(
        result=result,
        lifetime_s=lifetime_s,
        epoch_s=epoch_s,
        nonce=nonce,
        transport=_TRANSPORT[protocol],
        port=port,
        external=TransportAddress(host=_unpacked(external), port=external_port),
    )


def _packed(host: str) -> bytes:
    """16 bytes; IPv4 as IPv4-mapped IPv6 (§5)."""
    address = ipaddress.ip_address(host)
    return (
        address.packed
        if isinstance(address, ipaddress.IPv6Address)
        else bytes(10) + b"\xff\xff" + address.packed
    )


def _unpacked(packed: bytes) -> str:
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)
