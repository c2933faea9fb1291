"""STUN attributes of long-term credentials (RFC 8489 §9.2, §14.4, §14.9 to §14.12)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from ice.errors import StunError
from ice.stun.attributes import Attribute, TextAttribute, attribute, expect_size


@attribute(0x0014)
@dataclass(frozen=True, slots=True, kw_only=True)
class Realm(TextAttribute):
    """REALM (RFC 8489 §14.9)."""


@attribute(0x0015)
@dataclass(frozen=True, slots=True, kw_only=True)
class Nonce(TextAttribute):
    """NONCE (RFC 8489 §14.10)."""


@attribute(0x001E)
@dataclass(frozen=True, slots=True, kw_only=True)
class Userhash(Attribute):
    """USERHASH (RFC 8489 §14.4): SHA-256 of "user:realm", 32 bytes."""

    value: bytes

    def encode(self, transaction_id: bytes) -> bytes:
        """32 bytes."""
        del transaction_id
        if len(self.value) != 32:
            raise ValueError("USERHASH has 32 bytes")
        return self.value

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 32 bytes."""
        del transaction_id
        expect_size(value, 32, "USERHASH")
        return cls(value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A password algorithm (RFC 8489 §18.5): 1 MD5, 2 SHA-256, others unknown; parameters as they came."""

    number: int
    parameters: bytes = b""


def _encode_algorithm(algorithm: Algorithm) -> bytes:
    header = struct.pack("!HH", algorithm.number, len(algorithm.parameters))
    return header + algorithm.parameters + bytes(-len(algorithm.parameters) % 4)


def _decode_algorithms(value: bytes, name: str) -> tuple[Algorithm, ...]:
    found = []
    offset = 0
    while offset < len(value):
        if offset + 4 > len(value):
            raise StunError(f"{name} ends inside an entry")
        number, length = struct.unpack_from("!HH", value, offset)
        offset += 4
        if offset + length > len(value):
            raise StunError(f"{name} ends inside parameters")
        found.append(Algorithm(number=number, parameters=value[offset : offset + length]))
        # The attribute's own padding may stand in for that of the last entry.
        offset += length + -length % 4
    return tuple(found)


@attribute(0x001D)
@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAlgorithm(Attribute):
    """PASSWORD-ALGORITHM (RFC 8489 §14.12)."""

    algorithm: Algorithm

    def encode(self, transaction_id: bytes) -> bytes:
        """One entry."""
        del transaction_id
        return _encode_algorithm(self.algorithm)

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read exactly one entry."""
        del transaction_id
        found = _decode_algorithms(value, "PASSWORD-ALGORITHM")
        if len(found) != 1:
            raise StunError(f"PASSWORD-ALGORITHM holds {len(found)} algorithms")
        return cls(algorithm=found[0])


@attribute(0x8002)
@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAlgorithms(Attribute):
    """PASSWORD-ALGORITHMS (RFC 8489 §14.11), in the server's order of preference."""

    algorithms: tuple[Algorithm, ...]

    def encode(self, transaction_id: bytes) -> bytes:
        """The entries one after the other."""
        del transaction_id
        return b"".join(map(_encode_algorithm, self.algorithms))

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read all entries."""
        del transaction_id
        return cls(algorithms=_decode_algorithms(value, "PASSWORD-ALGORITHMS"))
