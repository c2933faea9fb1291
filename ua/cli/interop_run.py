"""`icephone test run`."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

from ua import clock
from ua.cli.interop_peer import PeerRequest, chosen_peer, person
from ua.cli.options import writable
from ua.errors import ResultCode, UsageError
from ua.interop.catalog import all_scenarios, select
from ua.interop.junit import write_junit
from ua.interop.outcome import Outcome, Verdict
from ua.interop.reach import reached
from ua.interop.results import FILE, WORDS, RunResults, write_results
from ua.interop.runner import AT_ONCE, RETRIES, Runner
from ua.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.runner import Stop
    from ua.interop.peer import Peer

FOLDER: Final = Path("icephone-test")
"""Where results go by default, a folder for each peer in it."""

REPORT: Final = "report.html"

_STYLES: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.ERROR: "bold red",
    Verdict.UNEXPECTED_PASS: "bold yellow",
    Verdict.EXPECTED_FAILURE: "yellow",
    Verdict.SKIPPED: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The arguments of the command, as typed."""

    words: tuple[str, ...] = ()
    peer: PeerRequest = field(default_factory=PeerRequest)
    at_once: int = AT_ONCE
    retries: int = RETRIES
    ports: str | None = None
    output: Path | None = None
    junit: Path | None = None
    html: Path | None = None

    @property
    def port_range(self) -> range | None:
        """The ports of our media; UsageError where they are none."""
        if self.ports is None:
            return None
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", self.ports.strip())
        first, last = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1024 <= first <= last <= 65535 or last - first + 1 < PORTS_EACH * self.at_once:
            raise UsageError(
                f"--ports: {self.ports!r} are not {PORTS_EACH} ports above 1023 for each scenario",
                hint=f"write --ports 20000-20999; {self.at_once} scenarios run at a time (-n)",
            )
        return range(first, last + 1)


PORTS_EACH: Final = 16
"""Ports that a scenario may need: RTP and RTCP, UDP and TCP, of two phones, and some that others have."""


async def run_scenarios(request: RunRequest, output: Output, stop: Stop) -> ResultCode:
    """Run them, show what becomes of each, write the results; a signal ends it and keeps what is there."""
    scenarios = select(request.words)
    ports = request.port_range
    for path, option in ((request.junit, "--junit"), (request.html, "--html")):
        if path is not None:
            writable(path, option)
    peer, base = chosen_peer(request.peer, os.environ, person())
    output.note(f"{len(scenarios)} scenario{'s' * (len(scenarios) != 1)} against {peer.title} at {peer.uri}")
    peer, notes = await reached(peer, base, keep_all=not request.peer.leaves_transport_open)
    for note in notes:
        output.note(note)
    folder = _folder(request.output or FOLDER / peer.name)
    runner = Runner(
        peer,
        folder,
        base=base,
        at_once=request.at_once,
        retries=request.retries,
        ports=ports,
        on_outcome=lambda outcome: _tell(outcome, output),
    )
    started, begun = datetime.fromtimestamp(clock.unix(), UTC), clock.now()
    running = asyncio.ensure_future(runner.run(scenarios))
    try:
        finished = await stop.first(running)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    results = RunResults.of(
        peer=peer.name,
        peer_title=peer.title,
        started=started.isoformat(timespec="seconds"),
        version=_version(),
        outcomes=_in_order(runner.outcomes),
        scenarios=scenarios,
        duration_s=clock.now() - begun,
        interrupted=not finished,
    )
    _write(results, request, folder, output)
    _show(results, peer, output)
    return results.result


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output: {path} cannot be made: {error.strerror}") from error
    return path


def _version() -> str:
    try:
        return version("icephone")
    except PackageNotFoundError:
        return ""


def _in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    order = {each.id: number for number, each in enumerate(all_scenarios())}
    return sorted(outcomes, key=lambda each: order.get(each.scenario, len(order)))


def _tell(outcome: Outcome, output: Output) -> None:
    """A line for a scenario that is over; what was expected and seen where it failed."""
    output.object({"event": "outcome", **outcome.to_json()})
    if outcome.verdict is Verdict.SKIPPED:
        return  # said together, at the end
    words = WORDS[outcome.verdict] + (", flaky" if outcome.flaky else "")
    output.note(f"{words:<16}  {outcome.scenario:<32}  {outcome.duration_s:5.1f} s", _STYLES[outcome.verdict])
    failure = outcome.failure
    if failure is not None and outcome.verdict.unexpected:
        output.note(f"    expected: {failure.expected}")
        output.note(f"    seen:     {failure.seen} [{failure.cause}]")
        if failure.where:
            output.note(f"    in:       {failure.where}")
        if failure.advice:
            output.note(f"    try:      {failure.advice}")


def _write(results: RunResults, request: RunRequest, folder: Path, output: Output) -> None:
    write_results(folder / FILE, results)
    if request.junit is not None:
        write_junit(request.junit, [results])
    output.note(f"results: {folder / FILE}")


def _show(results: RunResults, peer: Peer, output: Output) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row, outcome in zip(results.rows(), results.outcomes, strict=True):
        if outcome.verdict is not Verdict.SKIPPED:
            style = _STYLES[outcome.verdict]
            table.add_row(
                row.scenario, Text(row.verdict, style=style), row.seconds, Text(printable(row.note))
            )
    output.text(table)
    for line in skipped_lines(results.outcomes):
        output.text(Text(line))
    output.text(Text(f"{printable(peer.title)}: {results.summary}", style="bold"))
    output.object(results.to_json())


def skipped_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Which scenarios were skipped and why, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for each in outcomes:
        if each.verdict is Verdict.SKIPPED:
            reasons.setdefault(each.reason, []).append(each.scenario)
    return [f"skipped {', '.join(names)}: {reason}" for reason, names in reasons.items()]
