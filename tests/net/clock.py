"""Virtual time: it passes as fast as the events of the simulation are carried out."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

_MAX_EVENTS = 1_000_000


class Clock:
    """Carries actions out in the order of their times; equal times in the order in which they were given.

    Attributes:
        now: monotonic seconds.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at a time, or now where that has passed."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), action))

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something after a time."""
        self.at(self.now + delay_s, action)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until something holds, at most so many seconds; AssertionError in an endless loop."""
        end = self.now + seconds
        for _ in range(_MAX_EVENTS):
            if until():
                return
            if not self._queue or self._queue[0][0] > end:
                self.now = end
                return
            self.now, _, action = heapq.heappop(self._queue)
            action()
        raise AssertionError("the simulation does not come to rest")


class Timer:
    """One deadline that may be moved; what it does is told when it is made."""

    def __init__(self, clock: Clock, action: Callable[[], None]) -> None:
        self._clock = clock
        self._action = action
        self._when: float | None = None
        self._queued: float | None = None

    def set(self, when: float | None) -> None:
        """Move it; None stops it."""
        self._when = when
        if when is not None and (self._queued is None or when < self._queued):
            self._queue(when)

    def _queue(self, when: float) -> None:
        self._queued = when
        self._clock.at(when, lambda: self._fire(when))

    def _fire(self, when: float) -> None:
        if self._queued != when:
            return
        self._queued = None
        if self._when is None:
            return
        if self._when > self._clock.now:
            self._queue(self._when)
            return
        self._when = None
        self._action()
