from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import dbfs, rms
from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import PcmSource, SilenceSource, ToneSource
from media.codecs import PCMU, Codec
from media.codecs.comfort_noise import Background, ComfortNoise
from media.codecs.g722 import G722
from media.codecs.silence import SilenceSuppression
from media.errors import CodecError
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.bench import Bench
from tests.media.network import Clock, Udp, Wire, pair, seeded

NOISE = ComfortNoise()


def hiss(level_dbfs: float, samples: int, seed: int = 1) -> bytes:
    """White noise of a level."""
    rng = random.Random(seed)
    peak = round(32768 * 10 ** (level_dbfs / 20) * 3**0.5)
    return array("h", (rng.randint(-peak, peak) for _ in range(samples))).tobytes()


@pytest.mark.req("CN-1")
def test_the_level_is_the_first_byte_and_coefficients_follow() -> None:
    assert Background.of(b"\x46") == Background(level=70)
    assert Background(level=70).payload == b"\x46"
    assert Background.of(b"\x46\x00").coefficients[0] == pytest.approx(-0.99994, abs=1e-5)
    assert Background.of(b"\x46\x7f\xfe").coefficients == (0.0, 258 * 127 / 32768)
    # the highest bit is not part of the level, 255 means nothing yet
    assert Background.of(b"\xc6\x80\xff\x80") == Background(level=70, coefficients=(258 / 32768,))


@pytest.mark.req("CN-1")
@given(payload=st.binary(min_size=1, max_size=20).filter(lambda payload: 0xFF not in payload[1:]))
def test_what_is_read_is_written(payload: bytes) -> None:
    assert Background.of(payload).payload == bytes((payload[0] & 0x7F,)) + payload[1:]


@pytest.mark.req("CN-1")
@pytest.mark.parametrize("rate", [8000, 48000])
def test_noise_of_the_level_is_heard_until_the_next_packet(rate: int) -> None:
    bench = Bench(rate=rate, receive={13: NOISE})
    bench.talk(25, level=0xFF)
    noise = bench.packet(payload_type=13)
    bench.rtp.deliver(noise[:12] + b"\x28", bench.now)  # -40 dBov
    bench.run(2.0)
    assert dbfs(rms(bench.heard[-rate * 2 :])) == pytest.approx(-40, abs=1.5)
    statistics = bench.session.statistics
    assert (statistics.received.lost, statistics.concealed_ms, statistics.waits) == (0, 0, 0)


@pytest.mark.req("CN-2", "RTP-30")
@pytest.mark.parametrize(("codec", "number"), [(PCMU, 0), (G722(), 9)], ids=["PCMU", "G722"])
def test_silence_becomes_noise_packets_and_speech_begins_with_a_marker(codec: Codec, number: int) -> None:
    rate = codec.sample_rate
    speech = ToneSource(1000, rate).read(2 * rate)
    background = hiss(-60, 5 * rate)
    wire = Wire()
    near, far = pair(wire, Udp(), Udp())
    sink = MemorySink()
    sender = MediaSession(
        rtp=near, rtcp=None, codec=codec, payload_type=number, comfort_noise=13, random=seeded(1),
        source=PcmSource(speech + background + speech), sink=NullSink(),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=far, rtcp=None, codec=codec, payload_type=number, receive={13: NOISE}, source=SilenceSource(),
        sink=sink, random=seeded(2),
    )  # fmt: skip
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver)
    clock.run(7.1)
    sent = [rtp.parse(packet) for packet in near.sent]
    kinds = [packet.payload_type for packet in sent]
    noise = [packet for packet in sent if packet.payload_type == 13]
    first, last = kinds.index(13), len(kinds) - 1 - kinds[::-1].index(13)
    assert set(kinds[:first]) == set(kinds[last + 1 :]) == {number}
    # one at the start, then every two seconds as nothing changes; each of one level byte near -60
    assert [packet.payload_type for packet in sent[first : last + 1]] == [13] * len(noise)
    assert len(noise) == 3
    assert all(len(packet.payload) == 1 and packet.payload[0] == pytest.approx(60, abs=2) for packet in noise)
    gaps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(noise)]
    assert gaps == [16000, 16000]
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(sent)} == {1}
    assert [index for index, packet in enumerate(sent) if packet.marker] == [last + 1]
    statistics = receiver.statistics
    assert (statistics.received.lost, statistics.concealed_ms, statistics.waits) == (0, 0, 0)
    quiet = sink.pcm[2 * 3 * rate : 2 * 5 * rate]
    assert dbfs(rms(quiet)) == pytest.approx(-60, abs=3)
    assert dbfs(rms(sink.pcm[-2 * rate // 2 :])) > -20


@pytest.mark.req("CN-2")
def test_a_change_of_the_background_is_told_at_most_every_200_ms() -> None:
    suppression = SilenceSuppression(20)
    told = []
    for frame in range(400):
        level = -60 if frame < 100 else -54
        if not suppression.is_speech(hiss(level, 160, frame)):
            noise = suppression.noise()
            if noise is not None:
                told.append((frame, noise[0]))
    frames = [frame for frame, _ in told]
    assert frames[0] == 10  # after 200 ms that might be the end of a word
    assert all(b - a >= 10 for a, b in pairwise(frames))
    assert all(b - a <= 100 for a, b in pairwise(frames))
    after = [level for frame, level in told if frame > 120]
    assert after
    assert after[-1] == pytest.approx(54, abs=2)


def test_music_and_tones_are_no_silence() -> None:
    suppression = SilenceSuppression(20)
    tone = ToneSource(440, level_dbfs=-30.0)
    assert all(suppression.is_speech(tone.read(320)) for _ in range(1000))


def test_without_an_agreement_silence_is_sent_as_it_is() -> None:
    bench = Bench()
    bench.run(2.0)
    assert len(bench.rtp_sent) >= 100
    assert {packet.payload_type for packet in bench.rtp_sent} == {0}


def test_comfort_noise_is_never_what_we_send_all_along() -> None:
    with pytest.raises(CodecError, match="beside a codec"):
        NOISE.encoder()
