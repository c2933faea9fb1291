"""Addresses inside STUN attributes, in clear and masked (RFC 8489 §14.1, §14.2)."""

from __future__ import annotations

import functools
import ipaddress
import struct

from ice.errors import StunError
from ice.types import TransportAddress

MAGIC_COOKIE = 0x2112A442
"""RFC 8489 §5."""

_FAMILY_IPV4 = 1
_FAMILY_IPV6 = 2
_ADDRESS_SIZES = (8, 20)


class UnsupportedFamily(Exception):
    """The address family is neither IPv4 nor IPv6: the attribute is ignored (RFC 8489 §14.1)."""


def encode_address(address: TransportAddress, mask: bytes) -> bytes:
    """Family, port and address under `mask` of 16 bytes; ValueError where the host is no IP address."""
    packed = _packed(address.host)
    family = _FAMILY_IPV4 if len(packed) == 4 else _FAMILY_IPV6
    port = address.port ^ int.from_bytes(mask[:2], "big")
    masked = _under(packed, mask)
    return struct.pack("!BBH", 0, family, port) + masked


def decode_address(value: bytes, mask: bytes) -> TransportAddress:
    """Read what `encode_address` writes; raises StunError or UnsupportedFamily."""
    if len(value) < 4:
        raise StunError("address attribute is too short")
    family = value[1]
    if family not in (_FAMILY_IPV4, _FAMILY_IPV6):
        raise UnsupportedFamily
    if len(value) != _ADDRESS_SIZES[family - 1]:
        raise StunError(f"address attribute of family {family} has {len(value)} bytes")
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    return TransportAddress(host=_host(_under(value[4:], mask)), port=port)


def _under(packed: bytes, mask: bytes) -> bytes:
    size = len(packed)
    return (int.from_bytes(packed, "big") ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")


# The same few addresses come again in every check.
@functools.lru_cache(maxsize=256)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


@functools.lru_cache(maxsize=256)
def _host(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


NO_MASK = bytes(16)
"""The mask of addresses in clear."""


def xor_mask(transaction_id: bytes) -> bytes:
    """The mask of XOR addresses: the cookie, then the transaction id."""
    return MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
