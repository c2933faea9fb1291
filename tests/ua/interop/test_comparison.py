"""What changed between two runs."""

from __future__ import annotations

import json

import pytest

from tests.ua.interop.runs import GOOD, NO_ACK, ONE_WAY, RUN, with_outcome, without
from ua.errors import ResultCode
from ua.interop.comparison import Kind, compare
from ua.interop.outcome import Verdict
from ua.interop.results import RunResults


def changes(before: RunResults, after: RunResults) -> list[tuple[str, str]]:
    return [(change.kind.value, change.scenario) for change in compare(before, after).changes]


def test_a_run_is_as_itself() -> None:
    found = compare(RUN, RUN)
    assert found.changes == ()
    assert found.same == 6
    assert found.exit_code == 0
    assert found.lines()[-1] == "Nothing changed: 6 scenarios."


@pytest.mark.parametrize(
    ("scenario", "changed", "kind", "worse"),
    [
        ("registration.digest", {"verdict": Verdict.FAILED, "failure": NO_ACK}, "newly_failed", True),
        ("media.opus", {"verdict": Verdict.ERROR}, "newly_failed", True),
        ("ice.tcp", {"verdict": Verdict.FAILED}, "newly_failed", True),
        ("calls.echo", {"verdict": Verdict.PASSED, "failure": None}, "newly_passed", False),
        ("ice.tcp", {"verdict": Verdict.UNEXPECTED_PASS, "failure": None}, "newly_passed", False),
        ("calls.echo", {"failure": NO_ACK}, "other_cause", False),
        ("ice.tcp", {"failure": ONE_WAY}, "other_cause", False),
        ("calls.echo", {"verdict": Verdict.EXPECTED_FAILURE}, "other_verdict", False),
        ("registration.digest", {"verdict": Verdict.SKIPPED}, "other_verdict", False),
        ("registration.digest", {"flaky": True}, "flaky", False),
    ],
)
def test_each_change_has_its_kind(scenario: str, changed: dict[str, object], kind: str, worse: bool) -> None:
    after = with_outcome(RUN, scenario, **changed)
    assert changes(RUN, after) == [(kind, scenario)]
    found = compare(RUN, after)
    assert found.worse is worse
    assert found.result is (ResultCode.QUALITY if worse else ResultCode.OK)
    assert found.same == 5


def test_a_duration_is_no_change() -> None:
    assert changes(RUN, with_outcome(RUN, "calls.echo", duration_s=9.0, folder="elsewhere")) == []


def test_what_is_gone_and_what_is_new() -> None:
    smaller = without(RUN, "calls.echo")
    assert changes(RUN, smaller) == [("gone", "calls.echo")]
    assert changes(smaller, RUN) == [("new", "calls.echo")]
    assert compare(smaller, RUN).worse, "it is new and fails"
    assert not compare(RUN, smaller).worse
    assert not compare(without(RUN, "calls.busy"), RUN).worse


def test_the_worst_comes_first() -> None:
    after = with_outcome(RUN, "calls.echo", verdict=Verdict.PASSED, failure=None)
    after = with_outcome(after, "calls.busy", verdict=Verdict.FAILED, failure=NO_ACK, flaky=False)
    after = without(after, "ice.lite")
    assert changes(RUN, after) == [
        ("newly_failed", "calls.busy"),
        ("gone", "ice.lite"),
        ("newly_passed", "calls.echo"),
    ]
    assert list(compare(RUN, after).lines()) == [
        f"before: Asterisk 20, 2026-03-01T12:00:00+00:00: {RUN.summary}",
        "after:  Asterisk 20, 2026-03-01T12:00:00+00:00: 2 passed, 1 failed, 1 expected failure, 1 skipped",
        "",
        "Newly failed (1)",
        "  calls.busy: passed, flaky -> failed (lost_ack): the 200 was sent 7 times",
        "",
        "No longer run (1)",
        "  ice.lite: unexpected pass",
        "",
        "Newly passed (1)",
        "  calls.echo: failed (one_way_audio_in) -> passed",
        "",
        "3 scenarios ended as before.",
    ]


def test_the_object_can_be_read_by_scripts() -> None:
    told = json.loads(json.dumps(compare(RUN, with_outcome(RUN, "calls.echo", failure=NO_ACK)).to_json()))
    assert told["schema"] == 1
    assert told["result"] == "ok"
    assert told["same"] == 5
    assert told["changes"] == [
        {
            "kind": "other_cause",
            "id": "calls.echo",
            "before": {
                "verdict": "failed",
                "cause": "one_way_audio_in",
                "flaky": False,
                "note": "one_way_audio_in: 250 RTP packets were sent and none arrived",
            },
            "after": {
                "verdict": "failed",
                "cause": "lost_ack",
                "flaky": False,
                "note": "lost_ack: the 200 was sent 7 times",
            },
        }
    ]


def test_two_peers_can_be_compared() -> None:
    found = compare(RUN, GOOD)
    assert [change.kind for change in found.changes] == [Kind.GONE, Kind.GONE]
    assert found.to_json()["after"]["title"] == "baresip"
