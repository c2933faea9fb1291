"""What a run of scenarios against a peer came to, and the JSON form in which it is kept.

The keys are a promise: `SCHEMA` rises when one changes its meaning or goes away.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol, Self

from ua.errors import ResultCode, UsageError
from ua.interop.explained import INTERNAL
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict

SCHEMA: Final = 1
"""Version of the JSON object."""

FILE: Final = "results.json"
"""Its name in the folder of a run."""

MAX_BYTES: Final = 64 << 20
"""A longer file is none of ours."""

WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.ERROR: "error",
    Verdict.UNEXPECTED_PASS: "unexpected pass",
    Verdict.EXPECTED_FAILURE: "expected failure",
    Verdict.SKIPPED: "skipped",
}
"""Verdicts for people, in the order in which they are counted."""

_MANY: Final[Mapping[Verdict, str]] = {
    Verdict.ERROR: "errors",
    Verdict.UNEXPECTED_PASS: "unexpected passes",
    Verdict.EXPECTED_FAILURE: "expected failures",
}


class Described(Protocol):
    """What a scenario tells of itself (`ua.interop.scenario.Scenario`)."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def title(self) -> str:
        """One sentence."""

    @property
    def rfc(self) -> str:
        """Where that is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is shown of a scenario beside its outcome.

    Attributes:
        title: what should happen, one sentence.
        rfc: where that is written.
    """

    title: str = ""
    rfc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table of a run.

    Attributes:
        scenario: its id.
        verdict: how it ended, for people; with "flaky" where it passed at a later attempt.
        seconds: how long it took; empty where it was skipped.
        note: what was seen, or why it was skipped or expected; one line.
    """

    scenario: str
    verdict: str
    seconds: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults:
    """What a run came to.

    Attributes:
        peer: name of the peer.
        peer_title: the same for people.
        started: when, ISO 8601 with the zone.
        version: of icephone.
        outcomes: one of each scenario, in the order of the catalog.
        descriptions: of the scenarios, by id.
        duration_s: seconds that the run took.
        interrupted: somebody stopped it before its end.
    """

    peer: str
    peer_title: str
    started: str
    version: str
    outcomes: tuple[Outcome, ...]
    descriptions: Mapping[str, Description] = field(default_factory=dict)
    duration_s: float = 0.0
    interrupted: bool = False

    @classmethod
    def of(
        cls,
        *,
        peer: str,
        peer_title: str,
        started: str,
        version: str,
        outcomes: Iterable[Outcome],
        scenarios: Iterable[Described] = (),
        duration_s: float = 0.0,
        interrupted: bool = False,
    ) -> Self:
        """The results of these outcomes; of the scenarios, those are described that have one."""
        ended = tuple(outcomes)
        ids = {each.scenario for each in ended}
        return cls(
            peer=peer,
            peer_title=peer_title,
            started=started,
            version=version,
            outcomes=ended,
            descriptions={
                each.id: Description(title=each.title, rfc=each.rfc) for each in scenarios if each.id in ids
            },
            duration_s=duration_s,
            interrupted=interrupted,
        )

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many ended how; each verdict is there."""
        counted = Counter(each.verdict for each in self.outcomes)
        return {verdict: counted[verdict] for verdict in WORDS}

    @property
    def flaky(self) -> int:
        """How many passed only when they were run again."""
        return sum(each.flaky for each in self.outcomes)

    @property
    def unexpected(self) -> tuple[Outcome, ...]:
        """What somebody should look at."""
        return tuple(each for each in self.outcomes if each.verdict.unexpected)

    @property
    def result(self) -> ResultCode:
        """`quality` where something unexpected was seen, `internal` where a mistake of ours was."""
        if self.interrupted:
            return ResultCode.INTERRUPTED
        if any(each.failure is not None and each.failure.cause == INTERNAL for each in self.unexpected):
            return ResultCode.INTERNAL
        return ResultCode.QUALITY if self.unexpected else ResultCode.OK

    @property
    def exit_code(self) -> int:
        """Exit code of the command that ran it: 0 unless something was unexpected."""
        return self.result.exit_code

    @property
    def summary(self) -> str:
        """One line: "61 passed (1 flaky), 2 failed, 3 skipped"."""
        parts = []
        for verdict, count in self.counts.items():
            if count or verdict is Verdict.PASSED:
                words = _MANY.get(verdict, WORDS[verdict]) if count != 1 else WORDS[verdict]
                flaky = f" ({self.flaky} flaky)" if verdict is Verdict.PASSED and self.flaky else ""
                parts.append(f"{count} {words}{flaky}")
        return ", ".join(parts) + (", stopped before its end" if self.interrupted else "")

    def description(self, scenario: str) -> Description:
        """What is known of a scenario; nothing where it is unknown."""
        return self.descriptions.get(scenario) or Description()

    def rows(self) -> tuple[Row, ...]:
        """The table of the run."""
        return tuple(
            Row(
                scenario=each.scenario,
                verdict=WORDS[each.verdict] + (", flaky" if each.flaky else ""),
                seconds="" if each.verdict is Verdict.SKIPPED else f"{each.duration_s:.1f} s",
                note=note_of(each),
            )
            for each in self.outcomes
        )

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints and that `results.json` holds."""
        return {
            "schema": SCHEMA,
            "result": self.result.value,
            "peer": {"name": self.peer, "title": self.peer_title},
            "started": self.started,
            "version": self.version,
            "duration_s": round(self.duration_s, 3),
            "interrupted": self.interrupted,
            "counts": {verdict.value: count for verdict, count in self.counts.items()}
            | {"flaky": self.flaky},
            "summary": self.summary,
            "scenarios": [
                {
                    "id": each.scenario,
                    "suite": suite_of(each.scenario),
                    "title": self.description(each.scenario).title,
                    "rfc": self.description(each.scenario).rfc,
                    **{key: value for key, value in each.to_json().items() if key != "scenario"},
                }
                for each in self.outcomes
            ],
        }

    @classmethod
    def from_json(cls, value: object, *, name: str = "the file") -> Self:
        """The inverse of `to_json`; raises UsageError, with `name` in its text, where `value` is none."""
        try:
            return cls._from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UsageError(
                f"{name} has no results of a run: {_reason(error)}",
                hint=f"'icephone test run' writes {FILE} into the folder of the run",
            ) from error

    @classmethod
    def _from_json(cls, value: Any) -> Self:
        if not isinstance(value, dict):
            raise TypeError("it is no JSON object")
        if value.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {value.get('schema')!r}, and {SCHEMA} is known")
        scenarios = _list(value, "scenarios")
        outcomes = tuple(_outcome(each) for each in scenarios)
        ids = [each.scenario for each in outcomes]
        if len(set(ids)) < len(ids):
            raise ValueError("a scenario is there twice")
        peer = value["peer"]
        return cls(
            peer=_text(peer, "name"),
            peer_title=_text(peer, "title"),
            started=_text(value, "started"),
            version=_text(value, "version"),
            outcomes=outcomes,
            descriptions={
                _text(each, "id"): Description(title=_text(each, "title"), rfc=_text(each, "rfc"))
                for each in scenarios
                if each["title"] or each["rfc"]
            },
            duration_s=_number(value, "duration_s"),
            interrupted=_flag(value, "interrupted"),
        )


def suite_of(scenario: str) -> str:
    """The suite of a scenario: what is before the first point of its id."""
    return scenario.partition(".")[0]


def note_of(outcome: Outcome) -> str:
    """What is worth saying of an outcome in one line; empty where it just passed."""
    seen = "" if outcome.failure is None else f"{outcome.failure.cause}: {outcome.failure.seen}"
    match outcome.verdict:
        case Verdict.EXPECTED_FAILURE:
            note = outcome.reason or seen
        case Verdict.UNEXPECTED_PASS:
            note = f"should fail: {outcome.reason}" if outcome.reason else "should fail"
        case _:
            note = seen or outcome.reason
    return " ".join(note.split())


def write_results(path: Path, results: RunResults, *, indent: int | None = 1) -> None:
    """Write the file; a reader never sees half of it. Raises UsageError.

    Without `indent` it is one line, which takes a fifth of the time.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(json.dumps(results.to_json(), indent=indent) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", hint="name another folder with --output"
        ) from error


def read_results(path: Path) -> tuple[RunResults, Path]:
    """The results in a file, or in the folder of a run, and that folder. Raises UsageError."""
    file = path / FILE if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file} is too long to be the results of a run")
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="name the folder of a run, or its results.json"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no JSON: {error}", hint="name the folder of a run") from error
    return RunResults.from_json(value, name=str(file)), file.parent


def _outcome(value: Any) -> Outcome:
    failure = value["failure"]
    return Outcome(
        scenario=_text(value, "id"),
        verdict=Verdict(value["verdict"]),
        failure=None
        if failure is None
        else Failure(
            **{key: _text(failure, key) for key in ("cause", "expected", "seen", "where", "advice")}
        ),
        reason=_text(value, "reason"),
        duration_s=_number(value, "duration_s"),
        attempts=int(_number(value, "attempts")),
        flaky=_flag(value, "flaky"),
        folder=_folder(_text(value, "folder")),
    )


def _folder(text: str) -> str:
    """A folder inside that of the run, and no other."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text or ":" in text:
        raise ValueError(f"the folder {text!r} is not inside that of the run")
    return text


def _list(value: Any, key: str) -> list[Any]:
    found = value[key]
    if not isinstance(found, list):
        raise TypeError(f"{key} is no list")
    return found


def _text(value: Any, key: str) -> str:
    found = value[key]
    if not isinstance(found, str):
        raise TypeError(f"{key} is no text")
    return found


def _number(value: Any, key: str) -> float:
    found = value[key]
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise TypeError(f"{key} is no number")
    return float(found)


def _flag(value: Any, key: str) -> bool:
    found = value[key]
    if not isinstance(found, bool):
        raise TypeError(f"{key} is neither true nor false")
    return found


def _reason(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
