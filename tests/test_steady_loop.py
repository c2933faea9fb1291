"""The clock of tests stands still while the process does, and at no other time."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from tests.steady_loop import SteadyClock, SteadyLoop

STOP = (
    "import os, signal, sys, time; p = int(sys.argv[1]); time.sleep(0.1); os.kill(p, signal.SIGSTOP);"
    "time.sleep(1.0); os.kill(p, signal.SIGCONT)"
)


class Times:
    """What the system would tell."""

    def __init__(self) -> None:
        self.wall = self.work = 100.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.work)

    def passes(self, wall: float, *, work: float = 0.0) -> None:
        self.wall += wall
        self.work += work


def test_a_pause_is_left_out() -> None:
    times = Times()
    times.passes(1.0)
    assert times.clock.now() == 100.0


def test_work_and_sleep_are_no_pause() -> None:
    times = Times()
    times.passes(1.0, work=1.0)
    assert times.clock.now() == 101.0
    times.passes(2.0)
    assert times.clock.woke(2.0) == 103.0
    times.passes(2.0)
    assert times.clock.woke(None) == 105.0


def test_only_what_a_sleep_is_too_long_by_is_left_out() -> None:
    times = Times()
    times.passes(3.0)
    assert times.clock.woke(2.0) == 102.0


def test_little_delays_count_and_the_time_never_goes_back() -> None:
    times = Times()
    seen = [times.clock.now()]
    for wall, work in ((0.01, 0.0), (1.0, 0.0), (0.02, 0.02), (1.0, 0.5), (0.04, 0.0)):
        times.passes(wall, work=work)
        seen.append(times.clock.now())
    assert seen == sorted(seen)
    assert round(seen[-1] - seen[0], 6) == 0.57


async def test_this_very_test_runs_on_it() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteadyLoop)
    begun, really = loop.time(), time.monotonic()
    stopper = await asyncio.create_subprocess_exec(sys.executable, "-c", STOP, str(os.getpid()))
    for _ in range(30):
        await asyncio.sleep(0.02)
    assert await stopper.wait() == 0
    assert time.monotonic() - really > 1.5
    assert loop.time() - begun < time.monotonic() - really - 0.7


async def test_work_of_its_own_passes_time() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        sum(range(1000))
    assert loop.time() - begun > 0.29
