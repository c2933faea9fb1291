"""Registrations and calls leave nothing behind, SIPp is served, and it would be seen otherwise."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from media.engine import MediaEngine
from tests.bench.calls import leaks
from tests.bench.calls.__main__ import main
from tests.bench.calls.figures import Memory
from tests.bench.calls.leaks import Leaks, run
from tests.bench.calls.rate import measure
from tests.ua.phones import account
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan
from ua.sip.transaction.timers import Timers

FAST = Timers(t1=0.05, t2=0.2, t4=0.2)
"""64*T1 is 3.2 s."""


@pytest.mark.req("LIM-3")
async def test_twenty_registrations_and_forty_calls_leave_nothing() -> None:
    result = await run(20, 40, timers=FAST)
    assert result.results == {"ok": 80}
    assert result.alive == {}
    assert (result.sockets, result.tasks, result.timers, result.left) == (0, 0, 0, ())
    assert [each.calls for each in result.memory] == [20, 40]
    # So few fill caches still: a call that is kept has more than a thousand.
    assert result.growth < 50


async def test_what_is_kept_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    place = leaks._call

    async def forgetful(caller: Phone, callee: Phone, plan: MediaPlan) -> tuple[str, str]:
        kept.append([[] for _ in range(500)])
        return await place(caller, callee, plan)

    monkeypatch.setattr(leaks, "_call", forgetful)
    assert (await run(2, 20, timers=FAST)).growth > 400


def test_what_is_wrong_is_said() -> None:
    good = Leaks(
        registrations=1,
        results={"ok": 20},
        memory=(Memory(calls=1, rss_kb=0, objects=0), Memory(calls=11, rss_kb=0, objects=5)),
        alive={},
        sockets=0,
        tasks=0,
        timers=0,
        left=(),
    )
    assert good.problem == ""
    assert "calls failed" in replace(good, results={"ok": 19, "timeout": 1}).problem
    assert "transactions" in replace(good, alive={"transactions": 1}).problem
    assert "left" in replace(good, left=("socket",)).problem
    assert (
        "100.0 objects"
        in replace(good, memory=(good.memory[0], Memory(calls=11, rss_kb=0, objects=1000))).problem
    )


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("direction", ["in", "out"])
async def test_sipp_is_served(direction: str) -> None:
    result = await measure("in" if direction == "in" else "out", rate=10, seconds=1, call_s=0.2)
    assert (result.good, result.calls, result.failures) == (10, 10, {})
    assert result.cpu_ms > 0


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "OBJECTS_PER_CALL", 1e9)
    monkeypatch.setattr(leaks, "Timers", lambda: FAST)
    assert main(["leaks", "--registrations", "2", "--calls", "10", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["results"] == {"ok": 20}
    assert (values["alive"], values["left"], values["problem"]) == ({}, [], "")


async def test_phones_that_share_a_clock_of_media_use_it() -> None:
    engine = MediaEngine()
    async with Phone(account("bob"), EventLog(), engine=engine) as phone:
        assert phone._engine is engine
    await engine.close()
