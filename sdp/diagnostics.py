"""What was refused, ignored or mended in a peer's description: nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One remark on a description.

    Attributes:
        line: number of the line in the received text, from 1; None where the remark is on the whole.
        text: the line as received, without its end; empty where the remark is on the whole.
        reason: one sentence for people.
    """

    line: int | None
    text: str
    reason: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        quoted = f" ({self.text})" if self.text else ""
        return f"{place}{self.reason}{quoted}"
