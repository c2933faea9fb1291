"""Time to a nominated pair: ``python -m tests.bench.nominate [--simulated] [--json]``.

Round trip 50 ms. Without ``--simulated`` the cases run on real sockets too: as root, in two network
namespaces that a delayed link joins, ours against ours and, where they are installed, against libnice and
pion; of several runs of a case the median counts.
The exit code is 1 where a case ended other than it must; how long it took is for the reader to judge.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from functools import partial

from tests.bench.nominate.cases import Measurement
from tests.bench.nominate.simulated import simulate_all
from tests.bench.nominate.sockets import measure_all

_NICENESS = -10
_PRIORITY = 5
"""Of the real-time scheduler: any, for there is nobody else."""


def table(measured: Sequence[Measurement]) -> str:
    """The measurements for people."""
    lines = [f"{'case':65} {'mode':10}{'peer':9} {'our role':12}{'ms':>8}{'floor':>7}  outcome"]
    for one in measured:
        if one.nominated_ms is None:
            time = "-" if one.failed_ms is None else f"{one.failed_ms:.0f}"
            note = "" if one.deadline_ms is None else f"failure, deadline {one.deadline_ms:.0f}"
        else:
            time = f"{one.nominated_ms:.0f}"
            note = str(one.transport)
        floor = "-" if one.case.floor_ms is None else f"{one.case.floor_ms:.0f}"
        note = f"PROBLEM: {one.problem}" if one.problem else note
        name = one.case.name + (f" ({one.components} components)" if one.components > 1 else "")
        lines.append(f"{name:65} {one.mode:10}{one.peer:9} {one.role.value:12}{time:>8}{floor:>7}  {note}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where a case ended other than it must."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--simulated", action="store_true", help="in virtual time only: no root, a second")
    options.add_argument("--json", action="store_true", help="one JSON object")
    options.add_argument("--repeat", type=int, default=3, help="runs of each case on sockets (3)")
    chosen = options.parse_args(arguments)
    if not chosen.simulated and os.geteuid() != 0:
        options.error("network namespaces need root; --simulated does not")
    measured = list(simulate_all())
    information = list(simulate_all(components=2))
    if not chosen.simulated:
        _go_first()
        tell = partial(print, file=sys.stderr)
        sockets, more = asyncio.run(measure_all(repeat=max(1, chosen.repeat), tell=tell))
        measured += sockets
        information += more
    if chosen.json:
        result = {
            "schema": 1,
            "cases": [one.to_json() for one in measured],
            "two_components": [one.to_json() for one in information],
        }
        print(json.dumps(result))
    else:
        print(table([*measured, *information]))
    return 1 if any(one.problem for one in (*measured, *information)) else 0


def _go_first() -> None:
    """Run before all else on this machine; the agents inherit it. The rest is not to be measured."""
    os.nice(_NICENESS)
    with contextlib.suppress(AttributeError, OSError):
        # Where it is allowed: by niceness alone a process that wakes may wait some milliseconds for its turn.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))


if __name__ == "__main__":
    sys.exit(main())
