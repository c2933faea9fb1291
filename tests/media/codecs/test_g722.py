from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest

from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import SilenceSource, ToneSource
from media.codecs.g722 import G722
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.network import Clock, Udp, Wire, pair, seeded
from tests.media.tones import tone_ratio


@pytest.mark.req("G722-1", "RTP-2")
@pytest.mark.parametrize("ms", [10, 20, 30, 60])
def test_timestamps_count_8000_and_audio_is_wideband(ms: int) -> None:
    wire = Wire()
    near, far = pair(wire, Udp(), Udp())
    sink = MemorySink()
    sender = MediaSession(
        rtp=near, rtcp=None, codec=G722(), payload_type=9, ptime_ms=ms, source=ToneSource(6000, 16000),
        sink=NullSink(), random=seeded(1),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=far, rtcp=None, codec=G722(), payload_type=9, source=SilenceSource(), sink=sink, random=seeded(2)
    )
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver)
    clock.run(2.0)
    sent = [rtp.parse(packet) for packet in near.sent]
    assert {len(packet.payload) for packet in sent} == {8 * ms}
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)} == {8 * ms}
    assert receiver.rate == 16000
    # far above what 8000 Hz could hold
    assert tone_ratio(sink.pcm[32000:], 6000, 16000) > 20


@pytest.mark.req("G722-1")
@pytest.mark.parametrize(("hz", "band"), [(1000, "low"), (6000, "high")])
def test_the_high_band_stands_in_the_upper_two_bits(hz: int, band: str) -> None:
    """A tone in one band makes the bits of that band change, and silencing them takes it away."""
    encoder = G722().encoder()
    payload = b"".join(encoder.encode(ToneSource(hz, 16000).read(640)) for _ in range(50))
    upper, lower = bytes(code & 0xC0 for code in payload), bytes(code & 0x3F for code in payload)
    quiet = G722().encoder().encode(bytes(640))[-1]
    kept, taken = (
        (bytes(code | quiet & 0x3F for code in upper), bytes(code | quiet & 0xC0 for code in lower))
        if band == "high"
        else (bytes(code | quiet & 0xC0 for code in lower), bytes(code | quiet & 0x3F for code in upper))
    )
    assert _level(G722().decoder().decode(kept), hz) > 100 * _level(G722().decoder().decode(taken), hz)


def _level(pcm: bytes, hz: float) -> float:
    samples = array("h", pcm)[8000:]
    step = 2 * math.pi * hz / 16000
    return abs(sum(v * complex(math.cos(step * i), math.sin(step * i)) for i, v in enumerate(samples))) ** 2


@pytest.mark.req("G722-1")
def test_the_state_goes_on_from_packet_to_packet() -> None:
    source = ToneSource(1000, 16000).read(32000)
    whole = G722().encoder().encode(source)
    encoder = G722().encoder()
    assert b"".join(encoder.encode(source[at : at + 640]) for at in range(0, len(source), 640)) == whole
    decoder = G722().decoder()
    pieces = b"".join(decoder.decode(whole[at : at + 7]) for at in range(0, len(whole), 7))
    assert pieces == G722().decoder().decode(whole)
