"""Messages of the NAT Port Mapping Protocol (RFC 6886)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from ice.errors import PortMappingError
from ice.types import Transport

VERSION = 0

_EXTERNAL_ADDRESS = 0
_OPCODE = {Transport.UDP: 1, Transport.TCP: 2}
_TRANSPORT = {opcode: transport for transport, opcode in _OPCODE.items()}
_RESPONSE = 0x80

_MAP_REQUEST = struct.Struct("!BBxxHHI")
_ANSWER = struct.Struct("!BBHI")
"""§3.2, §3.3: version, opcode, result, epoch; §3.5: of the answer to another version nothing follows."""
_MAPPING = struct.Struct("!HHI")

RESULTS = {
    1: "the version is not supported",
    2: "not authorised",
    3: "its network fails",
    4: "it has no resources left",
    5: "the opcode is not supported",
}
"""§3.5: what an error means, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAnswer:
    """The external address, asked for or announced (§3.2).

    Attributes:
        result: 0, or a key of RESULTS; others may follow.
        epoch_s: clock of the gateway, which begins anew where it forgot its mappings.
        host: IPv4 address; means nothing with an error.
    """

    result: int
    epoch_s: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapAnswer:
    """What became of a request for a mapping (§3.3).

    Attributes:
        result: 0, or a key of RESULTS; others may follow.
        epoch_s: clock of the gateway.
        transport: of the request.
        port: ours.
        external_port: where the outside reaches it.
        lifetime_s: seconds that the mapping will last.
    """

    result: int
    epoch_s: int
    transport: Transport
    port: int
    external_port: int
    lifetime_s: int


Answer = AddressAnswer | MapAnswer


def write_address_request() -> bytes:
    """The bytes of a request for the external address."""
    return bytes((VERSION, _EXTERNAL_ADDRESS))


def write_map_request(transport: Transport, port: int, suggested_port: int, lifetime_s: int) -> bytes:
    """The bytes of a request for a mapping towards `port` of the sender.

    Args:
        transport: TCP or UDP.
        port: ours.
        suggested_port: the external port that it had; 0 for any, and in order to delete.
        lifetime_s: wanted seconds; 0 deletes the mapping.
    """
    return _MAP_REQUEST.pack(VERSION, _OPCODE[transport], port, suggested_port, lifetime_s)


def parse(data: bytes) -> Answer:
    """Read what a gateway sent.

    Raises:
        PortMappingError: it is no answer to one of our requests.
    """
    if len(data) < _ANSWER.size or data[0] != VERSION or not data[1] & _RESPONSE:
        raise PortMappingError("no answer of NAT-PMP")
    _, opcode, result, epoch_s = _ANSWER.unpack_from(data)
    opcode &= ~_RESPONSE
    body = data[_ANSWER.size :]
    if opcode == _EXTERNAL_ADDRESS:
        if len(body) < 4 and not result:
            raise PortMappingError("an external address that is cut off")
        host = str(ipaddress.IPv4Address(body[:4].ljust(4, b"\0")))
        return AddressAnswer(result=result, epoch_s=epoch_s, host=host)
    if opcode not in _TRANSPORT:
        raise PortMappingError(f"an answer of opcode {opcode}")
    if len(body) < _MAPPING.size:
        raise PortMappingError("an answer to a request for a mapping that is cut off")
    port, external_port, lifetime_s = _MAPPING.unpack_from(body)
    return MapAnswer(
        result=result,
        epoch_s=epoch_s,
        transport=_TRANSPORT[opcode],
        port=port,
        external_port=external_port,
        lifetime_s=lifetime_s,
    )
