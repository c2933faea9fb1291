"""The timer of a core: never early, and near deadlines to the point, on a loop that waits as epoll does."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest

from ice.net.clock import CoreTimer, LoopClock

TURN_S = 20e-6
"""A turn of the loop takes that long."""


class RoundingSelector(selectors.DefaultSelector):
    """Waits for whole milliseconds, rounded up, in virtual time."""

    loop: RoundingLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        self.loop.turns += 1
        waited = math.ceil(timeout * 1e3) / 1e3 if timeout and not ready else 0.0
        self.loop.passed += waited + self.loop.turn_s
        return ready


class RoundingLoop(asyncio.SelectorEventLoop):
    """Time starts at 100 s.

    Attributes:
        turns: how often it has looked for something to do.
        turn_s: how long a turn takes.
    """

    def __init__(self, turn_s: float = TURN_S) -> None:
        self.passed = 100.0
        self.turns = 0
        self.turn_s = turn_s
        selector = RoundingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.passed


def run(main: Coroutine[Any, Any, None], *, turn_s: float = TURN_S) -> None:
    with asyncio.Runner(loop_factory=lambda: RoundingLoop(turn_s)) as runner:
        runner.run(main)


async def rung_after(delay_s: float) -> tuple[float, int]:
    """How late a timer rings, in seconds, and the turns of the loop until then."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, RoundingLoop)
    rung: asyncio.Future[float] = loop.create_future()
    deadline = loop.time() + delay_s
    timer = CoreTimer(LoopClock(), rung.set_result)
    before = loop.turns
    timer.arm(deadline)
    at = await rung
    assert at >= deadline, "the core was asked too early"
    return loop.time() - deadline, loop.turns - before


@pytest.mark.parametrize("delay_ms", [0.0, 0.3, 1.0, 1.7, 7.01, 9.99, 10.0, 12.4, 49.5])
def test_a_near_deadline_is_met(delay_ms: float) -> None:
    """Pacing: a millisecond late at every check adds up over the pairs before the one that works."""

    async def main() -> None:
        late_s, _ = await rung_after(delay_ms / 1000)
        assert late_s < 5 * TURN_S

    run(main())


def test_nobody_stays_awake_for_a_far_deadline() -> None:
    async def main() -> None:
        late_s, turns = await rung_after(4.0004)
        assert late_s < 0.0011
        assert turns < 5

    run(main())


def test_other_work_is_done_while_a_deadline_is_near() -> None:
    async def main() -> None:
        done: list[float] = []
        loop = asyncio.get_running_loop()

        def work() -> None:
            done.append(loop.time())
            loop.call_soon(work) if len(done) < 10 else None

        loop.call_later(0.0095, work)
        await rung_after(0.0109)
        assert len(done) == 10

    run(main())


def test_a_clock_that_stands_still_is_no_obstacle() -> None:
    async def main() -> None:
        await rung_after(0.01)

    run(main(), turn_s=0.0)


@pytest.mark.parametrize("again_ms", [None, 4.0, 300.0])
def test_a_timer_that_is_armed_anew_rings_once(again_ms: float | None) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        rung: list[float] = []
        timer = CoreTimer(LoopClock(), rung.append)
        begin = loop.time()
        timer.arm(begin + 0.01)
        # It is awake already and waits for the last half millisecond.
        loop.call_at(begin + 0.0085, lambda: timer.arm(None if again_ms is None else begin + again_ms / 1000))
        await asyncio.sleep(1.0)
        assert len(rung) == (again_ms is not None)
        assert all(at >= begin + (again_ms or 0.0) / 1000 for at in rung)

    run(main())
