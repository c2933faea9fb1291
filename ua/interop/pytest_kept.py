"""What becomes of tests at a peer, kept as the results of a run: results.json and the report."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pytest

from ua import clock
from ua.errors import UsageError
from ua.interop import report
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer
from ua.interop.results import FILE, SCHEMA, RunResults, write_results

OUTCOME: Final = "icephone_outcome"
"""Name of the attribute of a report that tells what became of a test at the peer."""


def told(
    name: str, item: pytest.Item, report: pytest.TestReport, failure: Failure | None, peer: Peer
) -> dict[str, Any]:
    """What became of a test, as plain values, which pass from process to process.

    Args:
        name: of the test, as a scenario.
        item: the test.
        report: of its call, or of what went wrong before or after it.
        failure: the expectation that was not met, None where that is not what happened.
        peer: where.
    """
    function = getattr(item, "function", None)
    title = (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
    outcome = _outcome(name, item, report, failure).to_json()
    return {**outcome, "title": title, "peer": [peer.name, peer.title]}


def _outcome(name: str, item: pytest.Item, report: pytest.TestReport, failure: Failure | None) -> Outcome:
    verdict = _verdict(report)
    reason = str(getattr(report, "wasxfail", "")).removeprefix("reason: ")
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
    if failure is None and verdict in (Verdict.FAILED, Verdict.ERROR):
        seen = report.longreprtext.strip().splitlines()[-1:] or ["it failed"]
        failure = Failure(cause="assertion", expected="the test passes", seen=seen[0])
    return Outcome(
        scenario=name,
        verdict=verdict,
        failure=failure,
        reason=reason,
        duration_s=report.duration,
        attempts=0 if verdict is Verdict.SKIPPED else 1,
        folder=name if item.config.getoption("--icephone-output") else "",
    )


def _verdict(report: pytest.TestReport) -> Verdict:
    expected = hasattr(report, "wasxfail")
    if report.skipped:
        return Verdict.EXPECTED_FAILURE if expected else Verdict.SKIPPED
    if report.passed:
        return Verdict.UNEXPECTED_PASS if expected else Verdict.PASSED
    return Verdict.FAILED if report.when == "call" else Verdict.ERROR


class Kept:
    """Writes results.json as tests end, report.html at the end; with xdist where all reports are seen."""

    def __init__(self, config: pytest.Config) -> None:
        self._folder = Path(config.getoption("--icephone-output"))
        self._is_worker = hasattr(config, "workerinput")
        self._started = datetime.fromtimestamp(clock.unix(), UTC)
        self._told: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what became of a test; what its end adds, an error in it, counts."""
        value = getattr(report, OUTCOME, None)
        if isinstance(value, dict):
            self._told[str(value["scenario"])] = value
            if not self._is_worker:
                # A run that is killed leaves what was over; that nothing can be written is told at the end.
                with contextlib.suppress(UsageError):
                    write_results(self._folder / FILE, self._results(interrupted=True), indent=None)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the files, and say where they are."""
        if self._is_worker or not self._told:
            return
        results = self._results(interrupted=False)
        write_results(self._folder / FILE, results)
        report.write([report.Run(results=results, folder=self._folder)], self._folder / "report.html")
        terminalreporter.write_sep("-", f"icephone: {self._folder / 'report.html'}")

    def _results(self, *, interrupted: bool) -> RunResults:
        try:
            known = version("icephone")
        except PackageNotFoundError:
            known = ""
        scenarios = [
            {"id": each["scenario"], "rfc": "", **{key: each[key] for key in each if key != "scenario"}}
            for each in self._told.values()
        ]
        # One peer: of several that the tests made themselves the first gives the name.
        name, title = scenarios[0]["peer"]
        return RunResults.from_json(
            {
                "schema": SCHEMA,
                "peer": {"name": name, "title": title},
                "started": self._started.isoformat(timespec="seconds"),
                "version": known,
                "duration_s": sum(each["duration_s"] for each in scenarios),
                "interrupted": interrupted,
                "scenarios": scenarios,
            }
        )
