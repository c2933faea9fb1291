"""The survey: no path is missed, none is invented, and it would be seen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ice.config import IceConfig
from tests.net import survey
from tests.net.examination import CONFIG, DEADLINE_S, Finding, examine, search
from tests.net.random_internet import build
from tests.net.survey import numbers_of, summarise
from tests.net.upheaval import Move


@pytest.mark.req("ICE-8.1.1-1", "ICE-8.3-1", "ICE-6.1.3-1", "ICETCP-P-3", "ICE-7.3.1.3-1")
def test_200_networks() -> None:
    findings = [examine(number) for number in numbers_of(1, 200)]
    assert [one for one in findings if one.missed or one.move_missed or one.faults] == []
    summary = summarise(findings)
    assert summary.moves > summary.moved == summary.moves_possible > 3
    assert any(finding.move is not None and finding.move.by_restart for finding in findings)
    assert summary.found == summary.possible > 80
    assert summary.impossible > 50
    assert CONFIG.patience_s <= summary.failed_after_s["min"]
    assert summary.failed_after_s["max"] <= DEADLINE_S


def test_a_path_that_comes_back_during_a_restart_in_vain_is_no_new_one() -> None:
    finding = examine(909002312)
    assert finding.faults == ()
    assert finding.move == Move(possible=True, moved=True, by_restart=False)


def test_agents_that_try_one_pair_only_miss_paths() -> None:
    findings = [examine(number, IceConfig(max_pairs=1)) for number in numbers_of(1, 50)]
    assert summarise(findings).missed > 2


def test_agents_that_never_give_up_are_faulty() -> None:
    impossible = next(number for number in numbers_of(1, 50) if search(number)[0] is None)
    finding = examine(impossible, IceConfig(patience_s=3600.0))
    assert finding.faults == ("ended as running and running",)


def test_there_are_relays_of_both_kinds_and_some_behind_port_443_alone() -> None:
    scenes = [build(number) for number in numbers_of(1, 60)]
    sites = [site for scene in scenes if scene.turn is not None for site in (scene.a, scene.b)]
    assert {(site.gathering.relay_udp, site.gathering.relay_tcp) for site in sites} > {(True, True)}
    ports = {scene.turn.address.port for scene in scenes if scene.turn is not None}
    assert ports == {443, 3478}


def test_agents_that_tell_less_than_brute_force_knows_miss_paths() -> None:
    config = IceConfig(max_candidates=4)
    findings = [examine(number, config) for number in numbers_of(1, 60)]
    assert summarise(findings).missed > 0


def test_a_number_builds_the_same_networks_again() -> None:
    assert examine(1_000_003) == examine(1_000_003)
    assert build(1_000_003).a.notes != build(1_000_004).a.notes


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert survey.main(["--networks", "5", "--seed", "1"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "missed: 0" in printed
    assert survey.main(["--networks", "5", "--seed", "1", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["networks"] == values["possible"] + values["impossible"] == 5
    assert values["missed"] == values["faults"] == 0
    assert values["wrong"] == []


def test_what_is_missed_and_what_is_faulty_is_counted() -> None:
    good = Finding(number=1, possible=True, found=True, over_floor_ms=10.0)
    missed = replace(good, found=False, over_floor_ms=None, failed_after_s=40.0)
    stuck = replace(good, move=Move(possible=True, moved=False, by_restart=True))
    lost = replace(good, move=Move(possible=False, moved=False, by_restart=True))
    moved = replace(good, move=Move(possible=True, moved=True, by_restart=False))
    summary = summarise([good, missed, replace(good, faults=("both are controlling",)), stuck, lost, moved])
    assert (summary.networks, summary.possible, summary.found) == (6, 6, 5)
    assert (summary.moves, summary.moves_possible, summary.moved, summary.moves_missed) == (3, 2, 1, 1)
    assert (summary.missed, summary.faults) == (1, 1)
    assert summary.failed_after_s["max"] == 40.0
