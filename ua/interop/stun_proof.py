"""STUN and TURN messages without what a TURN password could be guessed from.

A request with long-term credentials carries a hash of them (RFC 8489 §9.2), as a digest response does, and
stands in no file of ours. The short-term passwords of ICE are random and live as long as a call.
"""

from __future__ import annotations

import zlib
from typing import Final

from ice.stun.address import MAGIC_COOKIE
from ice.stun.attributes import FINGERPRINT, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256

_REALM: Final = 0x0014
_ACCESS_TOKEN: Final = 0x001B
_HEADER: Final = 20
_COOKIE: Final = MAGIC_COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR: Final = 0x5354554E

_MAX_HELD: Final = 70_000
"""More than any message or any channel data: what does not end within it is no TURN."""


def without_proof(packet: bytes) -> bytes:
    """`packet` with zeros for the proof of a long-term password; anything else as it is."""
    if len(packet) < _HEADER or packet[0] & 0xC0 or packet[4:8] != _COOKIE:
        return packet
    attributes: list[tuple[int, int, int]] = []
    position, end = _HEADER, min(len(packet), _HEADER + int.from_bytes(packet[2:4], "big"))
    while position + 4 <= end:
        kind = int.from_bytes(packet[position : position + 2], "big")
        size = int.from_bytes(packet[position + 2 : position + 4], "big")
        attributes.append((kind, position + 4, min(position + 4 + size, end)))
        position += 4 + size + -size % 4
    kinds = {kind for kind, _, _ in attributes}
    # An answer is hashed with the same password and names no realm: it is one where there is no error.
    if not kinds & {_REALM, _ACCESS_TOKEN} and not _answers_turn(packet):
        return packet
    masked = bytearray(packet)
    for kind, start, stop in attributes:
        if kind in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, _ACCESS_TOKEN):
            masked[start:stop] = bytes(stop - start)
        elif kind == FINGERPRINT and stop - start == 4:
            number = zlib.crc32(masked[: start - 4]) ^ _FINGERPRINT_XOR
            masked[start:stop] = number.to_bytes(4, "big")
    return bytes(masked)


def _answers_turn(packet: bytes) -> bool:
    """True for what is no Binding: all other methods are those of TURN."""
    kind = int.from_bytes(packet[:2], "big")
    return (kind & 0x000F | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2) != 0x001


class TurnStream:
    """Cuts the bytes of a connection to a server into whole messages, without proofs."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; the messages that they complete, or what was held where it is no TURN."""
        self._held += data
        whole = []
        while len(self._held) >= 4:
            size = self._size()
            if size is None or size > _MAX_HELD:
                whole.append(bytes(self._held))
                self._held.clear()
                break
            if len(self._held) < size:
                break
            whole.append(without_proof(bytes(self._held[:size])))
            del self._held[:size]
        return whole

    def rest(self) -> bytes:
        """What was held and is no whole message: STUN that was cut is left out."""
        held = bytes(self._held)
        self._held.clear()
        return b"" if held[4:8] == _COOKIE else held

    def _size(self) -> int | None:
        """Bytes of the message that begins here (RFC 8656 §12.5); None where it is something else."""
        size = int.from_bytes(self._held[2:4], "big")
        match self._held[0] >> 6:
            case 0b00:
                return _HEADER + size
            case 0b01 if self._held[0] < 0x50:
                return 4 + size + -size % 4
            case _:
                return None
