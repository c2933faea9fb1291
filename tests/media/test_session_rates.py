"""Codecs of several sample rates and clocks in one session."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest

from media.audio.sinks import MemorySink
from media.audio.sources import SilenceSource, ToneSource
from media.codecs import PCMA, PCMU, Codec
from media.codecs.l16 import L16
from media.events import SsrcChanged
from media.rtcp.compound import RtcpByePacket
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.bench import PEER, Bench
from tests.media.network import Clock, Udp, Wire, pair, seeded
from tests.media.tones import tone_ratio

WIDE = L16(sample_rate=16000)
FULL = L16(sample_rate=48000)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(
    "codec", [PCMU, WIDE, L16(sample_rate=44100), FULL], ids=lambda codec: codec.sample_rate
)
def test_a_tone_goes_both_ways_at_any_rate_of_the_session(codec: Codec, rate: int) -> None:
    wire = Wire()
    ends = pair(wire, Udp(delay=0.02), Udp(delay=0.02, seed=2))
    sinks = [MemorySink(), MemorySink()]
    sessions = [
        MediaSession(
            rtp=end, rtcp=end, codec=codec, payload_type=96, ptime_ms=10, rate=rate,
            source=ToneSource(1000, rate), sink=sink, random=seeded(number),
        )
        for number, (end, sink) in enumerate(zip(ends, sinks, strict=True))
    ]  # fmt: skip
    clock = Clock(wire)
    for session in sessions:
        clock.start(session)
    clock.run(3.0)
    for sink in sinks:
        assert len(sink.pcm) == pytest.approx(2 * rate * 3, abs=2 * rate / 50)
        assert tone_ratio(sink.pcm[rate:], 1000, rate) > 30


def test_each_payload_type_is_played_at_its_own_rate_and_clock() -> None:
    """PCMU and L16 at 48000 Hz take turns under one SSRC, each with timestamps of its own clock."""
    bench = Bench(rate=48000, receive={96: FULL})
    tones = {0: ToneSource(1000, 8000), 96: ToneSource(1000, 48000)}
    for number in range(300):
        payload_type, codec, scale = (0, PCMU, 1) if number // 25 % 2 else (96, FULL, 6)
        pcm = tones[payload_type].read(2 * 160 * scale)
        bench.rtp.deliver(
            rtp.build(
                payload_type=payload_type, marker=False, sequence=number, ssrc=PEER,
                timestamp=160 * scale * number + 12345, payload=codec.encode(pcm),
            ),
            bench.now,
        )  # fmt: skip
        bench.run(0.02)
    statistics = bench.session.statistics
    assert statistics.received.packets == 300
    assert statistics.received.lost == 0
    assert statistics.late == statistics.waits == 0
    assert statistics.concealed_ms == 0
    assert statistics.received.jitter_ms == pytest.approx(0, abs=0.2)
    heard = array("h", bench.heard[2 * 48000 :])
    # the phase of the tone changes with the codec; a hole would be silence
    pieces = [heard[at : at + 480] for at in range(0, len(heard) - 480, 480)]
    assert min(math.sqrt(sum(v * v for v in piece) / len(piece)) for piece in pieces) > 3000


def test_timestamps_that_only_go_on_under_a_new_clock_leave_no_hole() -> None:
    """The way of older senders: the timestamp of the first packet is the last one's plus its length."""
    bench = Bench(rate=16000, receive={96: WIDE})
    timestamp = 0
    for number in range(300):
        wide = number // 10 % 2 == 0
        pcm = ToneSource(1000, 16000 if wide else 8000).read(640 if wide else 320)
        bench.rtp.deliver(
            rtp.build(
                payload_type=96 if wide else 0, marker=False, sequence=number, timestamp=timestamp, ssrc=PEER,
                payload=WIDE.encode(pcm) if wide else PCMU.encode(pcm),
            ),
            bench.now,
        )  # fmt: skip
        timestamp += 320 if wide else 160
        bench.run(0.02)
    statistics = bench.session.statistics
    assert (statistics.late, statistics.waits, statistics.concealed_ms) == (0, 0, 0)
    assert statistics.received.dropped_stale == 0


def test_another_clock_takes_another_ssrc_and_a_bye_for_the_old_one() -> None:
    bench = Bench(rate=16000, source=ToneSource(1000, 16000))
    bench.talk(20)
    before = bench.session.ssrc
    bench.session.use_codec(WIDE, 96, {0: PCMU})
    assert bench.session.ssrc != before
    assert [event.ssrc for event in bench.events if isinstance(event, SsrcChanged)] == [bench.session.ssrc]
    byes = [item for items in bench.rtcp_sent for item in items if isinstance(item, RtcpByePacket)]
    assert [bye.sources for bye in byes] == [[before]]
    bench.talk(10)
    sent = [packet for packet in bench.rtp_sent if packet.ssrc == bench.session.ssrc]
    assert {packet.payload_type for packet in sent} == {96}
    assert sent[0].sequence < 32768
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)}
    assert steps == {320}
    bench.session.use_codec(PCMA, 8, {0: PCMU})
    assert bench.session.ssrc not in (before, sent[0].ssrc)


def test_the_same_codec_under_another_number_keeps_the_ssrc() -> None:
    bench = Bench(source=SilenceSource())
    bench.talk(5)
    before = bench.session.ssrc
    bench.session.use_codec(PCMU, 96)
    bench.talk(5)
    assert bench.session.ssrc == before
    assert bench.rtp_sent[-1].payload_type == 96


def test_a_peer_that_changes_the_clock_with_the_ssrc_plays_on() -> None:
    bench = Bench(rate=16000, receive={96: WIDE})
    bench.talk(25)
    for number in range(50):
        bench.rtp.deliver(
            rtp.build(
                payload_type=96, marker=False, sequence=number, timestamp=320 * number, ssrc=PEER + 1,
                payload=WIDE.encode(ToneSource(1000, 16000).read(640)),
            ),
            bench.now,
        )  # fmt: skip
        bench.run(0.02)
    assert tone_ratio(bench.heard[-16000:], 1000, 16000) > 30
