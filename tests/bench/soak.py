"""A real call of minutes or hours between two of our phones: does anything grow, is anything lost?

    python -m tests.bench.soak --minutes 30 --transport udp

A loud packet each second tells how long audio takes from the source of one to the sink of the other. Ends
with 1 where the delay has moved by more than a packet, memory by more than a tenth, or audio was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path

from media.audio.pcm import rms
from tests.ua.phones import Pair, account
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, PathChoice, Silence

PACKET_MS = 20
LOUD = 3000


class Speaker:
    """A soft tone, and a loud one for one packet each second."""

    finished = False

    def __init__(self, rate: int) -> None:
        samples = [round(100 * math.sin(math.tau * 200 * i / rate)) for i in range(rate * PACKET_MS // 1000)]
        self._soft = array("h", samples).tobytes()
        self._loud = array("h", (100 * sample for sample in samples)).tobytes()
        self.packets = 0
        self.marks: list[float] = []

    def read(self, size: int, /) -> bytes:
        """The next packet."""
        self.packets += 1
        loud = self.packets % 50 == 0
        if loud:
            self.marks.append(time.monotonic())
        return (self._loud if loud else self._soft)[:size].ljust(size, b"\0")

    def close(self) -> None:
        """Nothing to release."""


class Listener:
    """Notes when it heard something loud."""

    def __init__(self) -> None:
        self._loud = False
        self.begun: float | None = None
        self.samples = 0
        self.marks: list[float] = []

    def write(self, pcm: bytes, /) -> None:
        """Take a packet."""
        now = time.monotonic()
        self.begun = self.begun or now
        self.samples += len(pcm) // 2
        loud = rms(pcm) > LOUD
        if loud and not self._loud:
            self.marks.append(now)
        self._loud = loud

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What one minute has brought.

    Attributes:
        minute: since the beginning.
        delay_ms: from source to sink, median.
        clock_ms: what was played, or left out in stalls of the process, less the time that has passed.
        lost: packets, since the beginning.
        late: likewise.
        skipped: packets that this process was too late for, since the beginning.
        rss_mb: memory of the process.
    """

    minute: float
    delay_ms: float
    clock_ms: float
    lost: int
    late: int
    skipped: int
    rss_mb: float


def rss_mb() -> float:
    """Memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def delay_ms(said: list[float], heard: list[float]) -> float:
    """Median of the time from each mark to the next one that is heard, at most a second."""
    found = []
    for at in heard:
        before = [mark for mark in said if 0 <= at - mark < 1]
        if before:
            found.append(1000 * (at - before[-1]))
    return statistics.median(found) if found else math.nan


async def soak(*, seconds: float, path: PathChoice, codec: str, period_s: float) -> list[Minute]:
    """Hold a call for so long; a row for each period."""
    rows: list[Minute] = []
    # a log that keeps what it is told would hide what else grows
    log = EventLog(keep_bytes=0)
    async with (
        Phone(account("bob", codecs=(codec,)), log) as bob,
        Phone(account("alice", codecs=(codec,)), log) as alice,
    ):
        phones = Pair(alice, bob, log)
        plan = MediaPlan(source=Silence(), path=path)
        call, ringing = await phones.ring(plan)
        await ringing.accept(MediaPlan(source=Silence()))
        await asyncio.gather(call.established(), ringing.established())
        ours, theirs = call._media, ringing._media
        assert ours is not None and theirs is not None
        speaker, listener = Speaker(ours._audio.rate), Listener()
        ours._audio.source.use(speaker)
        theirs._audio.sink.add(listener)
        before = ringing.statistics
        skipped = 0 if before is None else before.skipped_frames
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            await asyncio.sleep(min(period_s, seconds - (time.monotonic() - begun)))
            now, figures = time.monotonic(), ringing.statistics
            assert figures is not None
            said, speaker.marks = speaker.marks, speaker.marks[-1:]
            heard, listener.marks = listener.marks, []
            row = Minute(
                minute=(now - begun) / 60,
                delay_ms=delay_ms(said, heard),
                clock_ms=1000 * (listener.samples / theirs._audio.rate - (now - (listener.begun or now)))
                + PACKET_MS * (figures.skipped_frames - skipped),
                lost=figures.received.lost or 0,
                late=figures.late,
                skipped=figures.skipped_frames,
                rss_mb=rss_mb(),
            )
            rows.append(row)
            print(
                f"{row.minute:7.2f} min  delay {row.delay_ms:6.1f} ms  clock {row.clock_ms:+7.1f} ms  "
                f"lost {row.lost}  late {row.late}  skipped {row.skipped}  {row.rss_mb:6.1f} MB",
                file=sys.stderr,
                flush=True,
            )
        call.hang_up()
        await asyncio.gather(call.ended(), ringing.ended())
    return rows


def problems(rows: list[Minute]) -> list[str]:
    """What should not be, compared with the second period, when all is warm."""
    first, last = rows[min(1, len(rows) - 1)], rows[-1]
    found = []
    if not last.delay_ms <= first.delay_ms + PACKET_MS:
        found.append(f"the delay went from {first.delay_ms:.1f} to {last.delay_ms:.1f} ms")
    if last.rss_mb > 1.1 * first.rss_mb:
        found.append(f"memory went from {first.rss_mb:.1f} to {last.rss_mb:.1f} MB")
    if last.lost > 0:
        found.append(f"{last.lost} packets were lost")
    return found


def main() -> int:
    """Run it; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--codec", default="PCMU", help="rtpmap name (default: PCMU)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    rows = asyncio.run(
        soak(seconds=seconds, path=options.transport, codec=options.codec, period_s=min(60.0, seconds / 3))
    )
    found = problems(rows)
    if options.json:
        print(json.dumps({"minutes": [asdict(row) for row in rows], "problems": found}))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
