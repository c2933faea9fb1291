"""What a run came to: its JSON and back, its exit code, its table."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.interop.runs import GOOD, OUTCOMES, RUN, with_outcome
from ua.errors import ResultCode, UsageError
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.results import (
    Description,
    RunResults,
    note_of,
    read_results,
    suite_of,
    write_results,
)

NAMES = st.text(min_size=1, max_size=20)
FOLDERS = st.from_regex(r"[a-z]{0,5}(\.[a-z0-9]{1,5})?", fullmatch=True)
FAILURES = st.builds(Failure, cause=NAMES, expected=NAMES, seen=NAMES, where=NAMES, advice=NAMES)
OUTCOME = st.builds(
    Outcome,
    scenario=NAMES,
    verdict=st.sampled_from(Verdict),
    failure=st.none() | FAILURES,
    reason=st.text(max_size=20),
    duration_s=st.integers(0, 10**6).map(lambda ms: ms / 1000),
    attempts=st.integers(0, 5),
    flaky=st.booleans(),
    folder=FOLDERS,
)
RUNS = st.builds(
    RunResults,
    peer=NAMES,
    peer_title=NAMES,
    started=NAMES,
    version=NAMES,
    outcomes=st.lists(OUTCOME, max_size=4, unique_by=lambda each: each.scenario).map(tuple),
    duration_s=st.integers(0, 10**6).map(lambda ms: ms / 1000),
    interrupted=st.booleans(),
)


@given(RUNS, st.data())
def test_writing_and_reading_are_inverse(run: RunResults, data: st.DataObject) -> None:
    described = {
        each.scenario: Description(title=data.draw(NAMES), rfc=data.draw(st.text(max_size=5)))
        for each in run.outcomes
        if data.draw(st.booleans())
    }
    run = dataclasses.replace(run, descriptions=described)
    assert RunResults.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_the_object_has_what_is_promised() -> None:
    told = RUN.to_json()
    assert set(told) == {
        "schema", "result", "peer", "started", "version", "duration_s", "interrupted", "counts", "summary",
        "scenarios",
    }  # fmt: skip
    assert told["schema"] == 1
    assert told["counts"] == {
        "passed": 2, "failed": 1, "error": 0, "unexpected_pass": 1, "expected_failure": 1, "skipped": 1,
        "flaky": 1,
    }  # fmt: skip
    assert told["scenarios"][1] == {
        "id": "calls.echo",
        "suite": "calls",
        "title": "A call is answered and its audio comes back",
        "rfc": "RFC 3261 §13",
        "verdict": "failed",
        "failure": OUTCOMES[1].failure and OUTCOMES[1].failure.to_json(),
        "reason": "",
        "duration_s": 6.1,
        "attempts": 2,
        "flaky": False,
        "folder": "calls.echo.2",
    }


def test_only_the_unexpected_makes_an_exit_code() -> None:
    assert GOOD.exit_code == 0
    assert GOOD.result is ResultCode.OK
    for verdict in Verdict:
        run = with_outcome(GOOD, "calls.busy", verdict=verdict)
        unexpected = verdict in (Verdict.FAILED, Verdict.ERROR, Verdict.UNEXPECTED_PASS)
        assert (run.exit_code == 9) is unexpected
        assert (run.exit_code == 0) is not unexpected
    assert dataclasses.replace(GOOD, interrupted=True).exit_code == 130


def test_a_mistake_of_ours_is_told_by_the_exit_code() -> None:
    ours = Failure(cause="internal", expected="a call", seen="KeyError: 1")
    assert with_outcome(RUN, "calls.busy", verdict=Verdict.ERROR, failure=ours).exit_code == 1
    expected = with_outcome(GOOD, "calls.busy", verdict=Verdict.EXPECTED_FAILURE, failure=ours)
    assert expected.exit_code == 0


def test_the_summary_counts() -> None:
    assert RUN.summary == ("2 passed (1 flaky), 1 failed, 1 unexpected pass, 1 expected failure, 1 skipped")
    assert dataclasses.replace(RUN, outcomes=(), interrupted=True).summary == (
        "0 passed, stopped before its end"
    )
    twice = dataclasses.replace(
        RUN, outcomes=(OUTCOMES[4], dataclasses.replace(OUTCOMES[4], scenario="ice.other"))
    )
    assert twice.summary == "0 passed, 2 expected failures"


def test_rows_say_what_matters() -> None:
    rows = {row.scenario: row for row in RUN.rows()}
    assert rows["registration.digest"].note == ""
    assert rows["registration.digest"].seconds == "0.4 s"
    assert rows["calls.busy"].verdict == "passed, flaky"
    assert rows["calls.echo"].note == "one_way_audio_in: 250 RTP packets were sent and none arrived"
    assert rows["media.opus"].seconds == ""
    assert rows["media.opus"].note == "this needs Opus, which the peer does not offer"
    assert rows["ice.tcp"].note == "rtpengine takes no TCP candidates"
    assert rows["ice.lite"].note == "should fail: the manual says it is a full agent"


def test_a_note_is_one_line() -> None:
    failure = Failure(cause="x", expected="", seen="two\r\nlines")
    assert note_of(Outcome(scenario="a", verdict=Verdict.FAILED, failure=failure)) == "x: two lines"


def test_scenarios_that_were_not_run_are_not_described() -> None:
    @dataclasses.dataclass(frozen=True)
    class Known:
        id: str
        title: str = "a title"
        rfc: str = "RFC 1"

    run = RunResults.of(
        peer="p",
        peer_title="P",
        started="",
        version="",
        outcomes=OUTCOMES[:1],
        scenarios=[Known("registration.digest"), Known("calls.other")],
    )
    assert run.descriptions == {"registration.digest": Description(title="a title", rfc="RFC 1")}
    assert run.description("calls.other") == Description()
    assert suite_of("calls.other") == "calls"


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_comes_back_and_so_does_its_folder(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", RUN)
    assert read_results(tmp_path) == (RUN, tmp_path)
    assert read_results(tmp_path / "results.json") == (RUN, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_results(tmp_path / "missing" / "results.json", RUN)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no json", "is no JSON"),
        (b"\xff\xfe\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "it is no JSON object"),
        (b"{}", "its schema is None"),
        (b'{"schema": 2}', "its schema is 2"),
        (b'{"schema": 1}', "scenarios is missing"),
        (b'{"schema": 1, "scenarios": 3}', "scenarios is no list"),
        (b'{"schema": 1, "scenarios": [], "peer": 1}', "has no results of a run"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "some.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=what) as raised:
        read_results(file)
    assert "some.json" in str(raised.value)
    assert raised.value.hint


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_results(tmp_path / "nothing.json")


@pytest.mark.parametrize("folder", ["../other", "/etc", "a/../../b", "C:\\x", "javascript:alert(1)", "a\0b"])
def test_evidence_lies_inside_the_folder_of_the_run(folder: str) -> None:
    told = RUN.to_json()
    told["scenarios"][0]["folder"] = folder
    with pytest.raises(UsageError, match="not inside that of the run"):
        RunResults.from_json(told)


def test_a_scenario_is_there_once() -> None:
    told = RUN.to_json()
    told["scenarios"].append(told["scenarios"][0])
    with pytest.raises(UsageError, match="there twice"):
        RunResults.from_json(told)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


BAD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 1e999, float("nan"), "x", [], {}, [{}], 10**400]
)


@given(st.data())
def test_a_broken_object_is_told_or_taken(data: st.DataObject) -> None:
    told = copy.deepcopy(RUN.to_json())
    path = data.draw(st.sampled_from(places(told)))
    inside: Any = told
    for key in path[:-1]:
        inside = inside[key]
    if isinstance(inside, dict) and data.draw(st.booleans()):
        del inside[path[-1]]
    else:
        inside[path[-1]] = data.draw(BAD)
    try:
        run = RunResults.from_json(told)
    except UsageError as error:
        assert error.hint
    else:
        assert run.summary
