"""The header extension of an RTP packet: elements under ids that both sides have agreed on (RFC 8285 §4).

What a peer writes is read as far as it can be understood: a broken block costs its rest, never the audio.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.rtp.packet import EXTENSION_BIT, HEADER_LENGTH

ONE_BYTE_IDS: Final = range(1, 15)
"""Ids of the one-byte form (§4.2)."""

ONE_BYTE_LENGTHS: Final = range(1, 17)
"""Bytes that an element of the one-byte form can hold."""

ONE_BYTE: Final = 0xBEDE
"""Before the length of a block of the one-byte form."""

_TWO_BYTES: Final = 0x1000
_APPBITS: Final = 0x000F
_STOP: Final = 15
_HEAD: Final = struct.Struct("!HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderExtension:
    """What one packet holds beside its payload.

    Attributes:
        elements: id and data of each, in order.
        intact: false where the rest of the block could not be read.
    """

    elements: tuple[tuple[int, bytes], ...] = ()
    intact: bool = True


def parse(profile: int, data: bytes) -> HeaderExtension:
    """Read a block; never raises.

    The reserved id 15, padding with a length, and an element longer than the block end it (§4.2, §4.3).

    Args:
        profile: the 16 bits before the length; other forms than RFC 8285's have no elements.
        data: what follows the length.
    """
    if profile == ONE_BYTE:
        return _one_byte(data)
    if profile & ~_APPBITS == _TWO_BYTES:
        return _two_bytes(data)
    return HeaderExtension()


def _one_byte(data: bytes) -> HeaderExtension:
    elements: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while at < end:
        first = data[at]
        at += 1
        if not first:
            continue
        number, after = first >> 4, at + (first & 0x0F) + 1
        if number in (0, _STOP) or after > end:
            return HeaderExtension(elements=tuple(elements), intact=False)
        elements.append((number, data[at:after]))
        at = after
    return HeaderExtension(elements=tuple(elements))


def _two_bytes(data: bytes) -> HeaderExtension:
    elements: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while at < end:
        number = data[at]
        at += 1
        if not number:
            continue
        after = at + 1 + data[at] if at < end else end + 1
        if after > end:
            return HeaderExtension(elements=tuple(elements), intact=False)
        elements.append((number, data[at + 1 : after]))
        at = after
    return HeaderExtension(elements=tuple(elements))


def build(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """A block of the one-byte form with its head; nothing where there are no elements.

    Raises:
        ValueError: an id or a length that the form does not have.
    """
    data = bytearray()
    for number, value in elements:
        if number not in ONE_BYTE_IDS or len(value) not in ONE_BYTE_LENGTHS:
            raise ValueError(f"no element of the one-byte form: id {number} with {len(value)} bytes")
        data.append(number << 4 | len(value) - 1)
        data += value
    data += bytes(-len(data) % 4)
    return _HEAD.pack(ONE_BYTE, len(data) // 4) + data if data else b""


def insert(packet: bytes, block: bytes) -> bytes:
    """A packet of the plain header with a block of `build` behind it."""
    return bytes((packet[0] | EXTENSION_BIT,)) + packet[1:HEADER_LENGTH] + block + packet[HEADER_LENGTH:]
