"""The protocol between the benchmark and the process of a side, whoever's it is: lines of JSON.

A callee first writes `{"target": ...}`, which the caller gets as an argument. Both write `{"up": calls}` once
every call has media both ways, read the seconds to be measured as a line of their input, write what they
measured, and stay until their input ends. The standard library alone: other projects' processes use it too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from tests.bench.calls.arrivals import Arrivals
from tests.bench.calls.figures import cpu_s, rss_kb

_POLL_S = 0.1


def options(description: str) -> argparse.Namespace:
    """The arguments that every side takes: role, calls, transport, srtp, target, wav."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--role", choices=("caller", "callee"), required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--srtp", action="store_true")
    parser.add_argument("--target", default="", help="what the callee wrote")
    parser.add_argument("--wav", required=True, help="what both sides play")
    return parser.parse_args()


def tell(**values: object) -> None:
    """Write one line."""
    print(json.dumps(values), flush=True)


class Stage:
    """One side while it is measured. Made before its first call.

    Args:
        calls: that there are to be.
    """

    def __init__(self, calls: int) -> None:
        self.arrivals = Arrivals()
        self._calls = calls
        self._rss_kb = rss_kb()

    async def play(self, up: Callable[[], Awaitable[None]]) -> None:
        """Wait until all calls are `up`, measure, and stay until the input ends."""
        lines = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        try:
            await up()
            await self._heard()
            tell(up=self._calls)
            seconds = float(await lines.readline())
            await self._measure(seconds)
            await lines.read()
        finally:
            transport.close()

    async def _heard(self) -> None:
        """Packets of every call have come."""
        self.arrivals.active = True
        while self.arrivals.heard < self._calls:  # noqa: ASYNC110  an event a packet would be measured
            await asyncio.sleep(_POLL_S)
        self.arrivals.active = False
        self.arrivals.forget()

    async def _measure(self, seconds: float) -> None:
        arrivals = self.arrivals
        held_kb = rss_kb() - self._rss_kb
        began, cpu = time.monotonic(), cpu_s()
        arrivals.active = True
        await asyncio.sleep(seconds)
        arrivals.active = False
        lasted, used_s = time.monotonic() - began, cpu_s() - cpu
        tell(
            cpu_ms_per_call_s=used_s * 1000 / lasted / self._calls,
            packets_per_call_s=arrivals.packets / lasted / self._calls,
            rss_kb_per_call=held_kb / self._calls,
            gaps=arrivals.gaps(),
            delays=arrivals.delays(),
        )
