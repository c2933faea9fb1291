"""`icephone demo` on a demo that plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.ua.recorded_call import results, udp_blocked_log
from tests.ua.screen import Screen, objects
from ua.cli import demo
from ua.cli.runner import Stop
from ua.errors import NoMediaPath, ResultCode, TimedOut, UaError
from ua.events import EventLog
from ua.plan import DemoOptions
from ua.results import DemoResult

DemoPlayer = Callable[[DemoOptions, EventLog], Awaitable[DemoResult]]


def player(
    correlation: float = 0.9987, error: UaError | None = None, *, stands_s: tuple[float, ...] = ()
) -> DemoPlayer:
    """Plays with this correlation, and as long as the machine stands still with a poor one."""
    pauses = list(stands_s)

    async def play(options: DemoOptions, log: EventLog) -> DemoResult:
        for entry in udp_blocked_log().entries:
            log.record(entry.at, entry.party, entry.source, entry.name, **entry.data)
        if error is not None:
            raise error
        caller, callee = results()
        return DemoResult(
            caller=caller,
            callee=callee,
            correlation=0.3 if pauses else correlation,
            stood_still_s=pauses.pop(0) if pauses else 0.0,
            verdict=f"UDP was {options.udp}",
            udp_dropped=5,
        )

    return play


async def test_the_demo_shows_verdict_table_and_report(tmp_path: Path) -> None:
    screen, report = Screen(json_results=False), tmp_path / "r.html"
    code = await demo.run(DemoOptions(), report, screen, Stop(), player())
    assert code is ResultCode.OK
    text = screen.out.getvalue()
    assert text.startswith("UDP was blocked\n")
    assert "0.9987" in text
    assert "5 UDP datagrams dropped" in text
    assert f"report: {report}" in text
    assert "UDP was blocked" in report.read_text(encoding="utf-8")
    assert "path: TCP active" in screen.err.getvalue()


async def test_the_object_of_the_demo_names_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await demo.run(DemoOptions(udp="open"), tmp_path / "r.html", Screen(), Stop(), player())
    (value,) = objects(capsys)
    assert (value["verdict"], value["report"]) == ("UDP was open", str(tmp_path / "r.html"))
    assert value["callee"]["party"] == "bob"


async def test_a_demo_whose_audio_differs_fails(tmp_path: Path) -> None:
    screen = Screen()
    code = await demo.run(DemoOptions(), tmp_path / "r.html", screen, Stop(), player(correlation=0.5))
    assert code.exit_code == 9
    assert "correlation 0.5000 is below 0.95" in screen.err.getvalue()


async def test_a_machine_that_stood_still_gets_a_second_demo(tmp_path: Path) -> None:
    screen, report = Screen(json_results=False), tmp_path / "r.html"
    code = await demo.run(DemoOptions(), report, screen, Stop(), player(stands_s=(0.8,)))
    assert code is ResultCode.OK
    told = screen.err.getvalue()
    assert "this machine stood still for 0.8 s meanwhile, which is heard as holes: once more" in told
    assert "error" not in told
    screen = Screen()
    code = await demo.run(DemoOptions(), report, screen, Stop(), player(stands_s=(0.8, 0.9)))
    assert code.exit_code == 9
    assert "seen: this machine stood still for 0.9 s meanwhile" in screen.err.getvalue()


async def test_a_demo_that_fails_leaves_a_report_all_the_same(tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    with pytest.raises(NoMediaPath):
        await demo.run(DemoOptions(), report, Screen(), Stop(), player(error=NoMediaPath("no pair left")))
    assert "no pair left" in report.read_text(encoding="utf-8")


async def test_a_demo_takes_its_time_limit_and_signals(tmp_path: Path) -> None:
    async def forever(options: DemoOptions, log: EventLog) -> DemoResult:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TimedOut, match="did not end within"):
        await demo.run(DemoOptions(timeout_s=0.01), tmp_path / "r.html", Screen(), Stop(), forever)
    stop = Stop()
    stop.request()
    assert (
        await demo.run(DemoOptions(), tmp_path / "r.html", Screen(), stop, forever) is ResultCode.INTERRUPTED
    )
