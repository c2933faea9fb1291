"""What an Opus packet says of itself (RFC 6716 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 5760
"""Samples at 48000 Hz in the longest packet: 120 ms."""

_LONGEST_FRAME: Final = 1275
_FIRST_CELT: Final = 16
_FIRST_HYBRID: Final = 12

_SILK_FRAMES: Final = (480, 960, 1920, 2880)
_HYBRID_FRAMES: Final = (480, 960)
_CELT_FRAMES: Final = (120, 240, 480, 960)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusPacket:
    """The outer form of a packet.

    Attributes:
        frames: how many it holds, 1 to 48.
        frame_samples: length of each, samples at 48000 Hz.
        stereo: two channels.
        fec: it holds a copy of the frame before it (LBRR).
    """

    frames: int
    frame_samples: int
    stereo: bool
    fec: bool

    @property
    def samples(self) -> int:
        """Length of all, samples at 48000 Hz."""
        return self.frames * self.frame_samples


def duration(packet: bytes) -> int | None:
    """Samples at 48000 Hz; None where the packet is malformed."""
    read = parse(packet)
    return None if read is None else read.samples


def parse(packet: bytes) -> OpusPacket | None:
    """Read the table of contents and check the lengths (RFC 6716 §3.4); None where they cannot be."""
    if not packet:
        return None
    toc = packet[0]
    config, code = toc >> 3, toc & 3
    frame_samples = _frame_samples(config)
    if code == 3:
        found = _arbitrary(packet, frame_samples)
    elif code == 2:
        found = _two_lengths(packet)
    else:
        found = (1, len(packet) - 1, 1) if code == 0 else (2, (len(packet) - 1) // 2, 1)
        if code == 1 and len(packet) % 2 == 0:
            return None
    if found is None:
        return None
    frames, first_length, first = found
    if first_length > _LONGEST_FRAME:
        return None
    stereo = bool(toc & 4)
    fec = config < _FIRST_CELT and first_length > 0 and _has_copy(packet[first], frame_samples, stereo=stereo)
    return OpusPacket(frames=frames, frame_samples=frame_samples, stereo=stereo, fec=fec)


def _frame_samples(config: int) -> int:
    if config >= _FIRST_CELT:
        return _CELT_FRAMES[config & 3]
    return _HYBRID_FRAMES[config & 1] if config >= _FIRST_HYBRID else _SILK_FRAMES[config & 3]


def _two_lengths(packet: bytes) -> tuple[int, int, int] | None:
    """Code 2: two frames of different lengths."""
    read = _length(packet, 1)
    if read is None:
        return None
    length, at = read
    return (2, length, at) if 0 <= len(packet) - at - length <= _LONGEST_FRAME else None


def _arbitrary(packet: bytes, frame_samples: int) -> tuple[int, int, int] | None:
    """Code 3: a count, padding, and lengths where they differ."""
    if len(packet) < 2:
        return None
    frames = packet[1] & 0x3F
    if not 0 < frames * frame_samples <= LONGEST:
        return None
    at, end = 2, len(packet)
    if packet[1] & 0x40:
        while True:
            if at >= end:
                return None
            more = packet[at]
            at += 1
            end -= min(more, 254)
            if more < 255:
                break
    if not packet[1] & 0x80:
        length, rest = divmod(end - at, frames)
        return None if end < at or rest else (frames, length, at)
    lengths: list[int] = []
    for _ in range(frames - 1):
        read = _length(packet[:end], at) if end > at else None
        if read is None:
            return None
        lengths.append(read[0])
        at = read[1]
    last = end - at - sum(lengths)
    return None if not 0 <= last <= _LONGEST_FRAME else (frames, lengths[0] if lengths else last, at)


def _length(packet: bytes, at: int) -> tuple[int, int] | None:
    """A frame length of one or two bytes (RFC 6716 §3.2.1), and where it ends."""
    if at >= len(packet):
        return None
    if packet[at] < 252:
        return packet[at], at + 1
    if at + 1 >= len(packet):
        return None
    return 4 * packet[at + 1] + packet[at], at + 2


def _has_copy(first_byte: int, frame_samples: int, *, stereo: bool) -> bool:
    """The LBRR flags of SILK, which follow a voice flag for each 20 ms of a channel (RFC 6716 §4.2.3)."""
    parts = max(1, frame_samples // 960)
    mid = first_byte >> (7 - parts) & 1
    side = stereo and first_byte >> (6 - 2 * parts) & 1
    return bool(mid or side)
