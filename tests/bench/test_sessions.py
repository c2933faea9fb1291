"""Sessions leave nothing behind, and it would be seen if they did."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.bench import sessions
from tests.bench.sessions import KINDS, Result, Sample, run


@pytest.mark.timeout(180)
async def test_fifty_pairs_leave_nothing() -> None:
    result = await run(50)
    assert (result.sockets, result.tasks, result.timers, result.left) == (0, 0, 0, ())
    assert sum(result.sessions.values()) == 50
    assert set(result.sessions) == {kind.__name__ for kind in KINDS}
    # So few fill caches still: a hundredth of what a session that is kept would take.
    objects, size = result.growth
    assert objects < 20
    assert size < 2000


async def test_what_is_kept_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[asyncio.TimerHandle] = []

    async def forgetful() -> None:
        kept.append(asyncio.get_running_loop().call_later(60, list, range(100)))

    monkeypatch.setattr(sessions, "KINDS", (forgetful,))
    result = await run(20)
    assert result.timers == 20
    assert result.problem == "something is left"
    assert result.growth[0] >= 1
    for timer in kept:
        timer.cancel()


def test_growing_memory_is_a_problem() -> None:
    samples = tuple(
        Sample(sessions=100 * n, seconds=n, rss_kb=0, traced_kb=0, objects=500 * n) for n in range(1, 11)
    )
    result = Result(sessions={}, samples=samples, left=(), sockets=0, tasks=0, timers=0)
    assert result.growth == (5.0, 0.0)
    assert "5.0 objects" in result.problem


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "KINDS", (sessions.over_udp,))
    monkeypatch.setattr(sessions, "BYTES_PER_SESSION", 1e9)
    monkeypatch.setattr(sessions, "OBJECTS_PER_SESSION", 1e9)
    assert sessions.main(["--sessions", "10", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["sessions"] == {"over_udp": 10}
    assert values["sockets"] == values["tasks"] == values["timers"] == 0
    assert len(values["samples"]) == 10
    assert values["problem"] == ""
