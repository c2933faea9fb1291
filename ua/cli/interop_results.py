"""`icephone test diff` and `icephone test report`, and how outcomes are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

from ua.errors import ResultCode
from ua.interop.comparison import compare
from ua.interop.need import DESCRIPTIONS, remedy
from ua.interop.outcome import Outcome, Verdict
from ua.interop.report import read_run, write
from ua.interop.results import RunResults, read_results
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.interop.need import Need
    from ua.interop.peer import Peer
    from ua.interop.scenario import Scenario

STYLES: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.ERROR: "bold red",
    Verdict.UNEXPECTED_PASS: "bold yellow",
    Verdict.EXPECTED_FAILURE: "yellow",
    Verdict.SKIPPED: "dim",
}

_NAMED: Final = 4
"""Scenarios that are named where one thing is missing; of the others their number is told."""


def show_difference(before: Path, after: Path, output: Output) -> ResultCode:
    """What changed between two runs. Raises UsageError."""
    comparison = compare(read_results(before)[0], read_results(after)[0])
    for line in comparison.lines():
        output.text(Text(printable(line)))
    output.object(comparison.to_json())
    return comparison.result


def report_runs(runs: Sequence[Path], html: Path, output: Output) -> ResultCode:
    """Write one report of several runs. Raises UsageError."""
    read = [read_run(path) for path in runs]
    write(read, html)
    output.note(f"report: {html}")
    output.object(
        {
            "schema": SCHEMA,
            "result": ResultCode.OK.value,
            "report": str(html),
            "runs": [{"peer": each.results.peer, "summary": each.results.summary} for each in read],
        }
    )
    return ResultCode.OK


def show_table(results: RunResults, scenarios: Sequence[Scenario], peer: Peer, output: Output) -> None:
    """The table of a run, and what was skipped, for people."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row, outcome in zip(results.rows(), results.outcomes, strict=True):
        if outcome.verdict is not Verdict.SKIPPED:
            verdict = Text(row.verdict, style=STYLES[outcome.verdict])
            table.add_row(row.scenario, verdict, row.seconds, Text(printable(row.note)))
    output.text(table)
    for line in skipped_lines(results.outcomes, scenarios, peer):
        output.text(Text(line))
    output.text(Text(f"{printable(peer.title)}: {results.summary}", style="bold"))


def skipped_lines(outcomes: Sequence[Outcome], scenarios: Sequence[Scenario], peer: Peer) -> list[str]:
    """Which scenarios were skipped, by what the peer would have to offer, and how to say that it does."""
    skipped = {each.scenario for each in outcomes if each.verdict is Verdict.SKIPPED}
    missing: dict[Need, list[str]] = {}
    for scenario in scenarios:
        if scenario.id in skipped:
            for need in scenario.needs - peer.offers:
                missing.setdefault(need, []).append(scenario.id)
    if not missing:
        return []
    lines = [f"{len(skipped)} skipped, which need what the peer is not known to have. If it has, say so:"]
    for need in sorted(missing, key=lambda each: (-len(missing[each]), each)):
        names = missing[need]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"  {remedy(need):<34} {DESCRIPTIONS[need]}: {', '.join(names[:_NAMED])}{more}")
    return [*lines, ""]
