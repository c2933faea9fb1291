from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import ToneSource
from media.codecs import PCMA, PCMU
from media.config import MediaConfig
from media.errors import AudioFileError
from media.events import (
    AudioFailed,
    MediaRefused,
    MediaStarted,
    StreamChanged,
)
from media.rtp import packet as rtp
from tests.media.bench import PEER, Bench
from tests.tones import share_of_power


@pytest.mark.req("RTP-4")
def test_plays_from_the_first_packet_and_tells_when_it_came() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.talk(1)
    bench.run(0.2)
    assert bench.told(MediaStarted) == [MediaStarted(at=1.005, ssrc=PEER, payload_type=0)]
    assert bench.session.first_received_at == 1.005
    assert isinstance(bench.sink, MemorySink)
    assert any(bench.sink.pcm)


@pytest.mark.req("RTP-13")
def test_an_unknown_payload_type_is_neither_played_nor_reported() -> None:
    bench = Bench()
    bench.talk(10)
    bench.rtp.deliver(
        rtp.build(payload_type=100, marker=True, sequence=5, timestamp=0, ssrc=PEER, payload=b"x"), bench.now
    )
    bench.talk(10)
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost) == (20, 0)
    assert statistics.refused == {"unknown payload type 100": 1}


@pytest.mark.req("RTP-13")
def test_report_types_are_no_payload_types() -> None:
    bench = Bench(muxed=False)
    for payload_type in (72, 73):
        bench.rtp.deliver(
            rtp.build(
                payload_type=payload_type, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=b"x"
            ),
            bench.now,
        )
    assert bench.session.statistics.received.packets == 0
    assert sum(bench.session.statistics.refused.values()) == 2


@pytest.mark.req("OA-18")
def test_both_laws_may_come_in_one_stream() -> None:
    """The audio goes on where the payload type changes within a talkspurt."""
    tone, changing, steady = ToneSource(440), Bench(), Bench()
    for number in range(100):
        pcm = tone.read(320)
        for bench, payload_type in ((changing, 8 if number % 3 else 0), (steady, 0)):
            coded = PCMA.encode(pcm) if payload_type else PCMU.encode(pcm)
            header = bench.packet(payload_type=payload_type)[: rtp.HEADER_LENGTH]
            bench.rtp.deliver(header + coded, bench.now)
            bench.run(0.02)
    statistics = changing.session.statistics
    assert statistics.received.packets == 100
    assert (statistics.refused, statistics.concealed_ms) == ({}, steady.session.statistics.concealed_ms)
    assert isinstance(changing.sink, MemorySink)
    assert share_of_power(changing.sink.pcm[-1600 * 2 :], 440, 8000) > 0.99


@pytest.mark.req("OA-19")
def test_a_codec_that_was_dropped_is_decoded_for_a_minute_and_sent_no_more() -> None:
    bench = Bench(source=ToneSource(400))
    bench.talk(10)
    bench.session.use_codec(PCMA, 8)
    bench.talk(5, payload_type=0)
    bench.talk(5, payload_type=8)
    assert bench.session.statistics.refused == {}
    assert bench.session.statistics.received.packets == 20
    assert {packet.payload_type for packet in bench.rtp_sent[-9:]} == {8}
    bench.run(59)
    bench.talk(1, payload_type=0)
    assert bench.session.statistics.refused == {}
    bench.run(1)
    bench.talk(1, payload_type=0)
    assert bench.session.statistics.refused == {"unknown payload type 0": 1}
    bench.session.use_codec(PCMA, 8, {0: PCMU})
    bench.talk(1, payload_type=0)
    assert bench.session.statistics.received.packets == 22


@pytest.mark.req("PCM-1", "RTP-29")
@pytest.mark.parametrize(("length", "accepted"), [(1, True), (160, True), (1600, True), (1601, False)])
def test_payloads_up_to_200_ms_are_accepted(length: int, accepted: bool) -> None:
    bench = Bench()
    bench.rtp.deliver(
        rtp.build(payload_type=0, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=bytes(length)),
        0.0,
    )
    bench.run(1.0)
    assert bench.session.statistics.received.packets == accepted
    assert bool(bench.session.statistics.refused) is not accepted


def test_an_empty_packet_is_counted_and_not_played() -> None:
    bench = Bench()
    bench.rtp.deliver(
        rtp.build(payload_type=0, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=b""), 0
    )
    bench.run(0.5)
    assert bench.session.statistics.received.packets == 1
    assert bench.session.statistics.delay_ms is None


def test_each_kind_of_refusal_is_told_once_and_counted_always() -> None:
    bench = Bench()
    for _ in range(5):
        bench.rtp.deliver(b"\x80", bench.now)
        bench.rtp.deliver(b"\x81\xc9\0\1" + bytes(4), bench.now)
    assert [event.reason for event in bench.told(MediaRefused) if isinstance(event, MediaRefused)] == [
        "malformed RTP packet",
        "malformed RTCP packet",
    ]
    assert bench.session.statistics.refused == {"malformed RTP packet": 5, "malformed RTCP packet": 5}
    bench.run(0.3)
    assert bench.counters[-1].refused == {"malformed RTP packet": 5, "malformed RTCP packet": 5}


@pytest.mark.req("RTP-14")
def test_a_sender_that_starts_its_numbering_again_is_followed_at_once() -> None:
    bench = Bench()
    bench.talk(30)
    bench._sequence += 30_000
    before = sum(bench.session._receiver.figures.delays)
    bench.talk(7)
    assert sum(bench.session._receiver.figures.delays) >= before + 3
    bench.talk(43)
    statistics = bench.session.statistics
    assert statistics.received.lost == 0
    assert statistics.received.packets == 79
    assert statistics.refused == {"sequence number out of range": 1}
    played = sum(bench.session._receiver.figures.delays)
    assert played >= 74


@pytest.mark.req("RTP-36")
def test_a_new_ssrc_is_played_within_100_ms() -> None:
    bench = Bench()
    bench.talk(50, ssrc=1)
    bench.talk(2, ssrc=2)
    changed = bench.told(StreamChanged)
    assert [event.ssrc for event in changed if isinstance(event, StreamChanged)] == [2]
    before = sum(bench.session._receiver.figures.delays)
    bench.talk(4, ssrc=2)
    assert sum(bench.session._receiver.figures.delays) > before
    assert bench.session.statistics.received.lost == 0


@pytest.mark.req("RTP-36")
def test_two_talkers_do_not_alternate() -> None:
    """Both go on talking: the later one is played; when it stops, the other one is."""
    bench = Bench()
    bench.talk(5, ssrc=1)
    first, second = bench._sequence, 20_000
    for i in range(100):
        for ssrc, base in ((1, first), (2, second)):
            number = base + 1 + i
            packet = rtp.build(
                payload_type=0,
                marker=False,
                sequence=number,
                timestamp=160 * number,
                ssrc=ssrc,
                payload=b"\x80" * 160,
            )
            bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    assert [event.ssrc for event in bench.told(StreamChanged) if isinstance(event, StreamChanged)] == [2]
    bench.run(0.2)
    bench._sequence = first + 100
    bench.talk(3, ssrc=1)
    assert [event.ssrc for event in bench.told(StreamChanged) if isinstance(event, StreamChanged)] == [2, 1]


@pytest.mark.req("RTP-36")
def test_a_flood_of_sources_is_bounded_and_does_not_silence_the_talker() -> None:
    bench = Bench()
    rng = random.Random(1)
    bench.talk(10)
    for i in range(1000):
        if i % 20 == 0:
            bench.talk(1)
        bench.rtp.deliver(
            rtp.build(
                payload_type=0,
                marker=False,
                sequence=7,
                timestamp=0,
                ssrc=rng.getrandbits(32),
                payload=bytes(160),
            ),
            bench.now,
        )
    bench.talk(10)
    receiver = bench.session._receiver
    assert len(receiver.streams) <= MediaConfig().maximum_streams
    assert receiver.active is not None
    assert receiver.active.ssrc == PEER
    assert receiver.active.packets == 70
    assert bench.told(StreamChanged) == []


def test_more_good_sources_than_allowed_are_refused() -> None:
    bench = Bench()
    for ssrc in range(1, 20):
        bench.talk(2, ssrc=ssrc)
    assert len(bench.session._receiver.streams) == 16
    assert bench.session.statistics.refused["too many streams"] == 6


def test_hold_counts_but_does_not_play() -> None:
    bench = Bench()
    bench.talk(20)
    bench.session.receiving = False
    assert isinstance(bench.sink, MemorySink)
    at_hold = len(bench.sink.pcm)
    bench.talk(50)
    assert not any(bench.sink.pcm[at_hold:])
    assert len(bench.sink.pcm) - at_hold == 50 * 320
    bench.session.receiving = True
    bench.talk(20)
    assert any(bench.sink.pcm[at_hold:])
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost) == (90, 0)
    assert statistics.received.dropped_stale == 0


def test_counters_come_every_200_ms_with_levels() -> None:
    bench = Bench(source=ToneSource(400))
    bench.talk(50)
    assert len(bench.counters) == 5
    assert [round(b.at - a.at, 6) for a, b in itertools.pairwise(bench.counters)] == [0.2] * 4
    last = bench.counters[-1]
    assert last.level_sent_dbfs == pytest.approx(-9, abs=0.2)
    assert last.level_received_dbfs == pytest.approx(0, abs=0.3)
    assert last.sent_packets == 50
    assert last.received_packets == 49
    assert 20 <= last.buffer_ms <= 60


class FullDisk(NullSink):
    def __init__(self, after: int) -> None:
        self.left = after

    def write(self, pcm: bytes, /) -> None:
        self.left -= 1
        if self.left < 0:
            raise AudioFileError("no space left")


def test_a_sink_that_fails_is_told_and_replaced_and_the_call_goes_on() -> None:
    bench = Bench(sink=FullDisk(10), source=ToneSource(400))
    bench.run(2)
    (failure,) = bench.told(AudioFailed)
    assert failure == AudioFailed(at=failure.at, reason="no space left")
    assert failure.at == pytest.approx(0.2)
    assert len(bench.rtp_sent) >= 99
    assert bench.rtp_sent[-1].payload != b"\xff" * 160


@given(
    st.lists(
        st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\x80\xc8" + rest), max_size=20
    )
)
def test_random_packets_never_raise(packets: list[bytes]) -> None:
    bench = Bench()
    bench.talk(3)
    for packet in packets:
        bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    bench.talk(3)
    assert bench.session.statistics.received.packets >= 6
