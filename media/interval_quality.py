"""Speech quality of the last seconds, for who looks on: the E-model over an interval (ITU-T G.107)."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.quality import Impairment, mos, r_factor

WINDOW_S: Final = 5.0
"""Seconds that are looked back upon."""


class IntervalQuality:
    """Keeps the counts of the last seconds of one session."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque()

    def note(self, now: float, *, received: int, lost: int, late: int) -> None:
        """Take the counts; call it a few times a second.

        Args:
            now: monotonic seconds.
            received: packets so far, late ones included.
            lost: packets so far that did not come; duplicates can make it negative (RFC 3550 A.3).
            late: packets so far that came too late.
        """
        counts = self._counts
        counts.append((now, received + lost, max(0, lost) + late))
        while counts[0][0] < now - WINDOW_S:
            counts.popleft()

    @property
    def loss_percent(self) -> float | None:
        """Of the packets of these seconds, those that were lost or late; None while none was expected."""
        if not self._counts:
            return None
        _, expected_before, missing_before = self._counts[0]
        _, expected, missing = self._counts[-1]
        expected -= expected_before
        if expected <= 0:
            return None
        return 100.0 * min(max(missing - missing_before, 0), expected) / expected

    def mos(self, *, delay_ms: float, impairment: Impairment) -> float | None:
        """Mean opinion score of the last WINDOW_S seconds, 1 to 4.5; None while nothing was expected.

        Args:
            delay_ms: one way, mouth to ear, as it is now.
            impairment: of the codec.
        """
        percent = self.loss_percent
        if percent is None:
            return None
        return mos(r_factor(delay_ms=delay_ms, loss_percent=percent, impairment=impairment))
