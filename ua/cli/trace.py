"""What -v and --sip-trace show: SIP messages, with -v the milestones of ICE too. A view of the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ua.view.trace_lines import format_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ua.cli.output import Output
    from ua.events import EventLog, LogEntry


def trace_log(log: EventLog, output: Output) -> Callable[[], None]:
    """Print entries as they come; the returned function ends that. Times are ms since the first entry."""
    start: float | None = None

    def show(entry: LogEntry) -> None:
        nonlocal start
        if start is None:
            start = entry.at
        text = format_entry(entry, start, sip=output.sip_trace, rest=output.verbose)
        if text is not None:
            output.trace(text, "cyan" if entry.source == "sip" else "dim")

    if not (output.verbose or output.sip_trace):
        return lambda: None
    return log.subscribe(show)
