"""What the last test runs showed, kept in `.conformance.json` at the root of the project."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]

FILE_NAME = ".conformance.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one test ended and which items it proves, as `file:ID`."""

    outcome: Outcome
    items: tuple[str, ...]


def load(path: Path) -> dict[str, Result]:
    """The recorded results by test; empty where there is no record or one of another schema."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
        return {}
    return {
        test: Result(outcome=entry["outcome"], items=tuple(entry["items"]))
        for test, entry in data["tests"].items()
    }


def save(path: Path, results: Mapping[str, Result]) -> None:
    """Write the record, whole or not at all."""
    tests = {
        test: {"outcome": result.outcome, "items": list(result.items)}
        for test, result in sorted(results.items())
    }
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps({"schema": _SCHEMA, "tests": tests}, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def merge(
    old: Mapping[str, Result], new: Mapping[str, Result], *, collected: Iterable[str], whole: Iterable[str]
) -> dict[str, Result]:
    """The record after a run.

    Args:
        old: the record before the run.
        new: the tests that the run carried out.
        collected: every test that was found, also those that the run did not carry out.
        whole: paths, relative to the root, that were searched for tests completely; an old entry below
            one of them that was not found again is gone. "" is the root.
    """
    found = set(collected)
    searched = tuple(whole)

    def gone(test: str) -> bool:
        file = test.partition("::")[0]
        return test not in found and any(
            path in ("", ".") or file == path or file.startswith(path + "/") for path in searched
        )

    kept = {test: result for test, result in old.items() if not gone(test)}
    return {**kept, **new}


def proved(results: Mapping[str, Result]) -> set[str]:
    """Items with at least one passed and no failed test."""
    passed = {item for result in results.values() if result.outcome == "passed" for item in result.items}
    failed = {item for result in results.values() if result.outcome == "failed" for item in result.items}
    return passed - failed
