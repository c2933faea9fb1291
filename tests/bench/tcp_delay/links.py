"""The links of the benchmark, and its runs: namespaces that a shaped link joins, each end a process."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.tcp_delay.figures import PTIME_S, Delays
from tests.peers.delayed_link import INTERFACE, DelayedLink, Shape, delayed_link
from tests.peers.process import PeerError, Program, Programs, until

DELAY_S: Final = 0.025
ROUND_TRIP_MS: Final = 2 * DELAY_S * 1000
RECOVERED_MS: Final = DELAY_S * 1000 + PTIME_S * 1000 + ROUND_TRIP_MS
"""A frame that is lost once: the next one tells, and it is sent again."""

_ROOT = Path(__file__).resolve().parents[3]
_SPARE_S = 30.0

SENDERS: Final = ("ours", "naive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link.

    Attributes:
        name: for people.
        shape: of both directions.
        goal: what ours is to reach, for people.
    """

    name: str
    shape: Shape
    goal: str

    def problem(self, ours: Delays) -> str:
        """Why ours misses the goal, empty where it reaches it."""
        if ours.lost:
            return f"the path was lost {ours.lost} times"
        if self.shape.bits_per_s:
            # One frame more or less in the queue of the bottleneck is no growth.
            return "" if ours.growth_ms < ROUND_TRIP_MS else f"the delay grew by {ours.growth_ms:.0f} ms"
        if self.shape.blackout_every_s:
            return "" if ours.late_percent <= 1.5 else f"{ours.late_percent:.1f} % late"
        p99 = ours.percentile(0.99)
        return "" if p99 <= 1.1 * RECOVERED_MS else f"p99 {p99:.0f} ms"


LINKS: Final = (
    Link(
        name="2 % loss each way",
        shape=Shape(delay_s=DELAY_S, loss=0.02),
        goal=f"p99 at most {1.1 * RECOVERED_MS:.0f} ms",
    ),
    Link(
        name="2 % loss, a blackout of 1.5 s every 20 s",
        shape=Shape(delay_s=DELAY_S, loss=0.02, blackout_s=1.5, blackout_every_s=20.0),
        goal="at most 1.5 % over 400 ms late",
    ),
    Link(
        name="bottleneck of 24 kbit/s",
        shape=Shape(delay_s=DELAY_S, bits_per_s=24_000),
        goal="the delay does not grow, consent survives",
    ),
)


async def measure(link: Link, seconds: float) -> tuple[Delays, ...]:
    """Both senders at the same time, each on a link of its own that does the same.

    Raises:
        PeerError: a process ended, or the system has no namespaces.
    """
    return tuple(await asyncio.gather(*(_run(sender, link, seconds) for sender in SENDERS)))


async def _run(sender: str, link: Link, seconds: float) -> Delays:
    with tempfile.TemporaryDirectory(prefix="icephone-bench-") as folder:
        programs = Programs(Path(folder))
        async with delayed_link(link.shape) as joined:
            try:
                return await _talk(sender, joined, programs, seconds)
            finally:
                await programs.stop()


async def _talk(sender: str, joined: DelayedLink, programs: Programs, seconds: float) -> Delays:
    hears = await _End.start(programs, sender, "hears", joined, seconds)
    sends = await _End.start(programs, sender, "sends", joined, seconds)
    sends.tell(await hears.line(0))
    hears.tell(await sends.line(0))
    heard = json.loads(await hears.line(1, seconds))
    told = json.loads(await sends.line(1))
    for values in (heard, told):
        if "failed" in values:
            raise PeerError(f"{sender}: {values['failed']}")
    return delays(sender, told, heard)


def delays(sender: str, told: dict[str, Any], heard: dict[str, Any]) -> Delays:
    """What both ends wrote, together."""
    asks = "consent" in told
    return Delays(
        sender=sender,
        sent=told["sent"],
        dropped=told["dropped"],
        frames=tuple((number, delay) for number, delay in heard["frames"]),
        consent=told["consent"] + heard["consent"] if asks else None,
        lost=told["lost"] + heard["lost"] if asks else 0,
    )


class _End:
    """One process."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @classmethod
    async def start(
        cls, programs: Programs, sender: str, part: str, joined: DelayedLink, seconds: float
    ) -> _End:
        namespace = joined.left if part == "sends" else joined.right
        command: Sequence[str] = [
            *namespace.prefix,
            *(sys.executable, "-m", "tests.bench.tcp_delay.agent", sender, part),
            *("--seconds", f"{seconds:g}", "--interface", INTERFACE, "--host", namespace.host),
        ]
        program = await programs.start(
            f"{sender}-{part}", command, cwd=_ROOT, stdin=True, separate_output=True
        )
        return cls(program)

    def tell(self, line: str) -> None:
        """Give it a line of input."""
        self._program.write(f"{line}\n".encode())

    async def line(self, number: int, seconds: float = 0.0) -> str:
        """A line of its output; the first one is 0."""

        def written() -> bool:
            if self._program.exit_code is not None:
                raise PeerError(f"{self._program.name} ended: {self._program.text()[-2000:]}")
            return self._text().count("\n") > number

        await asyncio.sleep(seconds)
        await until(written, f"{self._program.name} writes line {number + 1}", _SPARE_S)
        return self._text().splitlines()[number]

    def _text(self) -> str:
        return self._program.output.read_text(encoding="utf-8")
