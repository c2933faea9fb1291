"""The benchmark of delay over TCP counts right, draws, and runs with both senders."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.tcp_delay import __main__ as command
from tests.bench.tcp_delay import links
from tests.bench.tcp_delay.figures import Delays, worst
from tests.bench.tcp_delay.links import LINKS, measure
from tests.bench.tcp_delay.plot import draw
from tests.peers.delayed_link import Direction, Shape

GOOD = Delays(
    sender="ours",
    sent=100,
    dropped=2,
    frames=tuple((number, 25.0) for number in range(98)),
    consent=3,
    lost=0,
)


def test_delays_are_counted() -> None:
    assert (GOOD.percentile(0.5), GOOD.percentile(0.99), GOOD.late) == (25.0, 25.0, 0)
    slow = replace(GOOD, frames=tuple((number, 10.0 * number) for number in range(90)))
    assert slow.percentile(0.5) == 440.0
    assert slow.percentile(1) == 890.0
    # 49 came too late, 8 have not come; what was dropped on purpose is counted apart.
    assert slow.late == 49 + 8
    assert slow.late_percent == 57
    assert slow.growth_ms == pytest.approx(820 - 120, abs=20)
    empty = replace(GOOD, frames=())
    assert empty.percentile(0.99) == 0
    assert math.isnan(empty.growth_ms)
    assert json.dumps(empty.json)


def test_goals_are_judged() -> None:
    loss, blackout, bottleneck = LINKS
    for link in LINKS:
        assert link.problem(GOOD) == ""
        assert "lost" in link.problem(replace(GOOD, lost=1))
    slow = replace(GOOD, frames=tuple((number, 10.0 * number) for number in range(98)))
    assert "p99" in loss.problem(slow)
    assert "late" in blackout.problem(slow)
    assert "grew" in bottleneck.problem(slow)


def test_the_worst_delay_of_each_moment() -> None:
    frames = ((0, 10.0), (1, 30.0), (2, 20.0), (9, 40.0))
    assert worst(frames, 10, 5) == [30.0, 20.0, None, None, 40.0]


def test_the_picture_is_one() -> None:
    gone = replace(GOOD, sender="naive", frames=((0, 20_000.0), (50, 99_000.0)))
    picture = draw([("a < b", (GOOD, gone)), ("c", (GOOD, replace(GOOD, frames=())))])
    root = ElementTree.fromstring(picture)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ours", "naive", "a < b", "c", "2 s"} <= set(texts)


def test_a_link_loses_as_often_as_it_is_told_and_the_same_way_again() -> None:
    shape = Shape(delay_s=0.025, loss=0.1)
    first, second = Direction(shape, 0.0, 7), Direction(shape, 0.0, 7)
    came = [first.due(200, 0.02 * number) for number in range(2000)]
    assert came == [second.due(200, 0.02 * number) for number in range(2000)]
    assert 150 < came.count(None) < 250
    assert came[-1] in (None, pytest.approx(0.02 * 1999 + 0.025))


def test_a_blackout_is_where_it_is_told() -> None:
    link = Direction(Shape(delay_s=0.0, blackout_s=1.5, blackout_every_s=20.0), 100.0, 1)
    assert link.due(200, 118.4) == 118.4
    assert link.due(200, 118.6) is None
    assert link.due(200, 119.9) is None
    assert link.due(200, 120.1) == 120.1


def test_a_bottleneck_delays_until_its_queue_is_full() -> None:
    link = Direction(Shape(delay_s=0.1, bits_per_s=8000, queue_bytes=1000), 0.0, 1)
    assert [link.due(400, 0.0) for _ in range(3)] == [pytest.approx(0.5), pytest.approx(0.9), None]
    assert link.due(400, 0.4) == pytest.approx(1.3)
    assert link.due(400, 10.0) == pytest.approx(10.5)


@pytest.mark.peer("netns")
@pytest.mark.root
async def test_both_senders_run() -> None:
    ours, naive = await measure(LINKS[0], 1.0)
    assert (ours.sender, naive.sender) == ("ours", "naive")
    assert ours.sent == naive.sent == 50
    assert len(naive.frames) > 25
    assert len(ours.frames) + ours.dropped > 25
    assert min(delay for _, delay in (*ours.frames, *naive.frames)) >= 25
    assert (ours.lost, naive.consent) == (0, None)


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def measured(link: links.Link, _seconds: float) -> tuple[Delays, ...]:
        return (replace(GOOD, lost=int(link is LINKS[2])), replace(GOOD, sender="naive", consent=None))

    monkeypatch.setattr(command, "measure", measured)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    plot = tmp_path / "delay.svg"
    assert command.main(["--json", "--seconds", "1", "--plot", str(plot)]) == 1
    values = json.loads(capsys.readouterr().out)
    assert [row["problem"] for row in values["links"]] == ["", "", "the path was lost 1 times"]
    assert values["links"][0]["senders"][0]["p99_ms"] == 25
    assert "<svg" in plot.read_text(encoding="utf-8")
    assert command.main(["--seconds", "1"]) == 1
    assert "reached" in capsys.readouterr().out
