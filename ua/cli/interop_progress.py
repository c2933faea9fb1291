"""What is shown while scenarios run: a line for each that is over; on a terminal those that run, too."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.text import Text

from ua.cli.interop_results import STYLES
from ua.interop.outcome import Outcome, Verdict
from ua.interop.results import SCHEMA, WORDS
from ua.view.text import printable

if TYPE_CHECKING:
    from rich.live import Live

    from ua.cli.output import Output
    from ua.interop.scenario import Scenario


class Progress:
    """Shows how far a run is. A context manager.

    Args:
        count: scenarios of the run.
        folder: of its results.
        output: where it is shown.
    """

    def __init__(self, count: int, folder: Path, output: Output) -> None:
        self._count = count
        self._folder = folder
        self._output = output
        self._over = 0
        self._running: dict[str, None] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if not self._output.quiet and self._output.stderr.is_terminal:
            from rich.live import Live

            self._live = Live(
                self._line(), console=self._output.stderr, auto_refresh=False, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line of those that run away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def started(self, scenario: Scenario) -> None:
        """A scenario begins."""
        self._running[scenario.id] = None
        self._draw()

    def ended(self, outcome: Outcome) -> None:
        """A scenario is over: what was expected and seen where it failed."""
        self._over += 1
        self._running.pop(outcome.scenario, None)
        self._output.object({"schema": SCHEMA, "event": "outcome", **outcome.to_json()})
        for text, style in outcome_lines(outcome, self._folder):
            self._output.note(text, style)
        self._draw()

    def _line(self) -> Text:
        running = f"  running {', '.join(self._running)}" if self._running else ""
        return Text(f"{self._over} of {self._count}{running}", no_wrap=True, overflow="ellipsis", style="dim")

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._line(), refresh=True)


def outcome_lines(outcome: Outcome, folder: Path) -> list[tuple[str, str]]:
    """The lines of an outcome and their styles; none where it was skipped: that is said at the end."""
    if outcome.verdict is Verdict.SKIPPED:
        return []
    words = WORDS[outcome.verdict] + (", flaky" if outcome.flaky else "")
    lines = [(f"{words:<16}  {outcome.scenario:<36}  {outcome.duration_s:5.1f} s", STYLES[outcome.verdict])]
    if outcome.verdict is Verdict.UNEXPECTED_PASS:
        lines.append((f"    should fail: {printable(outcome.reason)}; the file of the peer says so", ""))
    failure = outcome.failure
    if failure is None or not outcome.verdict.unexpected:
        return lines
    parts = (
        ("expected:", failure.expected),
        ("seen:", f"{failure.seen} [{failure.cause}]"),
        ("in:", failure.where),
        ("try:", failure.advice),
        ("kept:", str(folder / outcome.folder)),
    )
    return lines + [(f"    {name:<9} {printable(text)}", "") for name, text in parts if text]
