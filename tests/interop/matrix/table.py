"""The table of all peers, as Markdown, and back (core)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ua.interop.catalog import SUITES
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Limit, Peer
from ua.interop.scenario import Scenario

CELLS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "yes",
    Verdict.SKIPPED: "-",
    Verdict.EXPECTED_FAILURE: "no",
}
"""What stands for what may stand in the table."""

_HEAD: Final = """# What works with whom

Every scenario of `icephone test list` against every peer that our tests can start, on Debian 12. This file is
written by `python -m tests.interop.matrix`; `tests/interop/test_matrix.py` runs the same, and fails where it
differs from what stands here. Asterisk and FreeSWITCH are not in Debian 12: their limits stand in
`configs/peers/`, from measurements elsewhere.

"yes": it passes. "no": it fails as expected, and the number says why. "-": the peer has not what it needs.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One peer of the table.

    Attributes:
        peer: what its file says.
        verdicts: by the id of the scenario.
    """

    peer: Peer
    verdicts: Mapping[str, Verdict]

    @classmethod
    def of(cls, peer: Peer, outcomes: Iterable[Outcome]) -> Column:
        """What a run came to. Raises ValueError where that is nothing to be written down."""
        verdicts = {each.scenario: each.verdict for each in outcomes}
        for scenario, verdict in verdicts.items():
            if verdict not in CELLS:
                raise ValueError(f"{peer.name}: {scenario}: {verdict}")
        return cls(peer=peer, verdicts=verdicts)


def write(columns: Sequence[Column], scenarios: Sequence[Scenario]) -> str:
    """The whole file."""
    notes: dict[tuple[str, Limit], int] = {}

    def cell(column: Column, scenario: Scenario) -> str:
        verdict = column.verdicts[scenario.id]
        text = CELLS[verdict]
        limit = column.peer.limit_of(scenario)
        if verdict is not Verdict.EXPECTED_FAILURE or limit is None:
            return text
        number = notes.setdefault((column.peer.name, limit), len(notes) + 1)
        return f"{text} ({number})"

    lines = [_HEAD]
    names = " | ".join(each.peer.name for each in columns)
    rule = "|".join(["---"] * 2 + [":-:"] * len(columns))
    for suite in SUITES:
        mine = [each for each in scenarios if each.suite == suite]
        if not mine:
            continue
        lines += [f"## {suite.capitalize()}", "", f"| scenario | should | {names} |", f"|{rule}|"]
        for scenario in mine:
            cells = " | ".join(cell(column, scenario) for column in columns)
            lines.append(f"| `{scenario.id}` | {scenario.title}; {scenario.rfc} | {cells} |")
        lines.append("")
    lines += ["## Sums", "", f"| | {names} |", f"|---|{'|'.join([':-:'] * len(columns))}|"]
    for verdict, word in ((Verdict.PASSED, "pass"), (Verdict.EXPECTED_FAILURE, "fail as expected")):
        sums = (sum(each is verdict for each in column.verdicts.values()) for column in columns)
        lines.append(f"| {word} | {' | '.join(map(str, sums))} |")
    lines += ["", "## Why they fail", ""]
    lines += [
        f"{number}. {peer}: {limit.reason} Source: {limit.source}" for (peer, limit), number in notes.items()
    ]
    return "\n".join(lines).rstrip() + "\n"


def read(text: str) -> dict[str, dict[str, str]]:
    """Cells of such a file by scenario and by peer, without their numbers."""
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith("| scenario | should |"):
            names = [each.strip() for each in line.strip("|").split("|")[2:]]
        elif match := re.match(r"\| `([\w.]+)` \|", line):
            cells = [each.strip().partition(" (")[0] for each in line.strip("|").split("|")[2:]]
            found[match[1]] = dict(zip(names, cells, strict=True))
    return found
