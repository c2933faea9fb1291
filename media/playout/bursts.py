"""Bursts and gaps: whether missing packets come one by one or together (RFC 3611 §4.7.2).

A packet is missing that was lost, or came too late to be played. A burst begins and ends with a missing one
and holds no run of `GMIN` good ones; what lies between bursts is a gap, in which single packets may be
missing. Only missing packets are told, so a good call costs nothing. RFC 3611 A.2 does the same with counts
of transitions, which come out a little off; here the packets themselves are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GMIN: Final = 16
"""So many good packets end a burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstFigures:
    """Counts since the beginning.

    Attributes:
        packets: that should have been played.
        bursts: how many.
        burst_packets: packets in them, missing ones included.
        burst_missing: missing ones in them.
        gaps: how many.
        gap_packets: packets in them.
        gap_missing: missing ones in them.
    """

    packets: int = 0
    bursts: int = 0
    burst_packets: int = 0
    burst_missing: int = 0
    gaps: int = 0
    gap_packets: int = 0
    gap_missing: int = 0


class Bursts:
    """Counts one stream. Packets are named by extended sequence numbers, which may begin anew."""

    __slots__ = (
        "_burst_missing",
        "_burst_packets",
        "_bursts",
        "_first",
        "_last",
        "_leads",
        "_length",
        "_offset",
        "missing",
    )

    def __init__(self) -> None:
        self._offset = 0
        self._bursts = self._burst_packets = self._burst_missing = 0
        self._first = self._last = 0
        self._length = 0
        self._leads = False
        self.missing = 0
        """Packets that were not played."""

    def begin(self, sequence: int, end: int | None) -> None:
        """The next packet is `sequence`; before it numbers had come to `end` (exclusive), None for none."""
        self._offset = (0 if end is None else end + self._offset) - sequence

    def miss(self, sequence: int) -> None:
        """This one will not be played; in order."""
        at = sequence + self._offset
        self.missing += 1
        if self._length and at - self._last <= GMIN:
            self._length += 1
        else:
            self._close()
            self._first, self._length = at, 1
        self._last = at

    def _close(self) -> None:
        """What came together is over: a burst, or a single packet of a gap."""
        if self._length > 1:
            self._leads |= self._first == 0
            self._bursts += 1
            self._burst_packets += self._last - self._first + 1
            self._burst_missing += self._length

    def figures(self, end: int) -> BurstFigures:
        """All counts, as if only good packets follow; `end` is the number of the next packet."""
        packets = max(0, end + self._offset)
        bursts, inside, missing, leads = self._bursts, self._burst_packets, self._burst_missing, self._leads
        trails = False
        if self._length > 1:
            bursts += 1
            inside += self._last - self._first + 1
            missing += self._length
            leads |= self._first == 0
            trails = self._last + 1 == packets
        return BurstFigures(
            packets=packets,
            bursts=bursts,
            burst_packets=inside,
            burst_missing=missing,
            gaps=bursts + 1 - leads - trails if packets else 0,
            gap_packets=packets - inside,
            gap_missing=self.missing - missing,
        )
