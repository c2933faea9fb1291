"""Event loops whose clock stands still while this process does.

Machines that run tests are shared: now and then one gets no processor for a second. A test in which both
sides live in this process is not about that, and its timers are often short: retransmissions, patience,
the frames of audio. So its event loop leaves out of `loop.time()` what nobody could use: time that the
process was kept from running. Work of its own counts. Tests with programs beside them, whose clocks go on,
have the clock of the system, and what fails there in a pause is run again (`standstill`).
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

PAUSE_S: Final = 0.05
"""What is shorter is the common delay of a busy machine, and counts."""

_REAL: Final = tuple(Path(__file__).parent / folder for folder in ("interop", "peers", "bench"))


class SteadyClock:
    """Monotonic seconds without the pauses of this process.

    Args:
        wall: monotonic seconds.
        work: processor seconds of this process.
        pause_s: what is longer is a pause.
    """

    def __init__(
        self, wall: Callable[[], float], work: Callable[[], float], *, pause_s: float = PAUSE_S
    ) -> None:
        self._wall = wall
        self._work = work
        self._pause_s = pause_s
        self._seen = wall()
        self._worked = work()
        self.paused_s = 0.0

    def now(self) -> float:
        """The time; what passed since the last look without work of ours is a pause if it is long."""
        return self.woke(0.0)

    def woke(self, slept: float | None) -> float:
        """The time after a sleep that should have taken `slept` seconds at most; None: any time."""
        seen, worked = self._wall(), self._work()
        if slept is not None:
            over = seen - self._seen - (worked - self._worked) - slept
            if over > self._pause_s:
                self.paused_s += over
        self._seen, self._worked = seen, worked
        return seen - self.paused_s


class _SteadySelector(selectors.DefaultSelector):
    """Tells a clock how long the loop meant to sleep."""

    def __init__(self, clock: SteadyClock) -> None:
        super().__init__()
        self._steady = clock

    def select(self, timeout: float | None = None) -> Any:
        self._steady.now()
        ready = super().select(timeout)
        self._steady.woke(None if timeout is None else max(0.0, timeout))
        return ready


class SteadyLoop(asyncio.SelectorEventLoop):
    """The usual loop with a steady clock."""

    def __init__(self) -> None:
        self._steady = SteadyClock(time.monotonic, time.process_time)
        super().__init__(_SteadySelector(self._steady))

    def time(self) -> float:
        return self._steady.now()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A steady loop where nobody else's clock matters."""
    if any(folder in item.path.parents for folder in _REAL):
        return {"real": asyncio.new_event_loop}
    return {"steady": SteadyLoop}
