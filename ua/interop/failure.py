"""Why a scenario was not met: what was expected, what was seen, in which message or packet, what to try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure that somebody can act on.

    Attributes:
        cause: a short name that stays the same from run to run, e.g. "lost_ack".
        expected: what should have happened, one sentence.
        seen: what happened instead.
        where: the message or packet that shows it, "486 Busy Here (CSeq 2 INVITE) at 132 ms"; may be empty.
        advice: what to try; may be empty.
    """

    cause: str
    expected: str
    seen: str
    where: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, str]:
        """Its fields as plain values."""
        return {
            "cause": self.cause,
            "expected": self.expected,
            "seen": self.seen,
            "where": self.where,
            "advice": self.advice,
        }


class Unmet(Exception):
    """What a scenario expects did not happen.

    Attributes:
        failure: what is known of it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.expected}; {failure.seen}")
        self.failure = failure
