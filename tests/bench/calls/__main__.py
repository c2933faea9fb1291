"""Calls in number: ``python -m tests.bench.calls [--calls 100]``, ``... leaks`` and ``... rate``.

Without a command: what the media of so many calls at once costs. Two processes, a phone each; real G.711 of
an audio file, RTCP, and ICE with its consent checks, over UDP or framed TCP. CPU ms for each second of each
call, gaps between packets, delay above the fastest packet of a call, memory of a call. ``--peer aiosipua``
and ``--peer aiortc`` measure those too, in environments of their own, and ``--peer bare`` what sockets,
G.711 and a header cost without any of it.

``leaks [--registrations 200] [--calls 1000]``: phones of one process register, and call each other one after
the other, with media over UDP and TCP; what is left of it, and the memory as it goes.

``rate [--rate 50] [--for 20] [--call 0.5]``: so many calls a second against SIPp, which calls us first, and
then answers us; each call has media. Calls a second, CPU and memory of our process.

All have ``--json``; the exit code is 1 where a call failed or anything is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from tests.bench.calls import leaks, rate
from tests.bench.calls.comparison import compare, table
from tests.bench.calls.figures import Memory
from tests.bench.calls.others.environment import OTHERS
from tests.peers.process import PeerError


def _print_memory(memory: Memory) -> None:
    print(
        f"{memory.calls:6} calls   RSS {memory.rss_kb / 1024:6.1f} MB   {memory.objects:7} objects",
        flush=True,
    )


def _media(options: argparse.Namespace) -> int:
    try:
        found = asyncio.run(
            compare(
                options.peer,
                calls=options.calls,
                transport=options.transport,
                srtp=options.srtp,
                seconds=options.seconds,
            )
        )
    except PeerError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found.json) if options.json else table(found))
    return 1 if found.problems else 0


def _leaks(options: argparse.Namespace) -> int:
    tell = (lambda _: None) if options.json else _print_memory
    result = asyncio.run(leaks.run(options.registrations, options.calls, tell=tell))
    if options.json:
        values = {"schema": 1, **asdict(result), "growth": result.growth, "problem": result.problem}
        print(json.dumps(values))
    else:
        print(f"{result.registrations} registrations, results of both sides {result.results}")
        print(f"endpoints hold {result.alive or 'nothing'}")
        print(f"left: sockets {result.sockets}, tasks {result.tasks}, timers {result.timers}")
        for line in result.left:
            print(f"  {line}")
        print(f"kept of each call: {result.growth:.2f} objects")
        print(result.problem or "flat, and nothing is left")
    return 1 if result.problem else 0


def _rate(options: argparse.Namespace) -> int:
    directions: tuple[rate.Direction, ...] = ("in", "out")
    results = [
        asyncio.run(rate.measure(each, rate=options.rate, seconds=options.seconds, call_s=options.call_s))
        for each in directions
    ]
    if options.json:
        rows = [{**asdict(each), "per_second": each.per_second, "problem": each.problem} for each in results]
        print(json.dumps({"schema": 1, "directions": rows}))
    else:
        for each in results:
            print(
                f"{'SIPp calls us ' if each.direction == 'in' else 'we call SIPp  '} "
                f"{each.good} of {each.calls} good, {each.per_second:.1f} a second, "
                f"{each.cpu_ms:.1f} ms CPU each, "
                f"{each.most_at_once} at once, RSS {' > '.join(f'{kb / 1024:.0f}' for kb in each.rss_kb)} MB "
                f"(before, most, after), media late by {each.media_late_ms:.0f} ms at most"
            )
            if each.problem:
                print(f"  {each.problem}")
    return 1 if any(each.problem for each in results) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.calls", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=100, help="at once (100)")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp", help="of media (udp)")
    parser.add_argument("--srtp", action="store_true", help="protect it, with keys by DTLS")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are measured (20)")
    parser.add_argument(
        "--peer", action="append", default=[], choices=tuple(OTHERS), help="measure this project too"
    )
    parser.set_defaults(run=_media)
    kinds = parser.add_subparsers()
    leaking = kinds.add_parser("leaks", help="what registrations and calls leave behind")
    leaking.add_argument("--registrations", type=int, default=200, help="phones that are registered (200)")
    leaking.add_argument("--calls", type=int, default=1000, help="calls, one after the other (1000)")
    leaking.set_defaults(run=_leaks)
    rating = kinds.add_parser("rate", help="so many calls a second against SIPp")
    rating.add_argument("--rate", type=float, default=50.0, help="calls a second (50)")
    rating.add_argument("--for", dest="seconds", type=float, default=20.0, help="seconds (20)")
    rating.add_argument("--call", dest="call_s", type=float, default=0.5, help="seconds of each call (0.5)")
    rating.set_defaults(run=_rate)
    for each in (parser, leaking, rating):
        each.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
