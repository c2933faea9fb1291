"""What became of a scenario."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from ua.interop.failure import Failure


class Verdict(enum.StrEnum):
    """How a scenario ended.

    An expected failure is one that the file of the peer names, with a reason; where such a scenario passes,
    the file is out of date: that is an unexpected pass. An error is a mistake of ours, or of a machine that
    was too busy, not of the peer.
    """

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPECTED_FAILURE = "expected_failure"
    UNEXPECTED_PASS = "unexpected_pass"  # noqa: S105  no word to pass by
    ERROR = "error"

    @property
    def unexpected(self) -> bool:
        """True where somebody should look at it."""
        return self in (Verdict.FAILED, Verdict.UNEXPECTED_PASS, Verdict.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one scenario.

    Attributes:
        scenario: its id.
        verdict: how it ended.
        failure: what was not met, None where nothing was. An expected failure has one, too.
        reason: why it was skipped, why its failure is expected, what a pass contradicts, what the attempt
            before one that passed met, or what one that passed has found; may be empty.
        duration_s: seconds that its last attempt took.
        attempts: how often it was run; 0 where it was skipped.
        flaky: it passed, but not at the first attempt.
        folder: its evidence, relative to the folder of the run; empty where there is none.
    """

    scenario: str
    verdict: Verdict
    failure: Failure | None = None
    reason: str = ""
    duration_s: float = 0.0
    attempts: int = 0
    flaky: bool = False
    folder: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "scenario": self.scenario,
            "verdict": self.verdict.value,
            "failure": None if self.failure is None else self.failure.to_json(),
            "reason": self.reason,
            "duration_s": round(self.duration_s, 3),
            "attempts": self.attempts,
            "flaky": self.flaky,
            "folder": self.folder,
        }
