"""What a call's media costs: ms of CPU per second of call, sockets not included.

Run it with ``python -m tests.bench.media [--json] [--seconds N] [--repeat N]``. Each figure is the best of
its repetitions. The same work through aiortc's packet and codec classes is measured in the same run, so
that the ratios hold on any machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import cast

from aiortc.codecs.g711 import PcmuDecoder, PcmuEncoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from av import AudioFrame

from media.audio.samples import melody
from media.audio.sinks import NullSink
from media.audio.sources import PcmSource
from media.codecs import PCMU
from media.config import JitterConfig
from media.path import PacketReceiver
from media.playout.delay import PlayoutDelay
from media.playout.figures import PlayoutFigures
from media.playout.jitter import JitterBuffer
from media.rtp import packet as rtp
from media.session import MediaSession

PACKETS_PER_SECOND = 50
FRAME = melody()[16_000:16_320]
PAYLOAD = PCMU.encode(FRAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: ms of CPU per second of call, and how much more the same costs with aiortc."""

    name: str
    ms_per_call_second: float
    aiortc_ms_per_call_second: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.aiortc_ms_per_call_second is None:
            return None
        return self.aiortc_ms_per_call_second / self.ms_per_call_second


class Pipe:
    """A path that hands packets over at once."""

    reliable = False

    def __init__(self) -> None:
        self.peer: Pipe | None = None
        self.receiver: PacketReceiver | None = None
        self.now = 0.0

    def send(self, packet: bytes) -> bool:
        peer = self.peer
        if peer is not None and peer.receiver is not None:
            peer.receiver(packet, self.now)
        return True

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self.receiver = receiver


def cpu_ms(work: Callable[[], None], seconds: float, repeat: int) -> float:
    """Best CPU time of `work`, which stands for `seconds` seconds of call, in ms per second."""
    best = float("inf")
    for _ in range(repeat):
        gc.collect()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000 / seconds


def sessions(calls: int, seconds: float) -> None:
    """Pairs of sessions that send music to each other, RTCP included; `calls` sides in all."""
    ends: list[tuple[MediaSession, Pipe]] = []
    for number in range(calls // 2):
        first, second = Pipe(), Pipe()
        first.peer, second.peer = second, first
        for side, pipe in enumerate((first, second)):
            session = MediaSession(
                rtp=pipe,
                rtcp=pipe,
                codec=PCMU,
                payload_type=0,
                source=PcmSource(melody(), loop=True),
                sink=NullSink(),
                random=random.Random(2 * number + side).randbytes,
            )
            session.start(0.0, wall_clock=1_700_000_000.0)
            ends.append((session, pipe))
    for tick in range(int(seconds * PACKETS_PER_SECOND)):
        now = tick / PACKETS_PER_SECOND
        for session, pipe in ends:
            pipe.now = now
            session.tick(now)


def ours_out(packets: int) -> None:
    for sequence in range(packets):
        rtp.HEADER.pack(rtp.PLAIN, 0, sequence & 0xFFFF, 160 * sequence, 1) + PCMU.encode(FRAME)


def aiortc_out(packets: int) -> None:
    encoder = PcmuEncoder()
    for sequence in range(packets):
        frame = AudioFrame(format="s16", layout="mono", samples=160)
        frame.planes[0].update(FRAME)
        frame.sample_rate = 8000
        frame.pts = 160 * sequence
        for payload in encoder.encode(frame)[0]:
            RtpPacket(0, 0, sequence & 0xFFFF, 160 * sequence, 1, payload).serialize()


def ours_in(packets: int) -> None:
    packet = rtp.build(payload_type=0, marker=False, sequence=1, timestamp=160, ssrc=1, payload=PAYLOAD)
    for _ in range(packets):
        if len(packet) >= rtp.HEADER_LENGTH and packet[0] == rtp.PLAIN:
            rtp.HEADER.unpack_from(packet)
            PCMU.decode(packet[rtp.HEADER_LENGTH :])


def aiortc_in(packets: int) -> None:
    packet = rtp.build(payload_type=0, marker=False, sequence=1, timestamp=160, ssrc=1, payload=PAYLOAD)
    decoder = PcmuDecoder()
    for _ in range(packets):
        read = RtpPacket.parse(packet)
        for frame in decoder.decode(JitterFrame(data=read.payload, timestamp=read.timestamp)):
            bytes(cast(AudioFrame, frame).planes[0])


def general_parser(packets: int) -> None:
    packet = rtp.build(payload_type=0, marker=False, sequence=1, timestamp=160, ssrc=1, payload=PAYLOAD)
    for _ in range(packets):
        rtp.parse(packet)


def jitter_buffer(packets: int) -> None:
    config = JitterConfig()
    buffer = JitterBuffer(
        clock_rate=8000,
        sample_rate=8000,
        frame_samples=160,
        capacity=config.capacity,
        delay=PlayoutDelay(config, reliable=False),
        figures=PlayoutFigures(),
    )
    rng = random.Random(1)
    arrivals = sorted((0.02 * i + 0.01 * rng.random(), i) for i in range(packets))
    for tick, ((at, number), _) in enumerate(pairwise(arrivals)):
        buffer.put(number, 160 * number, PAYLOAD, PCMU, at)
        buffer.frame(0.02 * tick + 0.015)


def measure(seconds: float, repeat: int) -> list[Figure]:
    """All figures."""
    packets = int(seconds * PACKETS_PER_SECOND)

    def each(work: Callable[[int], None]) -> float:
        return cpu_ms(lambda: work(packets), seconds, repeat)

    figures = [
        Figure(
            name=f"{calls} sessions, everything but sockets",
            ms_per_call_second=cpu_ms(lambda calls=calls: sessions(calls, seconds), calls * seconds, repeat),  # type: ignore[misc]
        )
        for calls in (2, 50)
    ]
    ours, theirs = (each(ours_out), each(ours_in)), (each(aiortc_out), each(aiortc_in))
    return [
        *figures,
        Figure(name="encode and build", ms_per_call_second=ours[0], aiortc_ms_per_call_second=theirs[0]),
        Figure(name="parse and decode", ms_per_call_second=ours[1], aiortc_ms_per_call_second=theirs[1]),
        Figure(
            name="a whole session against aiortc's packets and codec alone",
            ms_per_call_second=figures[-1].ms_per_call_second,
            aiortc_ms_per_call_second=sum(theirs),
        ),
        Figure(
            name="general parser (packets with padding, extension)", ms_per_call_second=each(general_parser)
        ),
        Figure(name="jitter buffer, 10 ms of jitter", ms_per_call_second=each(jitter_buffer)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.media", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--seconds", type=float, default=20, help="seconds of call per repetition")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    figures = measure(arguments.seconds, arguments.repeat)
    if arguments.json:
        rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
        print(json.dumps({"schema": 1, "python": sys.version.split()[0], "figures": rows}))
        return
    print(f"{'ms of CPU per second of call':<58}{'ours':>8}{'aiortc':>9}{'ratio':>8}")
    for figure in figures:
        theirs = "" if figure.aiortc_ms_per_call_second is None else f"{figure.aiortc_ms_per_call_second:.3f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.1f}"
        print(f"{figure.name:<58}{figure.ms_per_call_second:>8.3f}{theirs:>9}{ratio:>8}")


if __name__ == "__main__":
    main()
