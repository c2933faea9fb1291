"""The clock of the shell: the only place of this package where time is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from ice.checks.floor import Floor

_PROCESS_FLOOR = Floor()
_SIMULATED: WeakKeyDictionary[asyncio.AbstractEventLoop, Floor] = WeakKeyDictionary()

_SAME_CLOCK_S = 1.0

_SOON_S = 0.05
"""Deadlines so near are those of pacing: lateness adds up over the checks before the one that works."""

_ROUNDING_S = 0.001
"""Event loops wait for whole milliseconds, rounded up."""


def monotonic() -> float:
    """Monotonic seconds of the system, for what no event loop belongs to."""
    return time.monotonic()


def process_floor() -> Floor:
    """What all sessions of this process keep to (RFC 8445 §14.2).

    An event loop with a clock of its own, in a simulation, has a floor of its own.
    """
    loop = asyncio.get_running_loop()
    if abs(loop.time() - time.monotonic()) < _SAME_CLOCK_S:
        return _PROCESS_FLOOR
    return _SIMULATED.setdefault(loop, Floor())


class LoopClock:
    """Monotonic seconds of the running event loop."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = _time_of(asyncio.get_running_loop())
        """Monotonic seconds."""


def _time_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """What `loop.time` does, with one call less where it only asks the system: each packet asks."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


class CoreTimer:
    """The one timer of a shell, for the deadline that its core names.

    For a deadline that is near the event loop is asked a millisecond early, and again at every turn until it
    has come; all else that there is to do is done meanwhile.

    Args:
        clock: gives the time that `ring` gets.
        ring: called at the deadline with monotonic seconds, never less than it; may arm again.
    """

    def __init__(self, clock: LoopClock, ring: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._call = ring
        self._handle: asyncio.Handle | None = None
        self._deadline: float | None = None

    def arm(self, deadline: float | None) -> None:
        """Ring at `deadline` (monotonic seconds) and not at the last one; None: not at all."""
        if deadline == self._deadline:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._deadline = deadline
        if deadline is None:
            self._handle = None
        elif deadline - (now := self._clock.now()) > _SOON_S:
            self._handle = self._loop.call_at(deadline, self._ring, deadline)
        else:
            self._handle = self._loop.call_at(deadline - _ROUNDING_S, self._approach, deadline, now)

    def _approach(self, deadline: float, before: float) -> None:
        now = self._clock.now()
        if now >= deadline:
            self._ring(deadline)
        elif now > before:
            self._handle = self._loop.call_soon(self._approach, deadline, now)
        else:
            # A simulated clock stands still while there is something to do.
            self._handle = self._loop.call_at(deadline, self._ring, deadline)

    def _ring(self, deadline: float) -> None:
        self._handle = self._deadline = None
        # The loop may ring a little early; the core must not be asked for the same deadline twice.
        self._call(max(deadline, self._clock.now()))
