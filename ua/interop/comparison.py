"""What changed between two runs: of one peer before and after, or of two peers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final

from ua.errors import ResultCode
from ua.interop.outcome import Outcome, Verdict
from ua.interop.results import WORDS, RunResults, note_of

SCHEMA: Final = 1
"""Version of the JSON object."""

_WRONG: Final = frozenset({Verdict.FAILED, Verdict.ERROR})
_RIGHT: Final = frozenset({Verdict.PASSED, Verdict.UNEXPECTED_PASS})


class Kind(enum.StrEnum):
    """How a scenario changed, the worst first."""

    NEWLY_FAILED = "newly_failed"
    OTHER_CAUSE = "other_cause"
    GONE = "gone"
    OTHER_VERDICT = "other_verdict"
    FLAKY = "flaky"
    NEW = "new"
    NEWLY_PASSED = "newly_passed"


_TITLES: Final = {
    Kind.NEWLY_FAILED: "Newly failed",
    Kind.OTHER_CAUSE: "Failed before, now for another cause",
    Kind.GONE: "No longer run",
    Kind.OTHER_VERDICT: "Other verdict",
    Kind.FLAKY: "Newly flaky",
    Kind.NEW: "New",
    Kind.NEWLY_PASSED: "Newly passed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One scenario that is not as it was.

    Attributes:
        kind: how it changed.
        scenario: its id.
        before: its outcome in the first run, None where it was not there.
        after: the same of the second run.
    """

    kind: Kind
    scenario: str
    before: Outcome | None
    after: Outcome | None

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "kind": self.kind.value,
            "id": self.scenario,
            "before": _brief(self.before),
            "after": _brief(self.after),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one run to another.

    Attributes:
        before: the first run.
        after: the second.
        changes: what is different, the worst first.
        same: how many scenarios ended alike in both.
    """

    before: RunResults
    after: RunResults
    changes: tuple[Change, ...]
    same: int

    @property
    def worse(self) -> bool:
        """True where something fails that did not fail before, or is new."""
        return any(
            change.kind is Kind.NEWLY_FAILED
            or (change.after is not None and change.kind is Kind.NEW and change.after.verdict in _WRONG)
            for change in self.changes
        )

    @property
    def result(self) -> ResultCode:
        """`quality` where the second run is worse."""
        return ResultCode.QUALITY if self.worse else ResultCode.OK

    @property
    def exit_code(self) -> int:
        """Exit code of the command that compares."""
        return self.result.exit_code

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "schema": SCHEMA,
            "result": self.result.value,
            "before": _run(self.before),
            "after": _run(self.after),
            "same": self.same,
            "changes": [change.to_json() for change in self.changes],
        }

    def lines(self) -> tuple[str, ...]:
        """The comparison for people, in plain lines."""
        lines = [f"before: {_title(self.before)}", f"after:  {_title(self.after)}"]
        for kind, title in _TITLES.items():
            found = [change for change in self.changes if change.kind is kind]
            if found:
                lines += ["", f"{title} ({len(found)})"]
                lines += [f"  {_line(change)}" for change in found]
        scenarios = f"{self.same} scenario{'s' * (self.same != 1)}"
        lines += ["", f"{scenarios} ended as before." if self.changes else f"Nothing changed: {scenarios}."]
        return tuple(lines)


def compare(before: RunResults, after: RunResults) -> Comparison:
    """What changed from `before` to `after`."""
    first = {each.scenario: each for each in before.outcomes}
    second = {each.scenario: each for each in after.outcomes}
    # In the order of the second run; what is gone comes as it stood in the first.
    ids = [*second, *(each for each in first if each not in second)]
    changes = []
    for scenario in ids:
        old, new = first.get(scenario), second.get(scenario)
        kind = _kind(old, new)
        if kind is not None:
            changes.append(Change(kind=kind, scenario=scenario, before=old, after=new))
    changes.sort(key=lambda change: list(Kind).index(change.kind))
    return Comparison(before=before, after=after, changes=tuple(changes), same=len(ids) - len(changes))


def _kind(old: Outcome | None, new: Outcome | None) -> Kind | None:
    if old is None:
        return Kind.NEW
    if new is None:
        return Kind.GONE
    if new.verdict in _WRONG and old.verdict not in _WRONG:
        return Kind.NEWLY_FAILED
    if new.verdict in _RIGHT and old.verdict in {*_WRONG, Verdict.EXPECTED_FAILURE}:
        return Kind.NEWLY_PASSED
    if old.failure is not None and new.failure is not None and old.failure.cause != new.failure.cause:
        return Kind.OTHER_CAUSE
    if old.verdict is not new.verdict:
        return Kind.OTHER_VERDICT
    return Kind.FLAKY if new.flaky and not old.flaky else None


def _line(change: Change) -> str:
    before = "" if change.before is None else _words(change.before)
    after = "" if change.after is None else _words(change.after)
    ways = f"{before} -> {after}" if before and after else before or after
    note = _why(change.after)
    return f"{change.scenario}: {ways}{f': {note}' if note else ''}"


def _why(outcome: Outcome | None) -> str:
    """What was seen; its cause is told with the verdict."""
    if outcome is None:
        return ""
    return note_of(outcome) if outcome.failure is None else " ".join(outcome.failure.seen.split())


def _words(outcome: Outcome) -> str:
    words = WORDS[outcome.verdict] + (", flaky" if outcome.flaky else "")
    return words if outcome.failure is None else f"{words} ({outcome.failure.cause})"


def _title(run: RunResults) -> str:
    return f"{run.peer_title or run.peer}, {run.started}: {run.summary}"


def _run(run: RunResults) -> dict[str, Any]:
    return {"peer": run.peer, "title": run.peer_title, "started": run.started, "summary": run.summary}


def _brief(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "verdict": outcome.verdict.value,
        "cause": None if outcome.failure is None else outcome.failure.cause,
        "flaky": outcome.flaky,
        "note": note_of(outcome),
    }
