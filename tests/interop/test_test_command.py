"""`icephone test` as a user types it, against `icephone answer --pbx`, both in processes of their own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.peers.icephone import Icephone, icephone
from tests.peers.icephone_pbx import IcephonePbx, icephone_pbx
from tests.peers.kamailio import PASSWORD
from tests.peers.process import Programs
from ua.interop.results import read_results

NUMBERS = {"echo": 600, "tone": 601, "busy": 606, "no_answer": 607, "hangs_up": 608}


async def tried(programs: Programs, pbx: IcephonePbx, folder: Path, *words: str) -> Icephone:
    """Run scenarios with an address and two accounts."""
    secret = programs.folder / "secret"
    secret.write_text(PASSWORD, encoding="utf-8")
    return await icephone(
        programs, "test", "run", *words,
        "--peer", f"sip:{pbx.host}:{pbx.port}", "--user", "1001", "--user", "1002",
        "--password-file", secret, "--output", folder,
    )  # fmt: skip


async def test_with_an_address_and_numbers(programs: Programs, tmp_path: Path) -> None:
    numbers = [part for what, number in NUMBERS.items() for part in ("--extension", f"{what}={number}")]
    ids = ["registration.plain", "calls.echo", "calls.busy", "calls.to_a_user", "calls.given_up"]
    async with icephone_pbx(programs, "1001", "1002") as pbx:
        running = await tried(programs, pbx, tmp_path / "out", *ids, *numbers, "--ports", "31000-31127")
        result = await running.result(60.0)
    assert result["counts"] | {"flaky": 0} == {
        "passed": 5, "failed": 0, "error": 0, "unexpected_pass": 0, "expected_failure": 0, "skipped": 0,
        "flaky": 0,
    }  # fmt: skip
    told = [each for each in running.objects if each.get("event") == "outcome"]
    assert sorted(each["scenario"] for each in told) == sorted(ids)
    events = (tmp_path / "out" / "calls.echo" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    local = next(
        entry["data"]["pair"]["local"]["address"]
        for entry in map(json.loads, events)
        if entry.get("name") == "path_selected"
    )
    assert 31000 <= local["port"] < 31128
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


async def test_ctrl_c_keeps_what_is_there(programs: Programs, tmp_path: Path) -> None:
    async with icephone_pbx(programs, "1001", "1002") as pbx:
        running = await tried(
            programs, pbx, tmp_path / "out", "registration.plain", "calls.ended_by_peer", "-n", "1",
            "--extension", "hangs_up=607",
        )  # fmt: skip
        await running.noted("passed            registration.plain")
        assert await running.interrupt() == 130
    results, _ = read_results(tmp_path / "out")
    assert results.interrupted
    assert [each.scenario for each in results.outcomes] == ["registration.plain"]
    assert (tmp_path / "out" / "calls.ended_by_peer" / "sip.txt").is_file()


async def test_a_run_that_is_killed_leaves_what_was_over(programs: Programs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with icephone_pbx(programs, "1001", "1002") as pbx:
        running = await tried(
            programs, pbx, out, "registration.plain", "calls.ended_by_peer", "-n", "1",
            "--extension", "hangs_up=607",
        )  # fmt: skip
        await running.noted("passed            registration.plain")
        assert await running.program.stop(signal.SIGKILL) == -signal.SIGKILL
    html = tmp_path / "report.html"
    report = await icephone(programs, "test", "report", out, "--html", html)
    (told,) = (await report.result())["runs"]
    assert told["summary"] == "1 passed, stopped before its end"
    assert "registration.plain" in html.read_text(encoding="utf-8")
    compared = await (await icephone(programs, "test", "diff", out, out)).result()
    assert (compared["same"], compared["changes"]) == (1, [])


@pytest.mark.parametrize("words", [("registration.plain", "--peer", "sip:pbx.invalid"), ("nothing",)])
async def test_what_cannot_be_tried(programs: Programs, words: tuple[str, ...]) -> None:
    running = await icephone(programs, "test", "run", *words)
    result = await running.result(exit_code=5 if len(words) > 1 else 2)
    assert result["hint"]
