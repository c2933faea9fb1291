"""Counts tested items and writes them down: `docs/conformance.md` and the JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from tests.conformance.checklist import COUNTED, Checklists, Item, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Items with a passing test, of all."""

    tested: int
    total: int

    def __str__(self) -> str:
        return f"{self.tested}/{self.total}" if self.total else "-"


def count(items: Iterable[Item], proved: Set[str]) -> dict[Level, Count]:
    """Figures of `items` by level; `proved` holds keys."""
    chosen = tuple(items)
    return {
        level: Count(
            tested=sum(item.key in proved for item in chosen if item.level is level),
            total=sum(item.level is level for item in chosen),
        )
        for level in Level
    }


def by_file(checklists: Checklists, proved: Set[str]) -> dict[str, dict[Level, Count]]:
    """Figures of every file."""
    return {
        file: count((item for item in checklists.items if item.file == file), proved)
        for file in checklists.files
    }


def as_json(checklists: Checklists, proved: Set[str]) -> dict[str, object]:
    """`{"files": {"ice-tcp.md": {"must": {"tested": n, "total": m}, "should": ..., "may": ...}, ...}}`."""
    return {
        "files": {
            file: {
                level.value: {"tested": counts[level].tested, "total": counts[level].total}
                for level in COUNTED
            }
            for file, counts in by_file(checklists, proved).items()
        }
    }


def as_text(checklists: Checklists, proved: Set[str]) -> str:
    """A table for the terminal: a line per file and one for all."""
    rows = [("", *(level.upper() for level in COUNTED))]
    rows += [
        (file, *(str(counts[level]) for level in COUNTED))
        for file, counts in by_file(checklists, proved).items()
    ]
    total = count(checklists.items, proved)
    rows.append(("all", *(str(total[level]) for level in COUNTED)))
    return "".join(f"{row[0]:<14}{row[1]:>10}{row[2]:>10}{row[3]:>10}\n" for row in rows)


_INTRODUCTION = """\
# Conformance

Written by `python -m tests.conformance` from the checklists in `tests/conformance/` and the last test run.
An item counts as tested where at least one test that names its ID passed and none failed. MUST includes
MUST NOT and REQUIRED, SHOULD includes RECOMMENDED and their negations, MAY includes OPTIONAL; policies and
notes of this project are listed as others. An item is tested where our side does what it asks: what the
project does not do (yet) has no test and stands in the list below.
"""


def as_markdown(checklists: Checklists, proved: Set[str]) -> str:
    """The text of `docs/conformance.md`; the same figures give the same text."""
    parts = [_INTRODUCTION, "## By checklist\n", _table("checklist", by_file(checklists, proved))]
    parts += ["## By RFC\n", _by_rfc(checklists, proved)]
    untested = [item for item in checklists.items if item.level is Level.MUST and item.key not in proved]
    parts.append(f"## MUST items without a passing test ({len(untested)})\n")
    for file in checklists.files:
        lines = [f"- **{item.id}** {_short(item.text)}" for item in untested if item.file == file]
        if lines:
            parts.append(f"### {file}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _by_rfc(checklists: Checklists, proved: Set[str]) -> str:
    rfcs = sorted({item.rfc for item in checklists.items}, key=lambda rfc: (len(rfc), rfc))
    rows = {
        f"RFC {rfc}" if rfc else "other": count(
            (item for item in checklists.items if item.rfc == rfc), proved
        )
        for rfc in rfcs
    }
    return "An item belongs to the RFC that its source names first.\n\n" + _table("RFC", rows)


README_RFCS = (
    "6544", "8445", "8839", "7675", "8863", "8489", "4571", "7983",
    "8866", "3264", "4145", "5761", "3261", "6026", "3581", "7616", "3550", "3551",
)  # fmt: skip
"""What the README's table shows: the RFCs that the project speaks today, its heart first."""

_README_BEGIN = "<!-- conformance: written by python -m tests.conformance -->"
_README_END = "<!-- end of conformance -->"


def in_readme(readme: str, checklists: Checklists, proved: Set[str]) -> str:
    """The text of README.md with the figures of now between its two marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = readme.partition(_README_BEGIN)
    _, end, after = rest.partition(_README_END)
    if not (begin and end):
        raise ValueError("README.md has lost the marks of the conformance table")
    rows = {
        f"RFC {rfc}": count((item for item in checklists.items if item.rfc == rfc), proved)
        for rfc in README_RFCS
    }
    total = count(checklists.items, proved)
    shown = {name: counts for name, counts in rows.items() if any(counts[level].total for level in COUNTED)}
    return f"{before}{begin}\n{_table('RFC', shown | {'all checklists': total})}{end}{after}"


def _table(title: str, rows: dict[str, dict[Level, Count]]) -> str:
    lines = [f"| {title} | MUST | SHOULD | MAY | others |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | " + " | ".join(str(counts[level]) for level in Level) + " |"
        for name, counts in rows.items()
    ]
    return "\n".join(lines) + "\n"


def _short(text: str, limit: int = 160) -> str:
    """The beginning of a requirement, cut between words."""
    plain = " ".join(text.split())
    return plain if len(plain) <= limit else plain[:limit].rsplit(" ", 1)[0] + " ..."
