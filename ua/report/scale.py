"""A time axis that leaves long quiet stretches out."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass

GAP_MS = 700.0
"""A quiet stretch longer than this is cut."""

CUT_SHARE = 0.05
"""A cut takes this share of the width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Times `start` to `end` (ms) lie between `left` and `right` (SVG units); `cut`: squeezed."""

    start: float
    end: float
    left: float
    right: float
    cut: bool


class Scale:
    """Maps ms to SVG units between `left` and `right`."""

    def __init__(self, times_ms: Iterable[float], left: float, right: float) -> None:
        times = sorted({0.0, *times_ms})
        # A little room, so that the last mark does not stick to the edge.
        end = times[-1] + max(1.0, min(0.03 * times[-1], 60.0))
        spans: list[tuple[float, float, bool]] = []
        start = times[0]
        for before, after in zip(times, [*times[1:], end], strict=True):
            if after - before > GAP_MS:
                # Some of the quiet stays visible on both sides of the cut.
                margin = GAP_MS * 0.15
                spans += [(start, before + margin, False), (before + margin, after - margin, True)]
                start = after - margin
        spans.append((start, max(end, start + 1e-6), False))
        cuts = sum(1 for span in spans if span[2])
        cut_width = min(CUT_SHARE * (right - left), 0.5 * (right - left) / cuts) if cuts else 0.0
        shown_ms = sum(stop - begin for begin, stop, cut in spans if not cut)
        per_ms = (right - left - cuts * cut_width) / shown_ms
        x = left
        segments = []
        for begin, stop, cut in spans:
            width = cut_width if cut else (stop - begin) * per_ms
            segments.append(Segment(start=begin, end=stop, left=x, right=x + width, cut=cut))
            x += width
        self.segments = tuple(segments)
        self.left = left
        self.right = right
        self.start_ms = times[0]
        self.end_ms = segments[-1].end
        self._shown_ms = shown_ms

    def x(self, ms: float) -> float:
        """Place of a time; outside the axis its nearer end."""
        if ms <= self.start_ms:
            return self.left
        if ms >= self.end_ms:
            return self.right
        index = bisect.bisect_right([segment.start for segment in self.segments], ms) - 1
        segment = self.segments[index]
        share = (ms - segment.start) / (segment.end - segment.start)
        return segment.left + share * (segment.right - segment.left)

    def ticks(self, about: int = 8) -> list[float]:
        """Round times for labels, about so many, none inside a cut."""
        step = round_step(self._shown_ms / about)
        times = []
        for segment in self.segments:
            if not segment.cut:
                first = math.ceil(segment.start / step)
                times += [k * step for k in range(first, math.floor(segment.end / step) + 1)]
        return times


def round_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten above `rough`."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
