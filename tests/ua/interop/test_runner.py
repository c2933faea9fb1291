"""Scenarios are run for real against the small PBX; made ones show what becomes of each kind of end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ice.net.firewall import FirewallPolicy
from tests.ua.interop.awake import Awake
from tests.ua.interop.pbx import small_pbx
from ua.interop.catalog import select
from ua.interop.failure import Failure, Unmet
from ua.interop.need import Need
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Limit
from ua.interop.runner import Runner
from ua.interop.scenario import Run, Scenario
from ua.interop.stage import Stage
from ua.plan import Tone


def made(run: Run, *needs: Need, timeout_s: float = 30.0, name: str = "made") -> Scenario:
    """A scenario of this test."""
    return Scenario(
        id=f"calls.{name}", title="It works", rfc="", needs=frozenset(needs), run=run, timeout_s=timeout_s
    )


async def works(stage: Stage) -> None:
    stage.folder.joinpath("mark").touch()


async def fails(stage: Stage) -> None:
    raise Unmet(Failure(cause="silent", expected="a tone is heard", seen="nothing came"))


async def test_the_basic_scenarios_pass_with_the_small_pbx(tmp_path: Path) -> None:
    told: list[str] = []
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", on_start=lambda each: told.append(each.id))
        outcomes = await runner.run(select(["basic"]))
    assert {each.scenario: (each.verdict, each.failure) for each in outcomes} == {
        each.id: (Verdict.PASSED, None) for each in select(["basic"])
    }
    assert sorted(told) == sorted(each.id for each in select(["basic"]))
    folder = tmp_path / "run" / "calls.echo"
    assert {"events.jsonl", "sip.txt", "packets.pcap"} <= {each.name for each in folder.iterdir()}
    assert [each.name for each in folder.glob("*.wav")] != []
    assert "INVITE sip:600@" in (folder / "sip.txt").read_text(encoding="utf-8")


async def run_one(tmp_path: Path, scenario: Scenario, **changes: object) -> Outcome:
    async with small_pbx(tmp_path, **changes) as peer:
        (outcome,) = await Runner(peer, tmp_path / "run", standstill=Awake()).run([scenario])
    return outcome


async def test_what_the_peer_does_not_offer_is_skipped_and_the_way_to_say_so_is_told(tmp_path: Path) -> None:
    outcome = await run_one(tmp_path, made(works, "echo", "sdes"), extensions={})
    assert outcome.verdict is Verdict.SKIPPED
    assert "a number that sends back what it hears" in outcome.reason
    assert "--extension echo=NUMBER" in outcome.reason
    assert "--offers sdes" in outcome.reason
    assert not (tmp_path / "run").exists()


async def test_a_failure_is_tried_once_more(tmp_path: Path) -> None:
    outcome = await run_one(tmp_path, made(fails))
    assert (outcome.verdict, outcome.attempts, outcome.flaky) == (Verdict.FAILED, 2, False)
    assert outcome.failure is not None
    assert outcome.failure.cause == "silent"


async def test_what_passes_the_second_time_is_flaky(tmp_path: Path) -> None:
    async def works_later(stage: Stage) -> None:
        if not (tmp_path / "tried").exists():
            (tmp_path / "tried").touch()
            await fails(stage)

    outcome = await run_one(tmp_path, made(works_later))
    assert (outcome.verdict, outcome.attempts, outcome.flaky) == (Verdict.PASSED, 2, True)
    assert (outcome.folder, outcome.failure) == ("calls.made.2", None)
    assert outcome.reason == "failed before: silent: nothing came"
    assert (tmp_path / "run" / "calls.made" / "events.jsonl").exists()


async def test_limits_make_failures_expected_and_passes_unexpected(tmp_path: Path) -> None:
    limits = (Limit(scenarios=("calls.*",), reason="it has no ears", source="its manual"),)
    failed = await run_one(tmp_path, made(fails), limits=limits)
    assert (failed.verdict, failed.reason, failed.attempts) == (Verdict.EXPECTED_FAILURE, "it has no ears", 1)
    assert failed.failure is not None
    passed = await run_one(tmp_path, made(works), limits=limits)
    assert (passed.verdict, passed.reason) == (Verdict.UNEXPECTED_PASS, "it has no ears")


async def test_a_scenario_that_takes_too_long_says_where_it_stood(tmp_path: Path) -> None:
    async def waits(stage: Stage) -> None:
        async with stage.phone(registered=True):
            await stage.expect.that(lambda: False, "the moon is blue", "it is not", limit_s=60)

    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", retries=0, timeout_s=4.0, standstill=Awake())
        (outcome,) = await runner.run([made(waits, timeout_s=40.0)])
    assert outcome.failure is not None
    assert outcome.failure.cause == "timeout"
    assert outcome.failure.seen == "it stood at: waiting for: the moon is blue"
    assert "REGISTER" in outcome.failure.where


async def test_all_media_passes_the_firewall(tmp_path: Path) -> None:
    async def calls(stage: Stage) -> None:
        async with stage.call("echo", Tone(hz=1004)) as call:
            await stage.expect.audio(call, tone=1004)
            await stage.expect.path(call, "tcp")

    policy = FirewallPolicy(udp="blocked")
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", retries=0, firewall=policy)
        (outcome,) = await runner.run([made(calls)])
    assert (outcome.verdict, outcome.failure) == (Verdict.PASSED, None)
    assert policy.udp_dropped > 0


async def test_a_mistake_of_a_scenario_is_no_failure_of_the_peer(tmp_path: Path) -> None:
    async def stumbles(stage: Stage) -> None:
        raise KeyError("nothing")

    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    outcome = await run_one(tmp_path, made(stumbles))
    assert (outcome.verdict, outcome.attempts) == (Verdict.ERROR, 1)
    assert [type(each) for each in reported] == [KeyError]
    assert outcome.failure is not None
    assert (outcome.failure.cause, outcome.failure.seen) == ("internal", "KeyError: 'nothing'")
    kept = (tmp_path / "run" / "calls.made" / "traceback.txt").read_text(encoding="utf-8")
    assert "in stumbles" in kept


async def test_a_mistake_around_a_scenario_ends_no_other(tmp_path: Path) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "calls.kept").write_text("not ours", encoding="utf-8")
    broken = made(works, name="broken", timeout_s="soon")  # type: ignore[arg-type]
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", at_once=1)
        outcomes = await runner.run([broken, made(works, name="kept"), made(works, name="works")])
    assert [(each.verdict, each.failure and each.failure.cause) for each in outcomes] == [
        (Verdict.ERROR, "internal"), (Verdict.ERROR, "not_kept"), (Verdict.PASSED, None),
    ]  # fmt: skip
    assert "TypeError" in (tmp_path / "run" / "calls.broken" / "traceback.txt").read_text(encoding="utf-8")
    assert (tmp_path / "run" / "calls.kept").read_text(encoding="utf-8") == "not ours"
    assert [type(each) for each in reported] == [TypeError]


async def test_a_call_that_ends_by_a_mistake_of_ours_is_no_failure_of_the_peer(tmp_path: Path) -> None:
    async def ends(stage: Stage) -> None:
        raise Unmet(Failure(cause="internal", expected="a call", seen="KeyError"))

    outcome = await run_one(tmp_path, made(ends))
    assert (outcome.verdict, outcome.attempts) == (Verdict.ERROR, 1)


async def test_who_watches_ends_no_run(tmp_path: Path) -> None:
    def broken(_: object) -> None:
        raise BrokenPipeError

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", at_once=1, on_start=broken, on_outcome=broken)
        outcomes = await runner.run([made(works, name="first"), made(works, name="second")])
    assert [each.verdict for each in outcomes] == [Verdict.PASSED] * 2


async def test_a_scenario_that_cancels_itself_ends_no_other(tmp_path: Path) -> None:
    async def gives_up(stage: Stage) -> None:
        raise asyncio.CancelledError

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", at_once=1)
        first, second = await runner.run([made(gives_up, name="first"), made(works, name="second")])
    assert (first.verdict, second.verdict) == (Verdict.ERROR, Verdict.PASSED)


async def test_scenarios_that_register_have_an_account_each(tmp_path: Path) -> None:
    together: list[set[str]] = []
    busy: set[str] = set()

    async def registers(stage: Stage) -> None:
        user = stage.address()
        assert user not in busy
        busy.add(user)
        together.append(set(busy))
        await asyncio.sleep(0.05)
        busy.remove(user)

    scenarios = [made(registers, "registrar", name=f"made{number}") for number in range(8)]
    async with small_pbx(tmp_path) as peer:
        outcomes = await Runner(peer, tmp_path / "run", at_once=8).run(scenarios)
    assert {each.verdict for each in outcomes} == {Verdict.PASSED}
    assert max(map(len, together)) == 4


async def test_who_waits_for_accounts_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    begun, called = asyncio.Event(), asyncio.Event()

    async def registers(stage: Stage) -> None:
        assert len({stage.address(0), stage.address(1)}) == 2
        begun.set()
        async with asyncio.timeout(20):
            await called.wait()

    async def calls(stage: Stage) -> None:
        async with asyncio.timeout(20):
            await begun.wait()
        called.set()

    pairs = [made(registers, "registrar", "second_account", name=f"pair{number}") for number in range(6)]
    async with small_pbx(tmp_path) as peer:
        outcomes = await Runner(peer, tmp_path / "run", at_once=3).run([*pairs, made(calls, "account")])
    assert {each.verdict for each in outcomes} == {Verdict.PASSED}


async def test_what_is_there_stays_where_a_run_is_broken_off(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def waits(stage: Stage) -> None:
        begun.set()
        await asyncio.sleep(3600)

    async with small_pbx(tmp_path) as peer:
        runner = Runner(peer, tmp_path / "run", at_once=1)
        running = asyncio.ensure_future(runner.run([made(works), made(waits, name="waits")]))
        async with asyncio.timeout(20):
            await begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [(each.scenario, each.verdict) for each in runner.outcomes] == [("calls.made", Verdict.PASSED)]


async def test_what_a_run_before_has_left_is_gone_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name in ("calls.made", "calls.made.2", "calls.made.other", "calls.made2"):
        (run / name).mkdir(parents=True)
        (run / name / "events.jsonl").touch()
        (run / name / "old.wav").touch()
    (run / "calls.made.3").mkdir()
    await run_one(tmp_path, made(works))
    assert sorted(each.name for each in run.iterdir()) == [
        "calls.made", "calls.made.3", "calls.made.other", "calls.made2",
    ]  # fmt: skip
    assert not (run / "calls.made" / "old.wav").exists()
    assert (run / "calls.made2" / "old.wav").exists()
