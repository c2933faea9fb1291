"""A machine that stands still is to blame, and no peer; what a peer says it says on any machine."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.ua.interop.awake import Awake
from tests.ua.interop.pbx import small_pbx
from ua.interop.failure import Failure, Unmet
from ua.interop.outcome import Outcome, Verdict
from ua.interop.runner import Runner
from ua.interop.scenario import Scenario
from ua.interop.stage import Stage
from ua.interop.standstill import Standstill, excused


@pytest.mark.parametrize(
    ("slept_s", "worked_s", "seconds"),
    [(0.02, 0.0, 0.0), (0.06, 0.0, 0.0), (0.52, 0.5, 0.0), (0.52, 0.1, 0.4)],
)
def test_what_nobody_here_worked_is_a_standstill(slept_s: float, worked_s: float, seconds: float) -> None:
    standstill = Standstill()
    standstill.slept(slept_s, worked_s)
    assert standstill.seconds == pytest.approx(seconds)


def test_the_running_loop_is_watched() -> None:
    """With the clock of the system: that of these tests leaves standstills out."""

    async def main() -> float:
        standstill = Standstill()
        watching = asyncio.ensure_future(standstill.watch())
        async with asyncio.timeout(20):
            while not standstill.seconds:
                await asyncio.sleep(0.03)
                time.sleep(0.3)  # noqa: ASYNC251  the machine does nothing for us
        watching.cancel()
        return standstill.seconds

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        assert runner.run(main()) >= 0.2


def failure(cause: str) -> Failure:
    return Failure(cause=cause, expected="the score is >=4", seen="it is 3.1")


def test_a_hole_is_excused_by_a_short_standstill() -> None:
    told = excused(failure("quality"), 0.8, 20.0)
    assert told is not None
    assert (told.cause, told.expected) == ("busy_machine", "the score is >=4")
    assert told.seen == "it is 3.1 [quality]; this machine stood still for 0.8 s meanwhile"
    assert excused(failure("quality"), 0.05, 20.0) is None


def test_what_never_came_is_excused_by_a_long_one_alone() -> None:
    assert excused(failure("no_call"), 0.8, 10.0) is None
    assert excused(failure("no_call"), 3.5, 10.0) is not None


def test_what_the_peer_said_is_not_excused() -> None:
    assert excused(failure("wrong_status"), 9.0, 10.0) is None


async def run(tmp_path: Path, cause: str, *stands_s: float, retries: int = 1) -> Outcome:
    """Run a scenario that fails as often as the machine stands still, each time for so long."""
    standstill = Awake()
    pauses = list(stands_s)

    async def scenario(stage: Stage) -> None:
        if pauses:
            standstill.seconds += pauses.pop(0)
            raise Unmet(Failure(cause=cause, expected="a tone", seen="a hole"))

    made = Scenario(id="calls.made", title="It works", rfc="", needs=frozenset(), run=scenario)
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", standstill=standstill, retries=retries)
        (outcome,) = await runner.run([made])
    return outcome


async def test_what_failed_on_a_busy_machine_is_tried_more_often(tmp_path: Path) -> None:
    outcome = await run(tmp_path, "quality", 0.5, 0.5, 0.5)
    assert (outcome.verdict, outcome.attempts, outcome.flaky) == (Verdict.PASSED, 4, True)
    assert outcome.reason == ("failed before: quality: a hole; this machine stood still for 0.5 s meanwhile")


async def test_a_machine_that_stays_busy_is_told_and_not_the_peer(tmp_path: Path) -> None:
    outcome = await run(tmp_path, "quality", *[0.5] * 9)
    assert (outcome.verdict, outcome.attempts) == (Verdict.ERROR, 4)
    assert outcome.failure is not None
    assert outcome.failure.cause == "busy_machine"
    once = await run(tmp_path, "quality", *[0.5] * 9, retries=0)
    assert (once.verdict, once.attempts) == (Verdict.ERROR, 1)


async def test_the_peer_is_told_where_the_machine_did_not_stand_still_in_the_end(tmp_path: Path) -> None:
    outcome = await run(tmp_path, "quality", 0.5, 0.0, 0.0)
    assert (outcome.verdict, outcome.attempts) == (Verdict.FAILED, 2)


async def test_what_the_peer_said_is_its_own_fault_on_any_machine(tmp_path: Path) -> None:
    outcome = await run(tmp_path, "wrong_status", *[0.5] * 9)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.failure is not None
    assert outcome.failure.cause == "wrong_status"
