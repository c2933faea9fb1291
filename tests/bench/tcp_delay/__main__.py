"""One-way delay of media over TCP on bad links: ``python -m tests.bench.tcp_delay [--json] [--plot FILE]``.

50 packets a second from one network namespace to another, 25 ms away: with 2 % loss each way; with a blackout
of 1.5 s every 20 s besides; and through a bottleneck of 24 kbit/s. Ours is an ICE session over TCP with its
consent checks; the naive sender writes everything to a stream of asyncio at once. Both run at the same time,
on links of their own that lose alike. Frames that a sender drops on purpose are counted apart.
Needs root. The exit code is 1 where ours misses a goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.tcp_delay.figures import Delays
from tests.bench.tcp_delay.links import LINKS, Link, measure
from tests.bench.tcp_delay.plot import draw

_NICENESS = -10

Measured = tuple[Link, tuple[Delays, ...]]


def table(measured: Sequence[Measured]) -> str:
    """For people."""
    columns = f"{'p50':>7}{'p99':>8}{'p99.9':>8}{'late %':>8}{'dropped %':>11}{'growth ms':>11}"
    lines = [f"{'link':42}{'sender':8}{columns}"]
    for link, senders in measured:
        for each in senders:
            dropped = 100 * each.dropped / each.sent
            lines.append(
                f"{link.name:42}{each.sender:8}{each.percentile(0.5):7.0f}{each.percentile(0.99):8.0f}"
                f"{each.percentile(0.999):8.0f}{each.late_percent:8.2f}{dropped:11.1f}{each.growth_ms:11.0f}"
            )
        problem = link.problem(senders[0])
        consent = f"{senders[0].consent} consent checks answered"
        lines.append(f"  goal: {link.goal}: {problem or 'reached'}; {consent}")
    return "\n".join(lines)


async def _measure(seconds: float) -> list[Measured]:
    # One after the other: on few processors the links would disturb each other.
    return [(link, await measure(link, seconds)) for link in LINKS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where ours misses a goal."""
    options = argparse.ArgumentParser(
        prog="python -m tests.bench.tcp_delay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--json", action="store_true", help="one JSON object")
    options.add_argument("--plot", type=Path, metavar="FILE", help="write the delays as an SVG file")
    options.add_argument(
        "--seconds", type=float, default=120.0, help="of each link (120; 600 show that nothing grows)"
    )
    chosen = options.parse_args(arguments)
    if os.geteuid() != 0:
        options.error("network namespaces need root")
    os.nice(_NICENESS)
    measured = asyncio.run(_measure(chosen.seconds))
    if chosen.plot is not None:
        chosen.plot.write_text(draw([(link.name, senders) for link, senders in measured]), encoding="utf-8")
    problems = [link.problem(senders[0]) for link, senders in measured]
    if chosen.json:
        rows = [
            {
                "link": link.name,
                "goal": link.goal,
                "problem": problem,
                "senders": [each.json for each in senders],
            }
            for (link, senders), problem in zip(measured, problems, strict=True)
        ]
        print(json.dumps({"schema": 1, "seconds": chosen.seconds, "links": rows}))
    else:
        print(table(measured))
    return 1 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main())
