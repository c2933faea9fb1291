"""One ICE session in a process of its own: ``python -m tests.bench.nominate.agent --role ROLE ...``.

It writes its description as one line of JSON, reads the peer's and then a monotonic time in seconds as two
lines of its input, begins the checks at that time, writes how they ended as a second line, and stays until
its input ends. The clock is that of the machine, so that two of them begin together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from ice.config import IceConfig
from ice.description import dump_description, load_description
from ice.errors import IceFailed
from ice.messages import CheckSent, Event, PairStateChanged
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import PairState, Role

_AWAKE_S = 0.005
"""So long before the beginning a process waits awake."""


class GivenUp:
    """Counts the pairs that had failed when we nominated first: what was waited for to its end."""

    def __init__(self) -> None:
        self.count = 0
        self._nominated = False

    def hear(self, event: Event) -> None:
        """Take an event of the session."""
        match event:
            case PairStateChanged(state=PairState.FAILED) if not self._nominated:
                self.count += 1
            case CheckSent(nominating=True):
                self._nominated = True
            case _:
                pass


async def run(options: argparse.Namespace, lines: asyncio.StreamReader) -> None:
    """Gather, exchange, check, tell, wait."""
    loop = asyncio.get_running_loop()
    config = IceConfig(udp=not options.no_udp, interfaces=(options.interface,), patience_s=options.patience)
    session = Session(
        network=HostNetwork(), config=config, role=Role(options.role), components=options.components
    )
    given_up = GivenUp()
    session.subscribe(given_up.hear)
    try:
        print(dump_description(await session.gather()), flush=True)
        remote = load_description(await lines.readline())
        begin_at = float(await lines.readline())
        await asyncio.sleep(begin_at - loop.time() - _AWAKE_S)
        while loop.time() < begin_at:
            # The event loop wakes up to two milliseconds late: the two would not begin together.
            pass
        started_at = loop.time()
        session.set_remote(remote)
        failed_ms = None
        try:
            await session.completed()
        except IceFailed:
            failed_ms = (loop.time() - started_at) * 1000
        report = session.report()
        selected = report.selected
        outcome = {
            "nominated_ms": report.nominated_ms,
            "failed_ms": failed_ms,
            "given_up": given_up.count,
            "transport": None if selected is None else selected.local.transport.value,
            "reason": report.reason,
        }
        print(json.dumps(outcome), flush=True)
        await lines.read()
    finally:
        await session.close()


async def main() -> None:
    """Read the arguments and run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--role", choices=[role.value for role in Role], required=True)
    options.add_argument("--interface", required=True)
    options.add_argument("--components", type=int, default=1)
    options.add_argument("--patience", type=float, required=True, help="seconds")
    options.add_argument("--no-udp", action="store_true", help="TCP candidates only")
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await run(options.parse_args(), reader)
    finally:
        transport.close()


if __name__ == "__main__":
    asyncio.run(main())
