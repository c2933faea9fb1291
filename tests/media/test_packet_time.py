"""Packets have the length that suits the codec in use, whatever the others of the call can make."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.sources import ToneSource
from media.codecs.codec import Codec
from media.codecs.g711 import PCMA, PCMU
from media.codecs.g722 import G722
from media.codecs.l16 import L16
from media.codecs.opus import Opus
from media.codecs.selection import frame_time, packet_time
from media.dtmf.keys import Press
from media.dtmf.outgoing import EventTypes
from media.rtp.packet import RtpHeader
from tests.media.bench import Bench

CODECS: tuple[Codec, ...] = (PCMU, PCMA, G722(), Opus(), L16(sample_rate=44100))


@pytest.mark.parametrize(
    ("wish_ms", "codecs", "frame_ms", "packets_ms"),
    [
        (20, (PCMU, Opus()), 20, (20, 20)),
        (40, (PCMU, Opus()), 40, (40, 40)),
        (30, (PCMU, PCMA), 30, (30, 30)),
        (30, (PCMU, Opus()), 10, (30, 20)),
        (50, (Opus(), PCMU), 10, (40, 50)),
        (25, (PCMU, Opus()), 20, (20, 20)),
        (25, (PCMU,), 25, (25,)),
        (200, (PCMU, Opus()), 40, (200, 120)),
    ],
)
def test_each_codec_has_its_own(
    wish_ms: int, codecs: Sequence[Codec], frame_ms: int, packets_ms: Sequence[int]
) -> None:
    assert frame_time(wish_ms, codecs) == frame_ms
    assert tuple(packet_time(wish_ms, codec, frame_ms) for codec in codecs) == packets_ms


@given(st.integers(10, 200), st.lists(st.sampled_from(CODECS), min_size=1, max_size=5))
def test_packets_hold_whole_frames_and_are_no_longer_than_is_wished(
    wish_ms: int, codecs: list[Codec]
) -> None:
    frame_ms = frame_time(wish_ms, codecs)
    assert frame_ms >= 10
    for codec in codecs:
        ms = packet_time(wish_ms, codec, frame_ms)
        assert ms in codec.packet_ms
        assert ms % frame_ms == 0
        assert ms <= wish_ms


def timeline(bench: Bench) -> list[tuple[int, int]]:
    """Place and length of the packets of audio, ms."""
    first = bench.rtp_sent[0].timestamp
    return [((each.timestamp - first) // 8, len(each.payload) // 8) for each in bench.rtp_sent]


def steps(packets: Sequence[RtpHeader]) -> set[int]:
    """From one timestamp to the next."""
    return {after.timestamp - before.timestamp for before, after in itertools.pairwise(packets)}


def test_frames_are_gathered_into_packets() -> None:
    tone = ToneSource(440, 8000)
    bench = Bench(ptime_ms=30, frame_ms=10, source=tone)
    bench.run(0.6)
    whole = Bench(ptime_ms=30, source=ToneSource(440, 8000))
    whole.run(0.6)
    assert timeline(bench) == [(30 * number, 30) for number in range(20)]
    assert [each.payload for each in bench.rtp_sent] == [each.payload for each in whole.rtp_sent[:20]]
    assert [each.marker for each in bench.rtp_sent] == [each.marker for each in whole.rtp_sent[:20]]
    assert len(bench.heard) == pytest.approx(2 * 8 * 600, abs=2 * 8 * 10), "played frame by frame"


def test_a_codec_that_makes_others_has_them_from_then_on() -> None:
    bench = Bench(ptime_ms=30, frame_ms=10, rate=48000, source=ToneSource(440, 48000))
    bench.run(0.3)
    bench.session.use_codec(Opus(), 111, ptime_ms=20)
    assert bench.session.ptime_ms == 20
    bench.run(0.3)
    opus = [each for each in bench.rtp_sent if each.payload_type == 111]
    assert steps(opus) == {960}
    assert len(opus) == pytest.approx(15, abs=1)
    bench.session.use_codec(PCMU, 0, ptime_ms=30)
    bench.run(0.3)
    last = [each for each in bench.rtp_sent if each.payload_type == 0][-5:]
    assert steps(last) == {240}
    with pytest.raises(ValueError, match="whole number"):
        bench.session.use_codec(PCMU, 0, ptime_ms=25)


def test_the_time_of_packets_goes_on_through_pauses_and_keys() -> None:
    bench = Bench(ptime_ms=30, frame_ms=10, source=ToneSource(440, 8000))
    bench.session.use_events(EventTypes(send=101, receive={}, events=frozenset(range(16))))
    begun = bench.now
    bench.run(0.31)
    bench.session.sending = False
    bench.run(0.1)
    bench.session.sending = True
    bench.run(0.3)
    bench.session.keys.press(Press(key="5", duration_ms=100, pause_ms=50), "rfc4733")
    bench.run(1.0)
    audio = [each for each in bench.rtp_sent if each.payload_type == 0]
    assert {len(each.payload) for each in audio} == {240}
    # A packet of audio ends where the frame ends that it went out with: no time is lost or made up.
    ends = (audio[-1].timestamp - audio[0].timestamp) / 8 + 30
    assert ends == pytest.approx((bench.now - begun) * 1000, abs=31)
    keys = [each for each in bench.rtp_sent if each.payload_type == 101]
    assert len({each.timestamp for each in keys}) == 1


def test_comfort_noise_is_sent_for_whole_packets() -> None:
    bench = Bench(ptime_ms=30, frame_ms=10)
    bench.session.use_codec(PCMU, 0, comfort_noise=13)
    bench.run(3.0)
    speech = [each for each in bench.rtp_sent if each.payload_type == 0]
    noise = [each for each in bench.rtp_sent if each.payload_type == 13]
    assert len(speech) == 6, "200 ms are spoken before silence is believed"
    assert noise
    assert {(each.timestamp - speech[0].timestamp) % 240 for each in noise} == {0}
