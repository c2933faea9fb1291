"""IP packets around what was sent: IPv4 and IPv6 with UDP or TCP headers, all checksums right.

The headers were never on a wire; they say what a capture tool needs to show the content at its addresses.
"""

from __future__ import annotations

import functools
import ipaddress
import struct
import sys
from array import array
from typing import Final

from ice.types import TransportAddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10

MAX_UDP: Final = 65507
"""Bytes of the longest content of a UDP datagram in IPv4."""

MAX_SEGMENT: Final = 1400
"""Bytes of content of one TCP segment: what a real network would carry."""

_UDP, _TCP = 17, 6
_HOPS = 64
_WINDOW = 65535


@functools.lru_cache(maxsize=256)
def ip_of(host: str) -> Address | None:
    """The number of an IP literal, with or without a zone; None where it is none."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def udp_packet(source: TransportAddress, destination: TransportAddress, content: bytes) -> bytes | None:
    """A whole IP packet; None where a host is no IP literal. What is too long for a datagram is cut."""
    ends = _ends(source, destination)
    if ends is None:
        return None
    content = content[:MAX_UDP]
    size = 8 + len(content)
    head = struct.pack("!HHH", source.port, destination.port, size)
    # RFC 768: a checksum that comes out as zero is sent as all ones.
    checksum = _checksum(_pseudo(*ends, _UDP, size) + head + b"\0\0" + content) or 0xFFFF
    return _packet(*ends, _UDP, head + struct.pack("!H", checksum) + content)


def tcp_packet(
    source: TransportAddress,
    destination: TransportAddress,
    content: bytes = b"",
    *,
    sequence: int,
    acknowledged: int,
    flags: int,
) -> bytes | None:
    """A whole IP packet with one TCP segment; None where a host is no IP literal."""
    ends = _ends(source, destination)
    if ends is None:
        return None
    head = struct.pack(
        "!HHIIBBH",
        source.port,
        destination.port,
        sequence & 0xFFFFFFFF,
        acknowledged & 0xFFFFFFFF,
        5 << 4,
        flags,
        _WINDOW,
    )
    size = len(head) + 4 + len(content)
    checksum = _checksum(_pseudo(*ends, _TCP, size) + head + bytes(4) + content)
    return _packet(*ends, _TCP, head + struct.pack("!HH", checksum, 0) + content)


def _ends(source: TransportAddress, destination: TransportAddress) -> tuple[Address, Address] | None:
    """Both as one IP version; IPv4 beside IPv6 is mapped (RFC 4291 §2.5.5.2)."""
    first, second = ip_of(source.host), ip_of(destination.host)
    if first is None or second is None:
        return None
    if isinstance(first, ipaddress.IPv4Address) and isinstance(second, ipaddress.IPv4Address):
        return first, second
    return _mapped(first), _mapped(second)


def _mapped(address: Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def _pseudo(source: Address, destination: Address, protocol: int, size: int) -> bytes:
    """The pseudo header that checksums cover (RFC 793 §3.1, RFC 8200 §8.1)."""
    if isinstance(source, ipaddress.IPv4Address):
        return source.packed + destination.packed + struct.pack("!BBH", 0, protocol, size)
    return source.packed + destination.packed + struct.pack("!IHBB", size, 0, 0, protocol)


def _packet(source: Address, destination: Address, protocol: int, payload: bytes) -> bytes:
    if isinstance(source, ipaddress.IPv6Address):
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, _HOPS)
        return head + source.packed + destination.packed + payload
    # Not to be fragmented, number 0 (RFC 6864 §4.1).
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0x4000, _HOPS, protocol)
    addresses = source.packed + destination.packed
    return head + struct.pack("!H", _checksum(head + b"\0\0" + addresses)) + addresses + payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    words = array("H", data)
    if sys.byteorder == "little":
        words.byteswap()
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
