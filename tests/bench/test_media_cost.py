"""The benchmark of many calls: it counts right, its sides talk, and other projects stand beside it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import pytest

from tests.bench.calls import __main__ as command
from tests.bench.calls import comparison
from tests.bench.calls.arrivals import Arrivals, percentile_ms
from tests.bench.calls.comparison import compare, table
from tests.bench.calls.media import OURS, Kind, MediaCost, measure
from tests.bench.calls.others.environment import OTHERS, Other, cache_folder
from tests.peers.process import PeerError

COST = MediaCost(
    name="icephone",
    calls=10,
    transport="udp",
    srtp=False,
    seconds=5,
    caller_ms=1.0,
    callee_ms=3.0,
    packets=50,
    gap_p50_ms=20,
    gap_p99_ms=22,
    delay_p99_ms=4,
    rss_kb=200,
)


def test_gaps_and_delays_are_counted_by_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    of = Arrivals()
    first, second = of.call(), of.call()
    first(1)
    assert (of.packets, of.heard) == (0, 0)
    of.active = True
    # Late by 5 ms each second time, and the numbering wraps.
    for number in range(10):
        now = 5 + 0.02 * number + 0.005 * (number % 2)
        first((65_530 + number) & 0xFFFF)
    now = 9.0
    second(7)
    assert (of.packets, of.heard) == (11, 2)
    gaps = of.gaps()
    assert dict(gaps) == {250: 5, 150: 4}
    assert dict(of.delays()) == {0: 6, 50: 5}
    assert (percentile_ms(gaps, 0.4), percentile_ms(gaps, 0.5), percentile_ms({}, 0.5)) == (15, 25, 0)
    of.forget()
    assert (of.packets, of.heard) == (0, 0)


@pytest.mark.parametrize(("transport", "srtp"), [("udp", False), ("tcp", True)])
async def test_two_processes_talk_and_are_measured(transport: str, srtp: bool) -> None:
    found = await measure(
        OURS, calls=2, transport="udp" if transport == "udp" else "tcp", srtp=srtp, seconds=1
    )
    assert found.packets > 20
    assert found.caller_ms > 0
    assert found.callee_ms > 0
    assert 0 < found.gap_p50_ms <= found.gap_p99_ms
    assert set(found.json) >= {"cpu_ms_per_call_s", "gap_ms", "added_delay_ms", "rss_kb_per_call"}


async def test_a_side_that_ends_is_said() -> None:
    with pytest.raises(PeerError, match="no_such_side"):
        kind = Kind(name="x", python=OURS.python, module="tests.bench.calls.no_such_side")
        await measure(kind, calls=1, transport="udp", srtp=False, seconds=1)


async def test_others_stand_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(kind: Kind, **_: object) -> MediaCost:
        return COST if kind is OURS else replace(COST, name=kind.name, caller_ms=4.0, callee_ms=12.0)

    async def kind(self: Other) -> Kind:
        if self.name == "aiortc":
            raise PeerError("the environment of aiortc cannot be made: no network")
        return Kind(name=self.name, python="python", module=self.module)

    monkeypatch.setattr(comparison, "measure", measured)
    monkeypatch.setattr(Other, "kind", kind)
    found = await compare(["aiosipua", "aiortc"], calls=10, transport="udp", srtp=False, seconds=5)
    values = json.loads(json.dumps(found.json))
    assert values["cpu_ms_per_call_s"] == {"caller": 1, "callee": 3}
    assert values["peers"]["aiosipua"]["ratio"]["cpu_ms_per_call_s"] == {"caller": 4, "callee": 4}
    assert values["peers"]["aiosipua"]["ratio"]["gap_ms"] == {"p50": 1, "p99": 1}
    assert "cannot be made" in values["peers"]["aiortc"]["problem"]
    text = table(found)
    assert "4.0" in text
    assert "not measured: the environment of aiortc" in text
    assert "peers" not in (await compare([], calls=10, transport="udp", srtp=False, seconds=5)).json


async def test_an_environment_that_cannot_be_made_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(PeerError, match="aiortc cannot be made: exit code 1"):
        await OTHERS["aiortc"].kind()
    assert not list(cache_folder().iterdir())


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, object]] = []

    async def compared(peers: list[str], **values: object) -> comparison.Comparison:
        asked.append({"peers": peers, **values})
        return comparison.Comparison(ours=COST, others=(), problems={})

    monkeypatch.setattr(command, "compare", compared)
    assert command.main(["--calls", "10", "--transport", "tcp", "--srtp", "--seconds", "2", "--json"]) == 0
    assert asked == [{"peers": [], "calls": 10, "transport": "tcp", "srtp": True, "seconds": 2.0}]
    assert json.loads(capsys.readouterr().out)["gap_ms"] == {"p50": 20, "p99": 22}
    assert command.main([]) == 0
    assert "10 calls over udp" in capsys.readouterr().out
