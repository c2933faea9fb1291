"""So many calls a second against SIPp, which calls us, or answers our calls and sends back our media."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from media.engine import MediaEngine
from tests.bench.calls.figures import cpu_s, rss_kb
from tests.peers.process import Programs
from tests.peers.sipp import SippResult, sipp
from tests.ua.phones import account
from ua.call.call import Call
from ua.config.calls import CallsSettings
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.results import CallResult

Direction = Literal["in", "out"]
"""Who calls: SIPp us, or we SIPp."""

MAX_CALLS = 2000
_PATIENCE_S = 30.0
_SAMPLE_S = 0.25
_HEARD = ("ok", "media_one_way")
"""SIPp sends nothing of its own: a call that is short enough ends before our own media has come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How one direction went.

    Attributes:
        direction: who called.
        wanted: calls a second.
        calls: that were to be.
        good: calls that both sides say were as they should be.
        failures: what became of the others, by our own results and SIPp's count.
        seconds: from the first call to the end of the last one.
        cpu_ms: CPU of this process for each call, its media included.
        most_at_once: calls.
        rss_kb: memory before, at its highest, and after.
        media_late_ms: the most that a packet of media was sent too late.
    """

    direction: Direction
    wanted: float
    calls: int
    good: int
    failures: dict[str, int]
    seconds: float
    cpu_ms: float
    most_at_once: int
    rss_kb: tuple[int, int, int]
    media_late_ms: float

    @property
    def per_second(self) -> float:
        """Calls a second that there were."""
        return self.calls / self.seconds if self.seconds else 0.0

    @property
    def problem(self) -> str:
        """What is wrong, empty where nothing is."""
        return "" if self.good == self.calls else f"{self.calls - self.good} calls failed: {self.failures}"


async def measure(direction: Direction, *, rate: float, seconds: float, call_s: float) -> Rate:
    """Run one direction.

    Args:
        direction: who calls.
        rate: calls a second.
        seconds: for so long.
        call_s: how long each call lasts, in seconds.
    """
    calls = max(1, round(rate * seconds))
    bob = account("bob", calls=CallsSettings(max_calls=MAX_CALLS))
    engine = MediaEngine()
    # What happens is told to nobody: a phone that keeps a log of 1,000 calls measures that log.
    log = EventLog(keep_bytes=0)
    with TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        run = _Run(calls)
        try:
            async with Phone(bob, log, engine=engine) as phone, run.watched():
                work = _called if direction == "in" else _calling
                ended = await work(phone, run, programs, rate, call_s)
        finally:
            await programs.stop()
            await engine.close()
    return run.figures(direction, rate, ended, late_ms=engine.latest_ms)


class _Run:
    """The calls of one direction."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self._results: Counter[str] = Counter()
        self._running: set[Call] = set()
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._began = self._ended = self._cpu = 0.0
        self._most = 0
        self._rss: list[int] = []

    def take(self, call: Call) -> None:
        """One that has begun."""
        self._began = self._began or self._loop.time()
        self._running.add(call)
        self._most = max(self._most, len(self._running))
        call.on_end(self._forget)

    def _forget(self, call: Call) -> None:
        self._running.discard(call)
        self._loop.create_task(self._count(call))

    async def _count(self, call: Call) -> None:
        result: CallResult = await call.ended()
        self._results[result.result if result.result in _HEARD else f"{result.result}: {result.why}"] += 1
        self._ended = self._loop.time()
        if self._results.total() >= self.calls:
            self._done.set()

    async def over(self) -> None:
        """Wait for the last call."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), _PATIENCE_S)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Sample memory, and take the CPU of the block."""

        async def sample() -> None:
            while True:
                self._rss.append(rss_kb())
                await asyncio.sleep(_SAMPLE_S)

        self._rss.append(rss_kb())
        before = cpu_s()
        sampling = asyncio.create_task(sample())
        try:
            yield
        finally:
            sampling.cancel()
            self._cpu = cpu_s() - before
            self._rss.append(rss_kb())

    def figures(self, direction: Direction, rate: float, theirs: SippResult, *, late_ms: float) -> Rate:
        """What came of it."""
        ours = sum(self._results[name] for name in _HEARD)
        failures = {name: count for name, count in self._results.items() if name not in _HEARD}
        if theirs.successful != self.calls:
            failures["by the count of SIPp"] = self.calls - theirs.successful
        return Rate(
            direction=direction,
            wanted=rate,
            calls=self.calls,
            good=min(ours, theirs.successful),
            failures=failures,
            seconds=round(self._ended - self._began, 2),
            cpu_ms=round(self._cpu * 1000 / self.calls, 2),
            most_at_once=self._most,
            rss_kb=(self._rss[0], max(self._rss), self._rss[-1]),
            media_late_ms=round(late_ms, 1),
        )


async def _called(phone: Phone, run: _Run, programs: Programs, rate: float, call_s: float) -> SippResult:
    """SIPp calls; we answer at once and speak."""

    async def answer() -> None:
        async for call in phone.incoming():
            run.take(call)
            await call.accept(MediaPlan(source=Tone(hz=440)))

    answering = asyncio.create_task(answer())
    try:
        await asyncio.sleep(0)
        calling = await sipp(
            programs,
            "uac",
            target=phone.addresses[0].rpartition("@")[2].partition(";")[0],
            calls=run.calls,
            pause_ms=round(call_s * 1000),
            extra=["-l", str(MAX_CALLS), "-r", f"{rate:g}", "-rtp_echo"],
        )
        result = await calling.finished(run.calls / rate + _PATIENCE_S)
        await run.over()
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    return result


async def _calling(phone: Phone, run: _Run, programs: Programs, rate: float, call_s: float) -> SippResult:
    """We call, whatever has become of the calls before; SIPp answers at once."""
    answering = await sipp(programs, "uas", calls=run.calls, extra=["-l", str(MAX_CALLS), "-rtp_echo"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(run.calls):
        await asyncio.sleep(began + number / rate - loop.time())
        plan = MediaPlan(source=Tone(hz=440), duration_s=call_s)
        run.take(await phone.place(f"sip:service@{answering.host}:{answering.port}", plan))
    await run.over()
    return await answering.finished(_PATIENCE_S)
