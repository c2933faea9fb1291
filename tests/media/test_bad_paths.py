"""Audio over paths that lose packets, or hold them back and let them go at once."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from media.audio.correlation import correlate
from media.audio.rate import RateConverter
from media.audio.samples import melody
from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import PcmSource, SilenceSource
from media.codecs import PCMA, PCMU, Codec
from media.codecs.g722 import G722
from media.codecs.l16 import L16
from media.codecs.opus import Opus, OpusParameters
from media.session import MediaSession
from media.statistics import MediaStatistics
from tests.media.network import Clock, Udp, Wire, pair, seeded

OPUS = Opus(asked=OpusParameters(useinbandfec=True))
CODECS: dict[str, tuple[Codec, int, int]] = {
    "PCMU": (PCMU, 0, 8000),
    "PCMA": (PCMA, 8, 8000),
    "G722": (G722(), 9, 16000),
    "opus": (OPUS, 111, 16000),
    "L16": (L16(sample_rate=16000), 113, 16000),
}
"""With payload type and the rate of the session."""

Transfer = Callable[[bytes, float], float | None]


class Bursts:
    """Every second the path stands still for 200 ms; then all comes that it has held back."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._free_at = 0.0

    def __call__(self, packet: bytes, now: float) -> float | None:
        standstill = now % 1.0 < 0.2
        at = now - now % 1.0 + 0.2 if standstill else now
        self._free_at = max(self._free_at, at + 0.02 + self._random.random() * 0.002)
        return self._free_at


def carried(name: str, there: Transfer) -> tuple[float, MediaStatistics]:
    """How much of the music arrives, and what the receiver says of it."""
    codec, number, rate = CODECS[name]
    music = melody() if rate == 8000 else RateConverter(8000, rate).convert(melody())
    wire = Wire()
    near, far = pair(wire, there, Udp())
    sink = MemorySink()
    sender = MediaSession(
        rtp=near, rtcp=None, codec=codec, payload_type=number, ptime_ms=20, rate=rate,
        source=PcmSource(music), sink=NullSink(), random=seeded(1),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=far, rtcp=None, codec=codec, payload_type=number, rate=rate, source=SilenceSource(), sink=sink,
        random=seeded(2),
    )  # fmt: skip
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver)
    clock.run(len(music) / 2 / rate + 0.5)
    return correlate(music, sink.pcm, rate).value, receiver.statistics


@pytest.mark.parametrize(
    ("name", "loss", "least"),
    [
        ("PCMU", 0.1, 0.9), ("PCMU", 0.2, 0.8),
        ("PCMA", 0.1, 0.9), ("PCMA", 0.2, 0.8),
        ("G722", 0.1, 0.85), ("G722", 0.2, 0.75),
        ("opus", 0.1, 0.8), ("opus", 0.2, 0.8),
        ("L16", 0.1, 0.9), ("L16", 0.2, 0.8),
    ],
)  # fmt: skip
def test_lost_packets_are_made_up_for(name: str, loss: float, least: float) -> None:
    value, statistics = carried(name, Udp(loss=loss, seed=3))
    made_up = statistics.concealed_ms + statistics.recovered_ms
    copied = statistics.recovered_ms
    print(f"{name} at {loss:.0%} loss: {value:.3f}, {made_up:.0f} ms made up, {copied:.0f} of it from copies")
    assert value > least
    assert statistics.received.lost is not None
    assert made_up == pytest.approx(20 * statistics.received.lost, abs=100)
    assert (copied > 0.3 * made_up) == (name == "opus")


@pytest.mark.parametrize("name", CODECS)
def test_bursts_of_200_ms_are_borne(name: str) -> None:
    value, statistics = carried(name, Bursts())
    print(
        f"{name} with bursts: {value:.3f}, {statistics.concealed_ms:.0f} ms made up, {statistics.late} late"
    )
    assert value > 0.7
    assert statistics.received.lost == 0
    # once it knows the path it waits long enough
    assert statistics.buffer_ms > 100


@pytest.mark.parametrize("name", CODECS)
def test_both_at_once(name: str) -> None:
    bursts, loss = Bursts(), random.Random(5)
    value, _ = carried(name, lambda packet, now: None if loss.random() < 0.1 else bursts(packet, now))
    print(f"{name} with bursts and 10% loss: {value:.3f}")
    assert value > 0.6
