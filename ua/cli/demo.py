"""`icephone demo`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from ua.cli.live import LiveLine
from ua.cli.options import readable_wav, writable
from ua.cli.tables import result_table
from ua.cli.trace import trace_log
from ua.errors import QualityTooLow, ResultCode, TimedOut, UaError
from ua.events import EventLog
from ua.interop.standstill import BUSY_S, words
from ua.report.file import write_report
from ua.report.page import Report
from ua.results import CORRELATION_THRESHOLD, DemoResult
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.runner import Stop
    from ua.plan import DemoOptions

DemoRunner = Callable[["DemoOptions", EventLog], Awaitable[DemoResult]]
"""Plays the demo; `ua.demo.run_demo`."""


async def run(
    options: DemoOptions, report: Path, output: Output, stop: Stop, run_demo: DemoRunner
) -> ResultCode:
    """Play the demo, write the report, show the verdict."""
    if options.wav is not None:
        readable_wav(options.wav)
    writable(report, "--report")
    output.note(f"two phones on loopback, a firewall between them: UDP {options.udp}")
    result, log = await _shown(options, report, output, stop, run_demo)
    if result is not None and _is_spoilt(result):
        output.note(f"{words(result.stood_still_s)}, which is heard as holes: once more")
        result, log = await _shown(options, report, output, stop, run_demo)
    if result is None:
        return ResultCode.INTERRUPTED
    write_report(
        report,
        Report(
            entries=log.entries,
            results=(result.caller, result.callee),
            verdict=result.verdict,
            facts={
                "correlation": f"{result.correlation:.4f}",
                "UDP dropped": str(result.udp_dropped),
            },
        ),
    )
    if not output.json:
        output.text(Text(printable(result.verdict), style="bold"))
        output.text(
            f"audio: correlation of what was sent and what arrived {result.correlation:.4f}"
            f" (at least {CORRELATION_THRESHOLD}), {result.udp_dropped} UDP datagrams dropped"
        )
        output.text(result_table([result.caller, result.callee]))
        output.text(Text(f"report: {printable(str(report))}"))
    output.object(result.to_json() | {"report": str(report)})
    _complain(result, output)
    return result.result


async def _shown(
    options: DemoOptions, report: Path, output: Output, stop: Stop, run_demo: DemoRunner
) -> tuple[DemoResult | None, EventLog]:
    """Play it while the live line tells of it: the result, None where a signal came, and what was seen."""
    log = EventLog()
    stop_trace = trace_log(log, output)
    try:
        with LiveLine(log, output):
            return await _play(options, log, stop, run_demo), log
    except UaError as error:
        # A failed demo is where a report is needed most.
        if log.entries:
            write_report(report, Report(entries=log.entries, results=(), verdict=error.what))
            output.note(f"report: {report}")
        raise
    finally:
        stop_trace()


def _is_spoilt(result: DemoResult) -> bool:
    """What arrived is not what was sent, and this machine may be why."""
    return result.result is ResultCode.QUALITY and result.stood_still_s >= BUSY_S


async def _play(options: DemoOptions, log: EventLog, stop: Stop, run_demo: DemoRunner) -> DemoResult | None:
    """The result of the demo; None where a signal ended it. Raises TimedOut and what the demo raises."""
    playing: asyncio.Future[DemoResult] = asyncio.ensure_future(run_demo(options, log))
    try:
        async with asyncio.timeout(options.timeout_s):
            return playing.result() if await stop.first(playing) else None
    except TimeoutError:
        raise TimedOut(
            f"the demo did not end within {options.timeout_s:g} s",
            hint="a longer --timeout on a slow machine",
        ) from None
    finally:
        if not playing.done():
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError, UaError):
                await playing


def _complain(result: DemoResult, output: Output) -> None:
    for side in (result.caller, result.callee):
        if side.result is not ResultCode.OK:
            output.complain(side.result, f"{side.party}: {side.error or side.result.value}")
    if result.correlation < CORRELATION_THRESHOLD:
        output.error(
            QualityTooLow(
                f"what arrived is not what was sent: correlation {result.correlation:.4f}"
                f" is below {CORRELATION_THRESHOLD}",
                seen=words(result.stood_still_s),
                hint="a busy machine loses its 20 ms rhythm; run the demo again",
            )
        )
