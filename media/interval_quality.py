"""Speech quality of the last seconds, for who looks on: the E-model over an interval (ITU-T G.107)."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.quality import Impairment, mos, r_factor

WINDOW_S: Final = 5.0
"""Seconds that are looked back upon."""


class IntervalQuality:
    """Keeps the counts of the last seconds of one session.

    Attributes:
        loss_percent: of the packets of these seconds, those that were lost or late; None while none was
            expected.
    """

    __slots__ = ("_counts", "loss_percent")

    def __init__(self) -> None:
        self.loss_percent: float | None = None
        self._counts: deque[tuple[float, int, int]] = deque()

    def mos(
        self, now: float, *, received: int, lost: int, late: int, delay_ms: float, impairment: Impairment
    ) -> float | None:
        """Mean opinion score of the last WINDOW_S seconds, 1 to 4.5; None while nothing was expected.

        Args:
            now: monotonic seconds; call it a few times a second.
            received: packets so far, late ones included.
            lost: packets so far that did not come; duplicates can make it negative (RFC 3550 A.3).
            late: packets so far that came too late.
            delay_ms: one way, mouth to ear, as it is now.
            impairment: of the codec.
        """
        counts = self._counts
        counts.append((now, received + lost, max(0, lost) + late))
        while counts[0][0] < now - WINDOW_S:
            counts.popleft()
        _, expected, missing = counts[0]
        expected = received + lost - expected
        missing = max(0, lost) + late - missing
        if expected <= 0:
            self.loss_percent = None
            return None
        self.loss_percent = percent = 100.0 * min(max(missing, 0), expected) / expected
        return mos(r_factor(delay_ms=delay_ms, loss_percent=percent, impairment=impairment))
