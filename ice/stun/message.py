"""STUN messages: parse, serialise, integrity and fingerprint (RFC 8489 §5, §9, §14.5 to §14.7)."""

from __future__ import annotations

import enum
import functools
import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass, field
from typing import TypeVar

import ice.stun.credential_attributes
import ice.turn.attributes  # noqa: F401  both register their attributes
from ice.errors import StunError
from ice.stun.address import MAGIC_COOKIE
from ice.stun.attributes import (
    FINGERPRINT,
    FIRST_OPTIONAL_TYPE,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    Attribute,
    UnknownAttribute,
    decode_attribute,
    is_known,
)

HEADER_SIZE = 20
TRANSACTION_ID_SIZE = 12
MAX_SIZE = 65535
"""Bytes of the largest message that fits an RFC 4571 frame."""

MAX_METHOD = 0xFFF

# RFC 8489 §14.7.
_FINGERPRINT_MASK = 0x5354554E
_SHA1_SIZE = 20
# RFC 8489 §14.6: truncation is for usages that allow it (none here), 16 bytes at least.
_SHA256_SIZE = 32
_SHA256_MIN_SIZE = 16


class Method(enum.IntEnum):
    """Methods that this package speaks (RFC 8489 §18.2)."""

    BINDING = 0x001


class MessageClass(enum.IntEnum):
    """Class bits C1 and C0 (RFC 8489 §5)."""

    REQUEST = 0b00
    INDICATION = 0b01
    SUCCESS = 0b10
    ERROR = 0b11


class IntegrityAlgorithm(enum.Enum):
    """What protects a message: MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256."""

    SHA1 = MESSAGE_INTEGRITY
    SHA256 = MESSAGE_INTEGRITY_SHA256


_HASHES = {IntegrityAlgorithm.SHA1: hashlib.sha1, IntegrityAlgorithm.SHA256: hashlib.sha256}
_SIZES = {IntegrityAlgorithm.SHA1: _SHA1_SIZE, IntegrityAlgorithm.SHA256: _SHA256_SIZE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """A message authentication code as it came.

    Attributes:
        algorithm: which one.
        covered: the bytes under the code, their header length already as RFC 8489 §14.5 wants it.
        code: the code itself.
    """

    algorithm: IntegrityAlgorithm
    covered: bytes = field(repr=False)
    code: bytes


_A = TypeVar("_A", bound=Attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class StunMessage:
    """One STUN message.

    Attributes:
        method: 0 to 0xFFF; Method.BINDING for connectivity checks.
        message_class: request, indication, success or error.
        transaction_id: 12 bytes.
        attributes: in order, without MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT and without
            what stood behind a message authentication code (RFC 8489 §9).
        integrity: of a parsed message its authentication codes, not compared; `verifies` checks them.
        fingerprint: of a parsed message true where it held a (right) FINGERPRINT; not compared.
    """

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: tuple[Attribute, ...] = ()
    integrity: tuple[Integrity, ...] = field(default=(), compare=False)
    fingerprint: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.method <= MAX_METHOD:
            raise ValueError(f"method {self.method:#x} does not fit 12 bits")
        if len(self.transaction_id) != TRANSACTION_ID_SIZE:
            raise ValueError("a transaction id has 12 bytes")

    def get(self, kind: type[_A]) -> _A | None:
        """The first attribute of a class (RFC 8489 §14: the first of equal types counts), or None."""
        for item in self.attributes:
            if isinstance(item, kind):
                return item
        return None

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Types that must be understood and are not (RFC 8489 §6.3.1), in order, without repetition."""
        return tuple(
            dict.fromkeys(
                item.number
                for item in self.attributes
                if isinstance(item, UnknownAttribute)
                and item.number < FIRST_OPTIONAL_TYPE
                and not is_known(item.number)
            )
        )

    @property
    def integrity_algorithm(self) -> IntegrityAlgorithm | None:
        """The code that counts: SHA-256 where there is one (RFC 8489 §9.1.3), else SHA-1, else None."""
        strongest = self._strongest()
        return None if strongest is None else strongest.algorithm

    def verifies(self, key: bytes) -> bool:
        """True where the code that counts was made with `key` over these bytes; constant time."""
        strongest = self._strongest()
        if strongest is None:
            return False
        expected = hmac.digest(key, strongest.covered, _HASHES[strongest.algorithm])
        return hmac.compare_digest(expected, strongest.code)

    def _strongest(self) -> Integrity | None:
        for item in self.integrity:
            if item.algorithm is IntegrityAlgorithm.SHA256:
                return item
        return self.integrity[0] if self.integrity else None


def _message_type(method: int, message_class: int) -> int:
    # RFC 8489 §5: M11-M7, C1, M6-M4, C0, M3-M0.
    return (
        (method & 0xF80) << 2
        | (message_class & 0b10) << 7
        | (method & 0x070) << 1
        | (message_class & 0b01) << 4
        | (method & 0x00F)
    )


def _split_type(message_type: int) -> tuple[int, MessageClass]:
    method = (message_type & 0x3E00) >> 2 | (message_type & 0x00E0) >> 1 | (message_type & 0x000F)
    return method, MessageClass((message_type & 0x0100) >> 7 | (message_type & 0x0010) >> 4)


def _with_length(data: bytes, length: int) -> bytes:
    return data[:2] + length.to_bytes(2, "big") + data[4:]


def _set_length(out: bytearray, length: int) -> None:
    out[2:4] = length.to_bytes(2, "big")


def _fingerprint(covered: bytes | bytearray) -> int:
    return zlib.crc32(covered) ^ _FINGERPRINT_MASK


def serialise(
    message: StunMessage,
    *,
    integrity_key: bytes | None,
    fingerprint: bool,
    algorithm: IntegrityAlgorithm = IntegrityAlgorithm.SHA1,
) -> bytes:
    """The wire form, padded with zeros.

    Args:
        message: what to write; its `integrity` and `fingerprint` fields do not matter.
        integrity_key: key of the authentication code; None writes none.
        fingerprint: whether FINGERPRINT ends the message.
        algorithm: MESSAGE-INTEGRITY (ICE, RFC 8445 §7.3) or MESSAGE-INTEGRITY-SHA256.

    Raises:
        ValueError: a value does not fit its attribute, or the message is longer than 65535 bytes.
    """
    out = bytearray(
        struct.pack(
            "!HHI12s",
            _message_type(message.method, message.message_class),
            0,
            MAGIC_COOKIE,
            message.transaction_id,
        )
    )
    for item in message.attributes:
        _append(out, item.wire_type(), item.encode(message.transaction_id))
    if len(out) + 4 + _SHA256_SIZE + 8 > MAX_SIZE:
        raise ValueError("the STUN message is too long")
    if integrity_key is not None:
        _set_length(out, len(out) + 4 + _SIZES[algorithm] - HEADER_SIZE)
        _append(out, algorithm.value, hmac.digest(integrity_key, out, _HASHES[algorithm]))
    if fingerprint:
        _set_length(out, len(out) + 8 - HEADER_SIZE)
        _append(out, FINGERPRINT, _fingerprint(out).to_bytes(4, "big"))
    _set_length(out, len(out) - HEADER_SIZE)
    return bytes(out)


def _append(out: bytearray, number: int, value: bytes) -> None:
    if len(value) > MAX_SIZE:
        raise ValueError("the STUN message is too long")
    out += struct.pack("!HH", number, len(value))
    out += value
    out += bytes(-len(value) % 4)


def parse(data: bytes) -> StunMessage:
    """Read one whole message, a datagram or the content of a frame.

    Order of RFC 8489 §6.3: two top bits, length, cookie, attributes, then FINGERPRINT where there is one.
    Integrity is not checked here: see `StunMessage.verifies`.

    Raises:
        StunError: malformed; the text says in what.
    """
    return _parse(bytes(data))


# A packet goes through several hands (whose fork, whose generation, what it is): it is read once.
@functools.lru_cache(maxsize=4)
def _parse(data: bytes) -> StunMessage:
    if len(data) < HEADER_SIZE:
        raise StunError(f"{len(data)} bytes are too few for a STUN header")
    message_type, length, cookie, transaction_id = struct.unpack_from("!HHI12s", data)
    if message_type & 0xC000:
        raise StunError("the two top bits are not zero")
    if cookie != MAGIC_COOKIE:
        raise StunError("the magic cookie is missing")
    if length % 4 or length != len(data) - HEADER_SIZE:
        raise StunError(f"the length field says {length}, there are {len(data) - HEADER_SIZE} bytes")
    method, message_class = _split_type(message_type)

    attributes: list[Attribute] = []
    codes: list[Integrity] = []
    fingerprint = False
    offset = HEADER_SIZE
    while offset < len(data):
        number, size = struct.unpack_from("!HH", data, offset)
        start = offset + 4
        end = start + size
        if end > len(data):
            raise StunError(f"attribute {number:#06x} is longer than the message")
        value = bytes(data[start:end])
        following = end + -size % 4
        if number == FINGERPRINT:
            _check_fingerprint(data, offset, value)
            if following != len(data):
                raise StunError("FINGERPRINT is not the last attribute")
            fingerprint = True
        elif number in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
            code = _integrity(data, offset, IntegrityAlgorithm(number), value)
            # RFC 8489 §9: behind MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 counts, behind that nothing.
            if not codes or (
                number == MESSAGE_INTEGRITY_SHA256 and codes[-1].algorithm is IntegrityAlgorithm.SHA1
            ):
                codes.append(code)
        elif not codes:
            attributes.append(decode_attribute(number, value, transaction_id))
        offset = following
    return StunMessage(
        method=method,
        message_class=message_class,
        transaction_id=transaction_id,
        attributes=tuple(attributes),
        integrity=tuple(codes),
        fingerprint=fingerprint,
    )


def _integrity(data: bytes, offset: int, algorithm: IntegrityAlgorithm, code: bytes) -> Integrity:
    if algorithm is IntegrityAlgorithm.SHA1:
        fits = len(code) == _SHA1_SIZE
    else:
        fits = _SHA256_MIN_SIZE <= len(code) <= _SHA256_SIZE and len(code) % 4 == 0
    if not fits:
        raise StunError(f"an authentication code has {len(code)} bytes")
    covered = _with_length(data[:offset], offset + 4 + len(code) - HEADER_SIZE)
    return Integrity(algorithm=algorithm, covered=covered, code=code)


def _check_fingerprint(data: bytes, offset: int, value: bytes) -> None:
    if len(value) != 4:
        raise StunError(f"FINGERPRINT has {len(value)} bytes, not 4")
    covered = _with_length(data[:offset], offset + 8 - HEADER_SIZE)
    if int.from_bytes(value, "big") != _fingerprint(covered):
        raise StunError("FINGERPRINT does not match")


def short_term_key(password: str) -> bytes:
    """The key of short-term credentials (RFC 8489 §9.1.1); ICE passwords are ASCII, which stays as it is."""
    return password.encode()
