"""Time to voice: ``python -m tests.bench.setup [--calls 20] [--json]``.

`icephone call` to `icephone answer` on one machine, in the same run as baresip to baresip: ms from the INVITE
until RTP has come both ways, as it goes by on the loopback interface. Without ICE, with ICE over UDP, and
with ICE where UDP is dropped. As root, for it makes a network namespace and looks at its packets. The exit
code is 1 where a case failed, and 2 where ICE makes ours take longer than 1.5 times what baresip takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.setup.calls import BARESIP, CASES, Call, Case, measure
from tests.peers.process import PeerError

GOAL = 1.5
"""Ours with ICE takes at most so many times what baresip takes without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A case and what came of it; `problem` says why there are no calls."""

    case: Case
    calls: tuple[Call, ...] = ()
    problem: str = ""

    @property
    def median_ms(self) -> float:
        """Until RTP has come both ways, of all calls."""
        return statistics.median(call.media_ms for call in self.calls)

    def json(self, baresip_ms: float | None) -> dict[str, Any]:
        """For programs; `baresip_ms` is the median of baresip."""
        found: dict[str, Any] = {"case": self.case.name, "phone": self.case.phone, "ice": self.case.ice}
        found |= {"udp_blocked": self.case.blocked}
        if not self.calls:
            return found | {"problem": self.problem}
        times = sorted(call.media_ms for call in self.calls)
        heard = [call.heard_ms for call in self.calls if call.heard_ms is not None]
        return found | {
            "calls": len(times),
            "media_ms": {
                "median": round(self.median_ms, 1),
                "min": round(times[0], 1),
                "max": round(times[-1], 1),
            },
            "heard_ms": round(statistics.median(heard), 1) if heard else None,
            "ratio": round(self.median_ms / baresip_ms, 2) if baresip_ms else None,
        }


def baresip_ms(rows: Sequence[Row]) -> float | None:
    """What the others are compared with."""
    return next((row.median_ms for row in rows if row.case is BARESIP and row.calls), None)


def missed(rows: Sequence[Row]) -> list[str]:
    """Cases with ICE that took longer than they should."""
    limit = baresip_ms(rows)
    return [
        row.case.name for row in rows if limit and row.calls and row.case.ice and row.median_ms > GOAL * limit
    ]


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'':32}{'median ms':>10}{'least':>8}{'most':>8}{'by caller':>11}{'times baresip':>15}"]
    for row in rows:
        found = row.json(baresip_ms(rows))
        if row.problem:
            lines.append(f"{row.case.name:32}not measured: {row.problem}")
            continue
        times = found["media_ms"]
        heard = "-" if found["heard_ms"] is None else f"{found['heard_ms']:.1f}"
        ratio = "-" if found["ratio"] is None else f"{found['ratio']:.2f}"
        lines.append(
            f"{row.case.name:32}{times['median']:10.1f}{times['min']:8.1f}{times['max']:8.1f}{heard:>11}{ratio:>15}"
        )
    return "\n".join([*lines, *(f"over {GOAL} times baresip: {name}" for name in missed(rows))])


async def _measure(calls: int, tell: Any) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            place = Path(folder) / str(number)
            place.mkdir()
            try:
                found = await measure(case, calls=calls, folder=place, tell=tell)
            except PeerError as error:
                rows.append(Row(case=case, problem=str(error)))
            else:
                rows.append(Row(case=case, calls=tuple(found)))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.setup", description=__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--calls", type=int, default=20, help="of each case (20)")
    options.add_argument("--json", action="store_true", help="one JSON object")
    chosen = options.parse_args(arguments)
    if os.geteuid() != 0:
        options.error("network namespaces and their packets need root")
    _go_first()
    rows = asyncio.run(_measure(max(1, chosen.calls), partial(print, file=sys.stderr)))
    if chosen.json:
        found = [row.json(baresip_ms(rows)) for row in rows]
        print(json.dumps({"schema": 1, "cases": found, "over_goal": missed(rows)}))
    else:
        print(table(rows))
    if any(row.problem for row in rows):
        return 1
    return 2 if missed(rows) else 0


def _go_first() -> None:
    """Run before all else on this machine; the phones inherit it. The rest is not to be measured."""
    os.nice(-10)
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))


if __name__ == "__main__":
    sys.exit(main())
