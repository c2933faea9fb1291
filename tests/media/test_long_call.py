"""Nearly three hours of a call in virtual time: nothing is later at the end than at the beginning."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from media.audio.pcm import rms
from media.audio.sinks import NullSink
from media.audio.sources import PcmSource, SilenceSource, ToneSource
from media.codecs import PCMU
from media.engine import MediaEngine
from media.session import MediaSession
from tests.media.network import Clock, End, Udp, Wire, pair, seeded
from tests.media.virtual_loop import VirtualLoop, run_virtually

CALL_S = 10_000
LONG_MS = 200
"""Long packets: their number is what costs."""

SHORT_S = 1_000
PTIME_MS = 20
OFF = 0.001
"""Ten times what a clock is off, for a tenth of the time: in the end it is off by as much."""

MARK_EVERY = 2500
"""Packets from one mark to the next."""


class _Speaker:
    """A soft tone, and a loud one for a packet now and then."""

    finished = False

    def __init__(self, end: End, wire: Wire) -> None:
        self._soft, self._loud = ToneSource(200, level_dbfs=-40), ToneSource(200, level_dbfs=-3)
        self._end = end
        self._wire = wire
        self.packets = 0
        self.marks: list[float] = []

    def read(self, size: int, /) -> bytes:
        self._end.sent.clear()
        self.packets += 1
        if self.packets % MARK_EVERY == 10:
            self.marks.append(self._wire.now)
            return self._loud.read(size)
        return self._soft.read(size)

    def close(self) -> None:
        pass


class _Listener:
    """Notes when a loud packet is played."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._was_loud = False
        self.samples = 0
        self.marks: list[float] = []

    def write(self, pcm: bytes, /) -> None:
        self.samples += len(pcm) // 2
        loud = rms(pcm) > 3000
        if loud and not self._was_loud:
            self.marks.append(self._wire.now)
        self._was_loud = loud

    def close(self) -> None:
        pass


def _session(
    end: End, seed: int, source: _Speaker | SilenceSource, sink: _Listener | NullSink, ptime_ms: int
) -> MediaSession:
    return MediaSession(
        rtp=end,
        rtcp=end,
        codec=PCMU,
        payload_type=0,
        source=source,
        sink=sink,
        random=seeded(seed),
        ptime_ms=ptime_ms,
        sending=isinstance(source, _Speaker),
    )


@pytest.mark.parametrize(
    ("seconds", "ptime_ms", "off"),
    [(SHORT_S, PTIME_MS, OFF), (SHORT_S, PTIME_MS, -OFF), (CALL_S, LONG_MS, OFF / 10)],
)
def test_the_delay_stays_within_a_packet_whichever_clock_is_fast(
    seconds: int, ptime_ms: int, off: float
) -> None:
    wire = Wire()
    first, second = pair(wire, Udp(delay=0.03, jitter=0.002), Udp(delay=0.03))
    speaker, listener = _Speaker(first, wire), _Listener(wire)
    clock = Clock(wire)
    clock.start(_session(first, 1, speaker, NullSink(), ptime_ms))
    clock.start(_session(second, 2, SilenceSource(), listener, ptime_ms), at=0.037, pace=1 + off)
    clock.run(seconds)
    # the first is heard before the buffer knows how even the path is
    delays = [heard - said for said, heard in zip(speaker.marks, listener.marks, strict=False)][1:]
    assert len(delays) >= seconds * 1000 // ptime_ms // MARK_EVERY - 2
    assert max(delays) - min(delays) <= ptime_ms / 1000
    assert listener.samples == pytest.approx(8000 * seconds / (1 + off), abs=2 * 8 * ptime_ms)


def test_the_clock_of_all_calls_counts_as_many_packets_as_there_is_time() -> None:
    """For 10,000 s, in which timers fire late: that does not add up."""

    class Silent(PcmSource):
        packets = 0

        def read(self, size: int, /) -> bytes:
            Silent.packets += 1
            return bytes(size)

    async def main() -> None:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        end = End(Wire(), Udp(), accept=False)
        session = MediaSession(
            rtp=end,
            rtcp=None,
            codec=PCMU,
            payload_type=0,
            source=Silent(b""),
            sink=NullSink(),
            random=seeded(3),
            ptime_ms=LONG_MS,
        )
        engine = MediaEngine()
        begun = loop.time()
        engine.add(session)
        while loop.time() - begun < CALL_S:
            await asyncio.sleep(7.03)
            loop.stall(0.0073)
            end.sent.clear()
        assert Silent.packets == pytest.approx((loop.time() - begun) * 1000 / LONG_MS, abs=2)
        assert engine.skipped_frames == 0
        await engine.close()

    run_virtually(main())
