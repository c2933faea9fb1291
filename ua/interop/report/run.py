"""A run as the report takes it: its results, and where its evidence lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ua.interop.outcome import Outcome
from ua.interop.results import Description, RunResults, read_results, suite_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One column of the matrix.

    Attributes:
        results: what the run came to.
        folder: the folders of the outcomes lie in it.
    """

    results: RunResults
    folder: Path

    @property
    def title(self) -> str:
        """The peer, for people; with its address where that is its name."""
        title, name = self.results.peer_title, self.results.peer
        address = f" ({name})" if title and "." in name and name not in title else ""
        return f"{title or name or '?'}{address}"

    def outcome(self, scenario: str) -> Outcome | None:
        """What became of a scenario, None where it was not run."""
        return next((each for each in self.results.outcomes if each.scenario == scenario), None)


def read_run(path: Path) -> Run:
    """The run in a folder or in its `results.json`; raises UsageError."""
    results, folder = read_results(path)
    return Run(results=results, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the matrix.

    Attributes:
        scenario: its id.
        description: what is known of it.
        outcomes: one of each run, None where it was not run there.
    """

    scenario: str
    description: Description
    outcomes: tuple[Outcome | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The rows of one suite."""

    name: str
    lines: tuple[Line, ...]


def suites_of(runs: Sequence[Run]) -> tuple[Suite, ...]:
    """All scenarios of all runs, each once, grouped by suite, in the order in which they come first."""
    ids = dict.fromkeys(each.scenario for run in runs for each in run.results.outcomes)
    found: list[dict[str, Outcome]] = [{each.scenario: each for each in run.results.outcomes} for run in runs]
    groups: dict[str, list[Line]] = {}
    for scenario in ids:
        described = (run.results.descriptions.get(scenario) for run in runs)
        line = Line(
            scenario=scenario,
            description=next((each for each in described if each is not None), Description()),
            outcomes=tuple(outcomes.get(scenario) for outcomes in found),
        )
        groups.setdefault(suite_of(scenario), []).append(line)
    return tuple(Suite(name=name, lines=tuple(lines)) for name, lines in groups.items())
