"""Many sessions in one process: ``python -m tests.bench.sessions [--sessions 1000] [--json]``.

Pairs of real sessions on loopback, one kind after the other: over UDP, over TCP, restarted, with a broken
connection, given up while they gather or check. Each pair that has a path sends packets over it. Prints the
memory as it goes and what is left at the end: sockets, tasks, timers, transports. The exit code is 1 where
anything is left, or where the memory grows with the sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import socket
import sys
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ice.messages import PathSelected
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Role
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG, connect, exchange_packets, two
from tests.leaks import Held, left_over
from tests.net.loopback_stun import loopback_stun, silence

_PACKETS = 5
_PATIENCE_S = 60.0
"""The machine may be busy, and how long it takes is not the question here."""

_AT_ONCE = 4
_SAMPLES = 10
_WARM_UP = 0.3
"""So much of the sessions fills caches; what comes after must not grow."""

OBJECTS_PER_SESSION = 1.0
BYTES_PER_SESSION = 100.0
"""More than this for each pair is a leak: whoever keeps one object of every session keeps more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the process holds while no session runs.

    Attributes:
        sessions: pairs so far.
        seconds: since the beginning.
        rss_kb: memory of the process; 0 where the system does not tell.
        traced_kb: of it, what Python has allocated since the beginning.
        objects: that the garbage collector knows.
    """

    sessions: int
    seconds: float
    rss_kb: int
    traced_kb: int
    objects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it went.

    Attributes:
        sessions: pairs by kind.
        samples: over time.
        left: what is left, one line for each thing.
        sockets: how many of these are sockets.
        tasks: and tasks.
        timers: and timers.
    """

    sessions: dict[str, int]
    samples: tuple[Sample, ...]
    left: tuple[str, ...]
    sockets: int
    tasks: int
    timers: int

    @property
    def growth(self) -> tuple[float, float]:
        """Objects and bytes that a pair of sessions leaves behind for good."""
        first = next(s for s in self.samples if s.sessions >= _WARM_UP * self.samples[-1].sessions)
        last = self.samples[-1]
        pairs = max(1, last.sessions - first.sessions)
        return (last.objects - first.objects) / pairs, (last.traced_kb - first.traced_kb) * 1024 / pairs

    @property
    def problem(self) -> str:
        """What is wrong, empty where nothing is."""
        objects, size = self.growth
        if self.left:
            return "something is left"
        if objects > OBJECTS_PER_SESSION or size > BYTES_PER_SESSION:
            return f"the memory grows: {objects:.1f} objects, {size:.0f} bytes for each pair"
        return ""


async def over_udp() -> None:
    """A call over UDP."""
    async with two() as (left, right, _policy):
        await connect(left, right, _PATIENCE_S)
        await exchange_packets(left, right, 1, _PACKETS, _PATIENCE_S)


async def over_tcp() -> None:
    """A call over TCP, with RTCP beside RTP."""
    async with two(udp=False, components=2) as (left, right, _policy):
        await connect(left, right, _PATIENCE_S)
        for component in (1, 2):
            await exchange_packets(left, right, component, _PACKETS, _PATIENCE_S)


async def restarted(*, udp: bool = True) -> None:
    """A call that is restarted and goes on."""
    async with two(udp=udp) as (left, right, _policy):
        await connect(left, right, _PATIENCE_S)
        await exchange_packets(left, right, 1, _PACKETS, _PATIENCE_S)
        await left.session.restart()
        await right.session.restart()
        await connect(left, right, _PATIENCE_S)
        for side in (left, right):
            side.received[1].clear()
        await exchange_packets(left, right, 1, _PACKETS, _PATIENCE_S)


async def restarted_over_tcp() -> None:
    """The same over TCP."""
    await restarted(udp=False)


async def broken() -> None:
    """A call over TCP whose connection the network breaks; it comes back."""
    async with two(udp=False) as (left, right, _policy):
        await connect(left, right, _PATIENCE_S)
        connection = left.session._flows.connection(left.of(PathSelected)[-1].flow)
        assert connection is not None
        connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        await until(lambda: len(left.of(PathSelected)) == 2 and len(right.of(PathSelected)) == 2, _PATIENCE_S)
        await exchange_packets(left, right, 1, _PACKETS, _PATIENCE_S)


async def given_up_while_gathering() -> None:
    """A session whose STUN server is silent, given up before its time is over."""
    async with loopback_stun(silence) as stun:
        config = replace(CONFIG, stun_servers=(stun.server,))
        session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
        gathering = asyncio.create_task(session.gather())
        await until(lambda: bool(stun.requests) or gathering.done(), _PATIENCE_S)
        gathering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gathering
        await session.close()


async def given_up_while_checking() -> None:
    """Sessions that end in the middle of their checks: the other side has gone."""
    async with two() as (left, right, _policy):
        theirs = right.description
        await right.session.close()
        left.session.set_remote(theirs)
        await asyncio.sleep(0.02)


KINDS: tuple[Callable[[], Coroutine[None, None, None]], ...] = (
    over_udp,
    over_tcp,
    restarted,
    restarted_over_tcp,
    broken,
    given_up_while_gathering,
    given_up_while_checking,
)


async def run(count: int, *, tell: Callable[[Sample], None] = lambda _sample: None) -> Result:
    """Run that many pairs, a few at a time."""
    loop = asyncio.get_running_loop()
    before = Held.now(loop)
    started = time.monotonic()
    done: dict[str, int] = {}
    samples: list[Sample] = []
    places = [round(count * n / _SAMPLES) for n in range(1, _SAMPLES + 1)]
    tracemalloc.start(1)
    try:
        number = 0
        for place in places:
            while number < place:
                some = [KINDS[n % len(KINDS)] for n in range(number, min(number + _AT_ONCE, place))]
                async with asyncio.TaskGroup() as group:
                    for kind in some:
                        group.create_task(kind())
                        done[kind.__name__] = done.get(kind.__name__, 0) + 1
                number += len(some)
            samples.append(await _sample(number, started))
            tell(samples[-1])
        left = await left_over(before)
    finally:
        tracemalloc.stop()
    return Result(
        sessions=done,
        samples=tuple(samples),
        left=tuple(left.names()),
        sockets=len(left.sockets),
        tasks=len(left.tasks),
        timers=len(left.timers),
    )


async def _sample(sessions: int, started: float) -> Sample:
    for _ in range(5):
        await asyncio.sleep(0)
    if sys.version_info < (3, 13):
        # It keeps some thousand names of attributes that C code asked for, and looks like a leak meanwhile.
        sys._clear_type_cache()
    gc.collect()
    return Sample(
        sessions=sessions,
        seconds=round(time.monotonic() - started, 1),
        rss_kb=_rss_kb(),
        traced_kb=tracemalloc.get_traced_memory()[0] // 1024,
        objects=len(gc.get_objects()),
    )


def _rss_kb() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 if statm.exists() else 0


def _print_sample(sample: Sample) -> None:
    print(
        f"{sample.sessions:6} pairs {sample.seconds:7.1f} s   RSS {sample.rss_kb / 1024:6.1f} MB   "
        f"Python {sample.traced_kb:6} kB   {sample.objects:7} objects",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sessions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sessions", type=int, default=1000, help="pairs of sessions (1000)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    if options.sessions < _SAMPLES:
        parser.error(f"at least {_SAMPLES}")
    result = asyncio.run(run(options.sessions, **({} if options.json else {"tell": _print_sample})))
    objects, size = result.growth
    if options.json:
        values = {"schema": 1, **asdict(result), "growth": {"objects": objects, "bytes": size}}
        print(json.dumps({**values, "problem": result.problem}))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {number}" for name, number in result.sessions.items()))
        print(f"left: sockets {result.sockets}, tasks {result.tasks}, timers {result.timers}")
        for line in result.left:
            print(f"  {line}")
        print(f"kept of each pair: {objects:.2f} objects, {size:.0f} bytes")
        print(result.problem or "flat, and nothing is left")
    return 1 if result.problem else 0


if __name__ == "__main__":
    sys.exit(main())
