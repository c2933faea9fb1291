"""What became of the packets of a session on their way to the listener."""

from __future__ import annotations

from array import array
from typing import Final

DELAY_SLOTS: Final = 2000
"""Milliseconds that are told apart."""


class PlayoutFigures:
    """Counts of all buffers of a session together."""

    __slots__ = (
        "concealed",
        "delays",
        "duplicates",
        "late",
        "recovered",
        "skipped",
        "stretched",
        "waits",
    )

    def __init__(self) -> None:
        self.delays: array[int] = array("L", bytes(array("L").itemsize * (DELAY_SLOTS + 1)))
        """Packets played by the ms that they had lain in the buffer; the last slot holds the longer ones."""
        self.late = 0
        """Packets that came after their time had passed."""
        self.skipped = 0
        """Packets dropped unplayed because they were too old, or too many."""
        self.duplicates = 0
        """Packets that were in the buffer already."""
        self.concealed = 0
        """Samples made up for lost or late packets."""
        self.recovered = 0
        """Samples of lost packets that the next packet held a copy of (in-band FEC)."""
        self.stretched = 0
        """Times that a pitch period was left out or repeated."""
        self.waits = 0
        """Times that the buffer ran dry because packets were late (silence of the peer is none)."""

    @property
    def played(self) -> int:
        """Packets decoded and played."""
        return sum(self.delays)
