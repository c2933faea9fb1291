"""`icephone test run`."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, assert_never

from ice.net.firewall import FirewallPolicy
from ua import clock
from ua.cli.interop_peer import PeerRequest, chosen_peer, person
from ua.cli.interop_progress import Progress
from ua.cli.interop_results import show_table
from ua.cli.options import writable
from ua.errors import ResultCode, UsageError
from ua.interop.catalog import all_scenarios, select
from ua.interop.junit import write_junit
from ua.interop.outcome import Outcome
from ua.interop.reach import reached
from ua.interop.report import Run, write
from ua.interop.results import FILE, RunResults, write_results
from ua.interop.runner import AT_ONCE, RETRIES, Runner

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.runner import Stop
    from ua.interop.peer import Peer
    from ua.interop.scenario import Scenario

FOLDER: Final = Path("icephone-test")
"""Where results go by default, a folder for each peer in it."""

REPORT: Final = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The arguments of the command, as typed."""

    words: tuple[str, ...] = ()
    peer: PeerRequest = field(default_factory=PeerRequest)
    at_once: int = AT_ONCE
    retries: int = RETRIES
    ports: str | None = None
    timeout_s: float | None = None
    firewall: FirewallChoice | None = None
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


FirewallChoice = Literal["udp", "inbound", "443"]
"""What lies between our media and the peer, each stricter than the one before it."""


def firewall(choice: FirewallChoice | None) -> FirewallPolicy | None:
    """What passes: no UDP; nor connections from outside; nor ours but to port 443."""
    match choice:
        case None:
            return None
        case "udp":
            return FirewallPolicy(udp="blocked")
        case "inbound":
            return FirewallPolicy(udp="blocked", tcp_inbound="blocked")
        case "443":
            return FirewallPolicy(udp="blocked", tcp_inbound="blocked", tcp_ports=frozenset({443}))
        case _:
            assert_never(choice)


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
    folder = _folder(request.output or FOLDER / re.sub(r"[^\w.-]", "-", peer.name))
    progress = Progress(len(scenarios), folder, output)
    kept = _Kept(peer, scenarios, folder / FILE, output)

    def ended(outcome: Outcome) -> None:
        kept.keep(runner.outcomes)
        progress.ended(outcome)

    runner = Runner(
        peer,
        folder,
        base=base,
        at_once=request.at_once,
        retries=request.retries,
        ports=ports,
        timeout_s=request.timeout_s,
        firewall=firewall(request.firewall),
        on_start=progress.started,
        on_outcome=ended,
    )
    kept.keep(())
    running = asyncio.ensure_future(runner.run(scenarios))
    finished = False
    try:
        with progress:
            finished = await stop.first(running)
            if not finished:
                output.note("interrupted: phones hang up and unregister; once more, and it ends at once")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        results = kept.results(runner.outcomes, interrupted=not finished)
        told = _Steps(output)
        # First what the others can be made of again.
        told.step("results", lambda: write_results(folder / FILE, results))
        told.step("report", lambda: _report(results, request, folder, output))
        if (junit := request.junit) is not None:
            told.step("JUnit XML", lambda: write_junit(junit, [results]))
    told.step("table", lambda: show_table(results, scenarios, peer, output))
    output.object(results.to_json())
    told.end()
    return results.result


class _Kept:
    """The results while scenarios run, written each time one is over: a run that is killed leaves them."""

    def __init__(self, peer: Peer, scenarios: Sequence[Scenario], file: Path, output: Output) -> None:
        self._peer = peer
        self._scenarios = scenarios
        self._file = file
        self._output = output
        self._started, self._begun = datetime.fromtimestamp(clock.unix(), UTC), clock.now()
        self._failed = False

    def results(self, outcomes: Sequence[Outcome], *, interrupted: bool) -> RunResults:
        """The results with what is over."""
        return RunResults.of(
            peer=self._peer.name,
            peer_title=self._peer.title,
            started=self._started.isoformat(timespec="seconds"),
            version=_version(),
            outcomes=_in_order(outcomes),
            scenarios=self._scenarios,
            duration_s=clock.now() - self._begun,
            interrupted=interrupted,
        )

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Write what is over; a disk that is full is told once, and tried again."""
        try:
            write_results(self._file, self.results(outcomes, interrupted=True), indent=None)
        except UsageError as error:
            if not self._failed:
                self._output.warning(error)
            self._failed = True


class _Steps:
    """Does one thing after the other, whatever becomes of each; the first error is raised at the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._error: Exception | None = None

    def step(self, what: str, do: Callable[[], None]) -> None:
        """Do it."""
        try:
            do()
        except Exception as error:  # a mistake in one of them takes none of the others away
            self._output.note(f"the {what} could not be made: {error}")
            self._error = self._error or error

    def end(self) -> None:
        """Raise the first error."""
        if self._error is not None:
            raise self._error


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


def _report(results: RunResults, request: RunRequest, folder: Path, output: Output) -> None:
    report = request.html or folder / REPORT
    write([Run(results=results, folder=folder)], report)
    output.note(f"results: {folder / FILE}, report: {report}")
