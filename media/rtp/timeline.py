"""Media time of one RTP source, whatever clock its timestamps count (RFC 3550 §5.1, RFC 7160 §4).

A source should use another SSRC with another clock, and many do not. So media time has a clock of its own,
which all of them divide, and every clock of a source has its own place on it.
"""

from __future__ import annotations

from typing import Final

from media.rtp.clock import timestamp_difference

MEDIA_CLOCK: Final = 14_112_000
"""Units of media time per second: a whole number for every sample and clock rate of audio there is."""

_HALF: Final = 1 << 31
_CONTIGUOUS_S: Final = 0.1
_PLAUSIBLE_S: Final = 0.2


class SourceClock:
    """Timestamps of one clock rate, extended beyond 32 bits.

    Args:
        rate: timestamp units per second.
        timestamp: the first one seen.
    """

    __slots__ = ("extended", "last", "offset", "rate", "scale")

    def __init__(self, rate: int, timestamp: int) -> None:
        self.rate = rate
        self.scale = MEDIA_CLOCK // rate
        """Units of media time in one of its own."""
        self.offset = 0
        """Media time of extended timestamp 0."""
        self.extended = timestamp
        """The last one seen, extended."""
        self.last = timestamp
        """The last one seen, 32 bits."""

    def extend(self, timestamp: int) -> int:
        """The extended timestamp nearest to the last one; may be negative."""
        step = timestamp - self.last
        # Nearly always a little later.
        self.extended += step if 0 <= step < _HALF else timestamp_difference(timestamp, self.last)
        self.last = timestamp
        return self.extended


class Timeline:
    """The clocks of one source, and which of them was used last."""

    __slots__ = ("_clocks", "clock")

    def __init__(self, rate: int, timestamp: int) -> None:
        self.clock = SourceClock(rate, timestamp)
        self._clocks = {rate: self.clock}

    def switch(self, rate: int, timestamp: int, *, follows: int | None, elapsed: int) -> SourceClock:
        """Go on with another clock.

        Args:
            rate: of the packet at hand.
            timestamp: of the packet at hand.
            follows: media time at which the packet before it ended, None where that one is missing.
            elapsed: media time by the clock of arrival.
        """
        clock = self._clocks.get(rate)
        if clock is None:
            clock = self._clocks[rate] = SourceClock(rate, timestamp)
            known = None
        else:
            known = clock.offset + clock.extend(timestamp) * clock.scale
        if follows is not None and abs(follows - elapsed) < _CONTIGUOUS_S * MEDIA_CLOCK:
            place = follows
        elif known is not None and abs(known - elapsed) < _PLAUSIBLE_S * MEDIA_CLOCK:
            place = known
        else:
            place = elapsed
        clock.offset = place - clock.extend(timestamp) * clock.scale
        self.clock = clock
        return clock
