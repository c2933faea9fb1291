"""Sequence numbers of one RTP source: extension, validity and loss (RFC 3550 A.1, A.3)."""

from __future__ import annotations

import enum
from typing import Final

SEQUENCE_MODULUS: Final = 1 << 16

MINIMUM_SEQUENTIAL: Final = 2
MAXIMUM_DROPOUT: Final = 3000
MAXIMUM_MISORDER: Final = 100
"""The typical values of RFC 3550 A.1, for two seconds of misorder and a minute of dropout."""


class Verdict(enum.Enum):
    """What a sequence number means for its source."""

    VALID = enum.auto()
    PROBATION = enum.auto()
    """The source has not sent two packets in a row yet; playing them is harmless."""

    STRAY = enum.auto()
    """Outside the window: drop the packet (RFC 3550 A.1)."""

    RESTARTED = enum.auto()
    """The second packet of a new numbering: accept it and forget the old one."""


class SequenceTracker:
    """Extends 16-bit numbers and counts what was expected and received.

    The statistics begin with the first of two packets in a row, so that a stream without loss reports
    every packet (RFC 3550 A.1 leaves the packets before validation to us).
    """

    __slots__ = (
        "_bad",
        "_base",
        "_expected_prior",
        "_previous",
        "_probation",
        "_received_prior",
        "highest",
        "received",
    )

    def __init__(self) -> None:
        self._probation = MINIMUM_SEQUENTIAL
        self._bad: int | None = None
        self._previous = -1
        self._base = 0
        self._expected_prior = self._received_prior = 0
        self.highest = 0
        """Highest extended sequence number: 65536 * cycles + number."""
        self.received = 0
        """Valid packets, duplicates and late ones included (RFC 3550 §6.4.1)."""

    @property
    def validated(self) -> bool:
        """True once two packets in a row were seen."""
        return self._probation == 0

    def extend(self, sequence: int) -> int:
        """The extended number nearest to the highest one; may lie below the first (even negative)."""
        difference = (sequence - self.highest) & 0xFFFF
        return self.highest + (difference if difference < 0x8000 else difference - SEQUENCE_MODULUS)

    def update(self, sequence: int) -> Verdict:
        """Take one packet's number (0 to 65535) into account."""
        if self._probation:
            return self._on_probation(sequence)
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < MAXIMUM_DROPOUT:
            self.highest += ahead
        elif ahead <= SEQUENCE_MODULUS - MAXIMUM_MISORDER:
            if sequence != self._bad:
                self._bad = (sequence + 1) & 0xFFFF
                return Verdict.STRAY
            self._restart(sequence)
            self.received = 1
            return Verdict.RESTARTED
        self.received += 1
        return Verdict.VALID

    def _on_probation(self, sequence: int) -> Verdict:
        if self._previous < 0:
            self.highest = sequence
        else:
            self.highest = self.extend(sequence)
        follows = self._previous >= 0 and sequence == (self._previous + 1) & 0xFFFF
        self._previous = sequence
        self._probation = self._probation - 1 if follows else MINIMUM_SEQUENTIAL - 1
        if self._probation:
            return Verdict.PROBATION
        self._base = self.highest - MINIMUM_SEQUENTIAL + 1
        self.received = MINIMUM_SEQUENTIAL
        return Verdict.VALID

    def _restart(self, sequence: int) -> None:
        self.highest = self._base = sequence
        self._bad = None
        self.received = self._received_prior = self._expected_prior = 0

    @property
    def reported_highest(self) -> int:
        """Cycles and highest number as a report block holds them, 32 bits (RFC 3550 §6.4.1)."""
        return (self.highest - (self._base & ~0xFFFF)) & 0xFFFFFFFF

    @property
    def expected(self) -> int:
        """Packets that should have come (RFC 3550 A.3)."""
        return self.highest - self._base + 1 if self.validated else 0

    @property
    def lost(self) -> int:
        """Expected less received; negative where duplicates came."""
        return self.expected - self.received if self.validated else 0

    def fraction_lost(self) -> int:
        """Loss since the last call in 1/256, 0 where nothing was expected or more came than expected."""
        expected, received = self.expected, self.received
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - (received - self._received_prior)
        self._expected_prior, self._received_prior = expected, received
        if expected_interval <= 0 or lost_interval <= 0:
            return 0
        return min(255, (lost_interval << 8) // expected_interval)
