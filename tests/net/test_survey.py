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


@pytest.mark.req("ICE-8.1.1-1", "ICE-8.3-1", "ICE-6.1.3-1", "ICETCP-P-3", "ICE-7.3.1.3-1")
def test_200_networks() -> None:
    findings = [examine(number) for number in numbers_of(1, 200)]
    assert [finding for finding in findings if finding.missed or finding.faults] == []
    summary = summarise(findings)
    assert summary.found == summary.possible > 80
    assert summary.impossible > 50
    assert CONFIG.patience_s <= summary.failed_after_s["min"]
    assert summary.failed_after_s["max"] <= DEADLINE_S


def test_agents_that_try_one_pair_only_miss_paths() -> None:
    findings = [examine(number, IceConfig(max_pairs=1)) for number in numbers_of(1, 50)]
    assert summarise(findings).missed > 2


def test_agents_that_never_give_up_are_faulty() -> None:
    impossible = next(number for number in numbers_of(1, 50) if search(number)[0] is None)
    finding = examine(impossible, IceConfig(patience_s=3600.0))
    assert finding.faults == ("ended as running and running",)


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
    summary = summarise([good, missed, replace(good, faults=("both are controlling",))])
    assert (summary.networks, summary.possible, summary.found) == (3, 3, 2)
    assert (summary.missed, summary.faults) == (1, 1)
    assert summary.failed_after_s["max"] == 40.0
