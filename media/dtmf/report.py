"""The payload of telephone events (RFC 4733 §2.3): event, end bit, volume, duration."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 0xFFFF
"""Timestamp units that one report can tell; longer events go in segments (§2.5.1.3)."""

NOMINAL_VOLUME: Final = 10
"""-10 dBm0: what our digits claim to be as loud as."""

MOST_REPORTS: Final = 16
"""Reports in one packet that are read; nobody packs more than a few."""

_REPORT: Final = struct.Struct("!BBH")
_END, _VOLUME = 0x80, 0x3F


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReport:
    """One report.

    Attributes:
        event: 0 to 255.
        end: the event is over.
        volume: 0 to 63, level below 0 dBm0; 0 from senders that do not know it (RFC 2833).
        duration: timestamp units since the timestamp of the packet, 0 to 65535.
    """

    event: int
    end: bool = False
    volume: int = NOMINAL_VOLUME
    duration: int

    def pack(self) -> bytes:
        """The four bytes of it; the reserved bit is 0."""
        return _REPORT.pack(self.event, (_END if self.end else 0) | self.volume, self.duration)


def parse(payload: bytes) -> tuple[EventReport, ...]:
    """The reports of a payload, which follow each other without a pause (§2.5.1.5).

    Empty for what is no payload of this format: another length than 4 bytes or a small multiple of them.
    The reserved bit is ignored.
    """
    if len(payload) % _REPORT.size or len(payload) > MOST_REPORTS * _REPORT.size:
        return ()
    return tuple(
        EventReport(event=event, end=bool(flags & _END), volume=flags & _VOLUME, duration=duration)
        for event, flags, duration in _REPORT.iter_unpack(payload)
    )
