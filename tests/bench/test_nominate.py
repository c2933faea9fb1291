"""The benchmark of nomination: its targets in virtual time, and that it runs on real sockets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ice.config import IceConfig
from ice.messages import CheckSent, PairStateChanged
from ice.types import PairState, Role, Transport
from tests.bench.nominate.__main__ import main
from tests.bench.nominate.agent import GivenUp
from tests.bench.nominate.cases import CASES, ROUND_TRIP_S, Case, Measurement
from tests.bench.nominate.simulated import simulate
from tests.bench.nominate.sockets import measure, median
from tests.peers.delayed_link import delayed_link
from tests.peers.process import Programs

WITH_PATH = [case for case in CASES if case.transport]

TARGET_MS = {Transport.UDP: 120, Transport.TCP: 200}
"""Round trip 50 ms: UDP is nominated by the second, TCP by the third exchange after a connect."""


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("case", WITH_PATH, ids=lambda case: case.name)
def test_a_path_is_nominated_in_time(case: Case, hosts: int) -> None:
    measured = simulate(case, IceConfig(), hosts=hosts)
    assert not measured.problem
    assert measured.nominated_ms is not None
    assert case.transport is not None
    assert case.floor_ms is not None
    assert case.floor_ms - 1e-6 <= measured.nominated_ms <= TARGET_MS[case.transport]


@pytest.mark.parametrize("case", WITH_PATH, ids=lambda case: case.name)
def test_the_second_component_costs_two_round_trips_more(case: Case) -> None:
    """Its pairs are unfrozen by the success of the first one's, which took two round trips over TCP."""
    measured = simulate(case, IceConfig(), components=2)
    assert not measured.problem
    assert measured.nominated_ms is not None
    assert (
        measured.nominated_ms <= {Transport.UDP: 170, Transport.TCP: 300}[measured.transport or Transport.UDP]
    )


def test_without_a_path_the_failure_comes_when_patience_ends() -> None:
    assert not simulate(CASES[-1], IceConfig()).problem
    impatient = simulate(CASES[-1], IceConfig(patience_s=2.0))
    assert impatient.failed_ms == pytest.approx(2000)


@pytest.mark.parametrize(
    ("case", "seen", "problem"),
    [
        (CASES[0], {"nominated_ms": 100.0, "transport": Transport.UDP}, ""),
        (CASES[0], {"nominated_ms": 100.0, "transport": Transport.TCP}, "took tcp"),
        (CASES[1], {"failed_ms": 100.0}, "no path was found"),
        (CASES[-1], {"failed_ms": 2000.4, "deadline_ms": 2000.0}, ""),
        (CASES[-1], {"failed_ms": 1900.0, "deadline_ms": 2000.0}, "failed before its time"),
        (CASES[-1], {"failed_ms": 3500.0, "deadline_ms": 2000.0}, "failed too late"),
        (CASES[-1], {"deadline_ms": 2000.0}, "no failure was reported"),
        (CASES[-1], {"nominated_ms": 100.0}, "nominated where nothing passes"),
    ],
)
def test_problems_are_named(case: Case, seen: dict[str, Any], problem: str) -> None:
    measured = Measurement(case=case, mode="simulated", peer="icephone", role=Role.CONTROLLING, **seen)
    assert measured.problem == problem


def test_of_several_runs_the_one_in_the_middle_counts_unless_one_went_wrong() -> None:
    runs = [
        Measurement(
            case=CASES[1],
            mode="sockets",
            peer="icephone",
            role=Role.CONTROLLING,
            transport=Transport.TCP,
            nominated_ms=time,
        )
        for time in (180.0, 160.0, 500.0)
    ]
    assert (median(runs).nominated_ms, median(runs).runs_ms) == (180.0, (160.0, 180.0, 500.0))
    wrong = replace(runs[0], nominated_ms=None, transport=None)
    assert median([*runs, wrong]).problem == "no path was found"


def test_only_what_failed_before_the_nomination_was_waited_for() -> None:
    given_up = GivenUp()
    for pair, state in ((1, PairState.IN_PROGRESS), (1, PairState.FAILED), (2, PairState.SUCCEEDED)):
        given_up.hear(PairStateChanged(at=1.0, pair_id=pair, state=state, reason=""))
    given_up.hear(CheckSent(at=1.1, pair_id=2, transmission=1, nominating=True))
    given_up.hear(PairStateChanged(at=1.2, pair_id=3, state=PairState.FAILED, reason="not needed"))
    assert given_up.count == 1


def test_the_command_prints_json_or_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "--json"]) == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert {case["case"] for case in cases} == {case.name for case in CASES}
    assert {case["transport"] for case in cases} == {"udp", "tcp", None}
    for case in cases:
        assert (case["mode"], case["peer"], case["role"]) == ("simulated", "icephone", "controlling")
        assert (case["nominated_ms"] is None) is (case["transport"] is None)
    assert main(["--simulated"]) == 0
    assert "PROBLEM" not in capsys.readouterr().out


@pytest.mark.peer("netns")
@pytest.mark.root
async def test_it_runs_on_real_sockets(programs: Programs) -> None:
    async with delayed_link(ROUND_TRIP_S / 2) as link:
        for case in (CASES[0], CASES[3]):
            measured = await measure(link, programs, case)
            assert not measured.problem
            assert measured.nominated_ms is not None
            assert case.floor_ms is not None
            assert measured.nominated_ms >= case.floor_ms, "faster than light"
