"""STUN attributes as values, and their wire form (RFC 8489 §14, RFC 8445 §16.1).

One class per attribute; `type` is its number. A new attribute is a class with `encode` and `decode`
under `@attribute`, as those of `ice.stun.credential_attributes` and `ice.turn.attributes`. MESSAGE-INTEGRITY,
MESSAGE-INTEGRITY-SHA256 and FINGERPRINT depend on the whole message and live in `ice.stun.message`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

from ice.errors import StunError
from ice.stun.address import NO_MASK, UnsupportedFamily, decode_address, encode_address, xor_mask
from ice.types import TransportAddress

FIRST_OPTIONAL_TYPE = 0x8000
"""Attribute types below it must be understood by whoever reads the message (RFC 8489 §14)."""

MESSAGE_INTEGRITY = 0x0008
MESSAGE_INTEGRITY_SHA256 = 0x001C
FINGERPRINT = 0x8028

# RFC 8489 §14.3, §14.8: at most 763 bytes are read; 508 (USERNAME) or 509 are written; under 128 characters.
_MAX_TEXT_READ = 763
_MAX_USERNAME_WRITTEN = 508
_MAX_TEXT_WRITTEN = 509
_MAX_CHARACTERS = 127

# RFC 8489 §14.8: class 3 to 6, number 0 to 99.
_MIN_ERROR = 300
_MAX_ERROR = 699


class Attribute:
    """Root of all attributes."""

    __slots__ = ()

    type: ClassVar[int]

    def wire_type(self) -> int:
        """The 16-bit type written on the wire."""
        return self.type

    def encode(self, transaction_id: bytes) -> bytes:
        """The value without padding; `transaction_id` is the 96-bit id of its message."""
        raise NotImplementedError

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read a value; raises StunError where it is malformed."""
        raise NotImplementedError


_A = TypeVar("_A", bound=Attribute)

REGISTRY: dict[int, type[Attribute]] = {}
"""All attributes that this package understands, by type."""


def attribute(number: int) -> Callable[[type[_A]], type[_A]]:
    """Register a class as the attribute of type `number`."""

    def register(cls: type[_A]) -> type[_A]:
        cls.type = number
        REGISTRY[number] = cls
        return cls

    return register


def is_known(number: int) -> bool:
    """True where this package understands the attribute type."""
    return number in REGISTRY or number in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownAttribute(Attribute):
    """An attribute that this package does not know, or an address of an unknown family; kept as it came."""

    number: int
    value: bytes

    def wire_type(self) -> int:
        """The type it came with."""
        return self.number

    def encode(self, transaction_id: bytes) -> bytes:
        """The value as it came."""
        del transaction_id
        return self.value


# --- addresses (RFC 8489 §14.1, §14.2) ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address(Attribute):
    address: TransportAddress

    def encode(self, transaction_id: bytes) -> bytes:
        """Family, port and address in clear."""
        del transaction_id
        return encode_address(self.address, NO_MASK)

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read family, port and address."""
        del transaction_id
        return cls(address=decode_address(value, NO_MASK))


@dataclass(frozen=True, slots=True, kw_only=True)
class XorAddress(Attribute):
    """Root of attributes that hold a masked address (RFC 8489 §14.2)."""

    address: TransportAddress

    def encode(self, transaction_id: bytes) -> bytes:
        """Family, port and address, the last two masked with cookie and transaction id."""
        return encode_address(self.address, xor_mask(transaction_id))

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read and unmask."""
        return cls(address=decode_address(value, xor_mask(transaction_id)))


@attribute(0x0001)
@dataclass(frozen=True, slots=True, kw_only=True)
class MappedAddress(_Address):
    """MAPPED-ADDRESS (RFC 8489 §14.1)."""


@attribute(0x0020)
@dataclass(frozen=True, slots=True, kw_only=True)
class XorMappedAddress(XorAddress):
    """XOR-MAPPED-ADDRESS (RFC 8489 §14.2)."""


@attribute(0x8023)
@dataclass(frozen=True, slots=True, kw_only=True)
class AlternateServer(_Address):
    """ALTERNATE-SERVER (RFC 8489 §14.15)."""


# --- text (RFC 8489 §14.3, §14.9, §14.10, §14.14, §14.16) ------------------------------------------------


def _encode_text(text: str, max_bytes: int, max_characters: int | None, name: str) -> bytes:
    value = text.encode()
    if len(value) > max_bytes or (max_characters is not None and len(text) > max_characters):
        raise ValueError(f"{name} is too long: {len(text)} characters, {len(value)} bytes")
    return value


def _decode_text(value: bytes, max_characters: int | None, name: str) -> str:
    if len(value) > _MAX_TEXT_READ:
        raise StunError(f"{name} has {len(value)} bytes, more than {_MAX_TEXT_READ}")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise StunError(f"{name} is not UTF-8") from error
    if max_characters is not None and len(text) > max_characters:
        raise StunError(f"{name} has {len(text)} characters, more than {max_characters}")
    return text


@attribute(0x0006)
@dataclass(frozen=True, slots=True, kw_only=True)
class Username(Attribute):
    """USERNAME (RFC 8489 §14.3); in checks "their ufrag:our ufrag" (RFC 8445 §7.2.2)."""

    value: str

    def encode(self, transaction_id: bytes) -> bytes:
        """UTF-8; raises ValueError above 508 bytes."""
        del transaction_id
        return _encode_text(self.value, _MAX_USERNAME_WRITTEN, None, "USERNAME")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read UTF-8 of at most 763 bytes."""
        del transaction_id
        return cls(value=_decode_text(value, None, "USERNAME"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAttribute(Attribute):
    """Root of attributes that hold under 128 characters of UTF-8."""

    value: str

    def encode(self, transaction_id: bytes) -> bytes:
        """UTF-8; raises ValueError from 128 characters on."""
        del transaction_id
        return _encode_text(self.value, _MAX_TEXT_WRITTEN, _MAX_CHARACTERS, type(self).__name__)

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read UTF-8 of at most 127 characters."""
        del transaction_id
        return cls(value=_decode_text(value, _MAX_CHARACTERS, cls.__name__))


@attribute(0x8022)
@dataclass(frozen=True, slots=True, kw_only=True)
class Software(TextAttribute):
    """SOFTWARE (RFC 8489 §14.14)."""


@attribute(0x8003)
@dataclass(frozen=True, slots=True, kw_only=True)
class AlternateDomain(Attribute):
    """ALTERNATE-DOMAIN (RFC 8489 §14.16): at most 255 ASCII bytes."""

    value: str

    def encode(self, transaction_id: bytes) -> bytes:
        """ASCII; raises ValueError above 255 bytes."""
        del transaction_id
        value = self.value.encode("ascii")
        if len(value) > 255:
            raise ValueError("ALTERNATE-DOMAIN is longer than 255 bytes")
        return value

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read ASCII."""
        del transaction_id
        if len(value) > 255 or not value.isascii():
            raise StunError("ALTERNATE-DOMAIN is no domain name")
        return cls(value=value.decode("ascii"))


# --- numbers and flags of ICE (RFC 8445 §16.1) -------------------------------------------------------------


def expect_size(value: bytes, size: int, name: str) -> None:
    """Raise StunError where the value has not `size` bytes."""
    if len(value) != size:
        raise StunError(f"{name} has {len(value)} bytes, not {size}")


@attribute(0x0024)
@dataclass(frozen=True, slots=True, kw_only=True)
class Priority(Attribute):
    """PRIORITY (RFC 8445 §7.1.1): what a peer-reflexive candidate learned from this check gets."""

    value: int

    def encode(self, transaction_id: bytes) -> bytes:
        """32 bits."""
        del transaction_id
        return self.value.to_bytes(4, "big")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 32 bits."""
        del transaction_id
        expect_size(value, 4, "PRIORITY")
        return cls(value=int.from_bytes(value, "big"))


@attribute(0x0025)
@dataclass(frozen=True, slots=True, kw_only=True)
class UseCandidate(Attribute):
    """USE-CANDIDATE (RFC 8445 §7.1.2): nominates the pair."""

    def encode(self, transaction_id: bytes) -> bytes:
        """No bytes."""
        del transaction_id
        return b""

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Expect no bytes."""
        del transaction_id
        expect_size(value, 0, "USE-CANDIDATE")
        return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class _TieBreaker(Attribute):
    tie_breaker: int

    def encode(self, transaction_id: bytes) -> bytes:
        """64 bits."""
        del transaction_id
        return self.tie_breaker.to_bytes(8, "big")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 64 bits."""
        del transaction_id
        expect_size(value, 8, cls.__name__)
        return cls(tie_breaker=int.from_bytes(value, "big"))


@attribute(0x8029)
@dataclass(frozen=True, slots=True, kw_only=True)
class IceControlled(_TieBreaker):
    """ICE-CONTROLLED (RFC 8445 §7.1.3)."""


@attribute(0x802A)
@dataclass(frozen=True, slots=True, kw_only=True)
class IceControlling(_TieBreaker):
    """ICE-CONTROLLING (RFC 8445 §7.1.3)."""


# --- errors (RFC 8489 §14.8, §14.13) -----------------------------------------------------------------------


@attribute(0x0009)
@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode(Attribute):
    """ERROR-CODE (RFC 8489 §14.8): a number of 300 to 699 and a reason for people."""

    code: int
    reason: str = ""

    def encode(self, transaction_id: bytes) -> bytes:
        """Class, number and reason; raises ValueError for a code outside 300 to 699."""
        del transaction_id
        if not _MIN_ERROR <= self.code <= _MAX_ERROR:
            raise ValueError(f"{self.code} is no STUN error code")
        reason = _encode_text(self.reason, _MAX_TEXT_WRITTEN, _MAX_CHARACTERS, "reason phrase")
        return bytes((0, 0, self.code // 100, self.code % 100)) + reason

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read class, number and reason; the 21 reserved bits are not looked at."""
        del transaction_id
        if len(value) < 4:
            raise StunError("ERROR-CODE is too short")
        hundreds, number = value[2] & 0x07, value[3]
        if not 3 <= hundreds <= 6 or number > 99:
            raise StunError(f"ERROR-CODE of class {hundreds}, number {number}")
        return cls(
            code=hundreds * 100 + number, reason=_decode_text(value[4:], _MAX_CHARACTERS, "reason phrase")
        )


@attribute(0x000A)
@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownAttributes(Attribute):
    """UNKNOWN-ATTRIBUTES (RFC 8489 §14.13): the types behind a 420."""

    types: tuple[int, ...]

    def encode(self, transaction_id: bytes) -> bytes:
        """16 bits each."""
        del transaction_id
        return struct.pack(f"!{len(self.types)}H", *self.types)

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 16 bits each."""
        del transaction_id
        if len(value) % 2:
            raise StunError("UNKNOWN-ATTRIBUTES has an odd number of bytes")
        return cls(types=struct.unpack(f"!{len(value) // 2}H", value))


def decode_attribute(number: int, value: bytes, transaction_id: bytes) -> Attribute:
    """Read one attribute, unknown ones as UnknownAttribute; raises StunError where it is malformed."""
    known = REGISTRY.get(number)
    if known is None:
        return UnknownAttribute(number=number, value=value)
    try:
        return known.decode(value, transaction_id)
    except UnsupportedFamily:
        return UnknownAttribute(number=number, value=value)
