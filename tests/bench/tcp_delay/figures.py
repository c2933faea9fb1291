"""What the delays of one sender on one link come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

PTIME_S: Final = 0.02

LATE_MS: Final = 400.0
"""Later than this nobody talks."""

_EDGE: Final = 0.25
"""Share of the run at its beginning and at its end that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """One sender on one link.

    Attributes:
        sender: ours, or naive.
        sent: frames that there were to send.
        dropped: that the sender dropped on purpose.
        frames: number and one-way delay in ms of each frame that came, in their order.
        consent: consent checks that were answered, of both sides; None of who asks for none.
        lost: times that the path was given up.
    """

    sender: str
    sent: int
    dropped: int
    frames: tuple[tuple[int, float], ...]
    consent: int | None
    lost: int

    def percentile(self, share: float) -> float:
        """Delay in ms below or at which this share (0 to 1) of the frames that came lies; 0 without any."""
        ordered = sorted(delay for _, delay in self.frames)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0

    @property
    def late(self) -> int:
        """Frames that came too late, and those on their way when nobody waited any more."""
        missing = self.sent - self.dropped - len(self.frames)
        return missing + sum(delay > LATE_MS for _, delay in self.frames)

    @property
    def late_percent(self) -> float:
        """The same of all frames."""
        return 100 * self.late / self.sent if self.sent else 0.0

    @property
    def growth_ms(self) -> float:
        """How much longer the median delay is in the last quarter than in the first one.

        Infinite where nothing came in the last one, NaN where nothing came at all.
        """
        return self._median(1 - _EDGE, 1) - self._median(0, _EDGE)

    def _median(self, first: float, last: float) -> float:
        part = sorted(
            delay for number, delay in self.frames if first * self.sent <= number < last * self.sent
        )
        return part[len(part) // 2] if part else math.inf

    @property
    def json(self) -> dict[str, Any]:
        """The form for programs."""
        growth = self.growth_ms
        return {
            "sender": self.sender,
            "sent": self.sent,
            "dropped": self.dropped,
            "delivered": len(self.frames),
            "p50_ms": self.percentile(0.5),
            "p99_ms": self.percentile(0.99),
            "p999_ms": self.percentile(0.999),
            "late_percent": round(self.late_percent, 2),
            "growth_ms": round(growth, 1) if math.isfinite(growth) else None,
            "consent_answered": self.consent,
            "path_lost": self.lost,
        }


def worst(frames: Sequence[tuple[int, float]], sent: int, steps: int) -> list[float | None]:
    """The worst delay in each of so many steps of equal length, None where nothing came."""
    found: list[float | None] = [None] * steps
    for number, delay in frames:
        step = min(steps - 1, number * steps // max(1, sent))
        found[step] = max(found[step] or 0.0, delay)
    return found
