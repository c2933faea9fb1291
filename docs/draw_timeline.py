"""Draws docs/timeline.svg, the picture of the README, from a demo: `python docs/draw_timeline.py`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ua.demo import run_demo
from ua.events import EventLog
from ua.plan import DemoOptions
from ua.report.page import Report, call_timeline
from ua.report.timeline_svg import timeline_svg


async def main() -> None:
    """Play the demo with UDP blocked and draw what its two phones saw."""
    log = EventLog()
    result = await run_demo(DemoOptions(udp="blocked"), log)
    report = Report(entries=log.entries, results=(result.caller, result.callee), verdict=result.verdict)
    picture = timeline_svg(call_timeline(report))
    (Path(__file__).parent / "timeline.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
