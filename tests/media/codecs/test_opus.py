from __future__ import annotations

import math
import random
from array import array
from itertools import pairwise
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.rate import RateConverter
from media.audio.samples import melody
from media.audio.sinks import MemorySink
from media.audio.sources import PcmSource, SilenceSource, ToneSource
from media.codecs import libopus, opus_packet
from media.codecs.opus import Opus, OpusEncoder, OpusParameters
from media.config import JitterConfig, MediaConfig
from media.errors import CodecError
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.bench import PEER, Bench
from tests.media.network import Clock, Udp, Wire, pair, seeded
from tests.media.tones import tone_ratio

FEC = OpusParameters(useinbandfec=True)


def music(rate: int) -> bytes:
    return RateConverter(8000, rate).convert(melody())


def encoded(asked: OpusParameters, pcm: bytes, rate: int = 48000, ms: int = 20) -> list[bytes | None]:
    encoder = OpusEncoder(asked, rate)
    size = 2 * rate * ms // 1000
    return [encoder.encode(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


def bits_per_second(packets: list[bytes | None], ms: int = 20) -> float:
    return 8 * sum(len(packet or b"") for packet in packets) / (len(packets) * ms / 1000)


@pytest.mark.req("OPUS-1")
@pytest.mark.parametrize(("ms", "step"), [(10, 480), (20, 960), (40, 1920), (60, 2880)])
@pytest.mark.parametrize("rate", [8000, 48000])
def test_timestamps_count_48000_whatever_the_rate_of_the_audio(ms: int, step: int, rate: int) -> None:
    wire = Wire()
    near, far = pair(wire, Udp(), Udp())
    sink = MemorySink()
    sender = MediaSession(
        rtp=near, rtcp=None, codec=Opus(), payload_type=111, ptime_ms=ms, rate=rate,
        source=ToneSource(1000, rate), sink=MemorySink(), random=seeded(1),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=far, rtcp=None, codec=Opus(), payload_type=111, rate=rate,
        source=SilenceSource(), sink=sink, random=seeded(2),
    )  # fmt: skip
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver)
    clock.run(2.0)
    sent = [rtp.parse(packet) for packet in near.sent]
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)} == {step}
    assert {opus_packet.duration(packet.payload) for packet in sent} == {step}
    assert tone_ratio(sink.pcm[rate:], 1000, rate) > 20


@pytest.mark.req("OPUS-1")
@pytest.mark.parametrize(
    ("packet", "frames", "samples", "stereo"),
    [
        (bytes((0x08,)) + bytes(20), 1, 960, False),  # SILK narrow-band, 20 ms
        (bytes((0x18,)) + bytes(20), 1, 2880, False),  # SILK narrow-band, 60 ms
        (bytes((0x1C,)) + bytes(20), 1, 2880, True),
        (bytes((0x78,)) + bytes(20), 1, 960, False),  # hybrid full band, 20 ms
        (bytes((0xE0,)) + bytes(20), 1, 120, False),  # CELT full band, 2.5 ms
        (bytes((0xF0,)) + bytes(20), 1, 480, False),
        (bytes((0x09,)) + bytes(20), 2, 960, False),  # two of one length
        (bytes((0x0A, 5)) + bytes(20), 2, 960, False),  # two of different lengths
        (bytes((0x0B, 3)) + bytes(30), 3, 960, False),  # three of one length: 60 ms
        (bytes((0x0B, 0x83, 5, 6)) + bytes(20), 3, 960, False),  # three of different lengths
        (bytes((0x0B, 0x43, 4)) + bytes(30 + 4), 3, 960, False),  # with padding
        (bytes((0x08,)), 1, 960, False),  # nothing but its length
    ],
)
def test_a_packet_says_how_long_it_is(packet: bytes, frames: int, samples: int, stereo: bool) -> None:
    read = opus_packet.parse(packet)
    assert read is not None
    assert (read.frames, read.frame_samples, read.stereo) == (frames, samples, stereo)
    assert len(Opus().decoder(48000).decode(packet)) == 2 * frames * samples


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes((0x09,)) + bytes(3),  # two of one length in an odd number of bytes
        bytes((0x0A,)),
        bytes((0x0A, 30)) + bytes(20),  # the first longer than all
        bytes((0x0B,)),
        bytes((0x0B, 0)) + bytes(20),  # no frame
        bytes((0x0B, 7)) + bytes(21),  # 140 ms
        bytes((0x0B, 3)) + bytes(20),  # three of one length in 20 bytes
        bytes((0x0B, 0x43, 200)) + bytes(20),  # more padding than packet
        bytes((0x08,)) + bytes(1276),
    ],
)
def test_what_cannot_be_is_malformed(packet: bytes) -> None:
    assert opus_packet.parse(packet) is None


@given(packet=st.binary(min_size=1, max_size=60))
def test_its_form_is_read_as_libopus_reads_it(packet: bytes) -> None:
    pcm = libopus.Decoder(48000).decode(packet)
    samples = opus_packet.duration(packet)
    if samples is None:
        assert pcm is None
    elif pcm is not None:
        assert len(pcm) == 2 * samples


def test_a_malformed_packet_is_counted_and_harms_nothing() -> None:
    bench = Bench(rate=48000, receive={111: Opus()})
    bench.rtp.deliver(
        rtp.build(payload_type=111, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=b"\x0b"),
        bench.now,
    )
    bench.run(0.1)
    assert bench.session.statistics.refused == {"malformed payload": 1}


@pytest.mark.req("OPUS-1")
def test_stereo_comes_out_in_mono() -> None:
    pcm = array("h")
    for sample in array("h", ToneSource(1000, 48000).read(2 * 48000)):
        pcm.extend((sample, sample // 2))
    encoder, decoder = libopus.Encoder(48000, 2), Opus().decoder(48000)
    raw = pcm.tobytes()
    packets = [
        encoder.encode(raw[at : at + 4 * 2880], 2880) for at in range(0, len(raw) - 4 * 2880, 4 * 2880)
    ]
    assert all(opus_packet.parse(packet).stereo for packet in packets)  # type: ignore[union-attr]
    heard = b"".join(decoder.decode(packet) for packet in packets)
    assert len(heard) == 2 * 2880 * len(packets)
    assert tone_ratio(heard[20000:], 1000, 48000) > 20


@pytest.mark.req("OPUS-3")
def test_the_peers_wishes_are_read_and_what_cannot_be_is_ignored() -> None:
    every = {
        "maxplaybackrate": "16000", "sprop-maxcapturerate": "16000", "maxaveragebitrate": "20000",
        "stereo": "1", "sprop-stereo": "1", "cbr": "1", "useinbandfec": "1", "usedtx": "1", "x-unknown": "7",
    }  # fmt: skip
    assert OpusParameters.of(every) == OpusParameters(
        maxplaybackrate=16000, maxaveragebitrate=20000, stereo=True, cbr=True, useinbandfec=True, usedtx=True
    )
    assert OpusParameters.of({}) == OpusParameters()
    for wrong in ("", "x", "-1", "5999", "510001", "9" * 30, "२०"):
        assert OpusParameters.of({"maxaveragebitrate": wrong}).maxaveragebitrate is None
    for wrong in ("", "7999", "48001", "x"):
        assert OpusParameters.of({"maxplaybackrate": wrong}).maxplaybackrate == 48000
    assert not OpusParameters.of({"stereo": "2", "cbr": "yes"}).cbr


@pytest.mark.req("OPUS-3")
@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("limit", [6000, 12000, 20000])
def test_the_bit_rate_stays_below_what_the_peer_takes(limit: int, rate: int) -> None:
    asked = OpusParameters(maxaveragebitrate=limit, useinbandfec=True)
    assert bits_per_second(encoded(asked, music(rate), rate)) <= limit


@pytest.mark.req("OPUS-3")
@pytest.mark.parametrize(
    ("playback", "highest"), [(8000, 4000), (12000, 6000), (16000, 8000), (24000, 12000)]
)
def test_no_band_above_what_the_peer_can_play(playback: int, highest: int) -> None:
    """White noise: what is above the band is gone."""
    rng = random.Random(1)
    noise = array("h", (rng.randrange(-9000, 9000) for _ in range(48000))).tobytes()
    decoder = Opus().decoder(48000)
    packets = encoded(OpusParameters(maxplaybackrate=playback), noise)
    heard = b"".join(decoder.decode(packet or b"") for packet in packets)[24000:]
    below = _power(heard, highest * 0.6)
    assert _power(heard, highest * 1.3) < below / 100
    free = b"".join(decoder.decode(packet or b"") for packet in encoded(OpusParameters(), noise))[24000:]
    assert _power(free, highest * 1.3) > below / 30


def _power(pcm: bytes, hz: float) -> float:
    """Of a band of about 500 Hz around `hz`."""
    samples = array("h", pcm)
    length, total, step = 192, 0.0, 2 * math.pi * hz / 48000
    wave = [
        (1 - math.cos(2 * math.pi * i / length)) * complex(math.cos(step * i), math.sin(step * i))
        for i in range(length)
    ]
    for start in range(0, len(samples) - length, length):
        total += abs(sum(map(mul, samples[start : start + length], wave))) ** 2
    return total


@pytest.mark.req("OPUS-3")
def test_a_constant_bit_rate_is_constant() -> None:
    lengths = {len(packet or b"") for packet in encoded(OpusParameters(cbr=True), music(48000))}
    assert len(lengths) == 1
    assert len({len(packet or b"") for packet in encoded(OpusParameters(), music(48000))}) > 5


@pytest.mark.req("OPUS-3")
def test_never_stereo() -> None:
    for packet in encoded(OpusParameters(stereo=True), music(48000)[:200000]):
        assert not opus_packet.parse(packet or b"").stereo  # type: ignore[union-attr]


@pytest.mark.req("OPUS-2")
def test_copies_are_sent_only_to_who_can_use_them() -> None:
    with_copies = [opus_packet.parse(packet or b"") for packet in encoded(FEC, music(48000))]
    assert sum(packet.fec for packet in with_copies if packet) > len(with_copies) / 2
    without = [opus_packet.parse(packet or b"") for packet in encoded(OpusParameters(), music(48000))]
    assert not any(packet.fec for packet in without if packet)


class _Counting:
    """Opus, and how often each means was used."""

    def __init__(self) -> None:
        self.inner = Opus().decoder(16000)
        self.sample_rate = 16000
        self.decoded = self.concealed = self.recovered = 0

    def decode(self, payload: bytes, /) -> bytes:
        self.decoded += 1
        return self.inner.decode(payload)

    def conceal(self, samples: int, /) -> bytes:
        self.concealed += 1
        return self.inner.conceal(samples)

    def recover(self, payload: bytes, samples: int, /) -> bytes | None:
        pcm = self.inner.recover(payload, samples)
        self.recovered += pcm is not None
        return pcm


class _Counted:
    """The codec of `_Counting`."""

    name, sample_rate, clock_rate = "opus", 48000, 48000
    packet_ms = Opus().packet_ms
    maximum_payload = Opus().maximum_payload
    impairment = Opus().impairment

    def __init__(self) -> None:
        self.made: list[_Counting] = []

    def encoder(self, rate: int | None = None, /) -> OpusEncoder:
        return Opus(asked=FEC).encoder(rate)

    def decoder(self, _rate: int | None = None, /) -> _Counting:
        self.made.append(_Counting())
        return self.made[-1]

    def duration(self, payload: bytes, /) -> int | None:
        return opus_packet.duration(payload)


@pytest.mark.req("OPUS-2")
@pytest.mark.parametrize("ms", [10, 20, 40])
def test_each_lost_packet_comes_from_the_copy_in_the_next(ms: int) -> None:
    codec = _Counted()
    # the next packet is at hand when the lost one is due
    config = MediaConfig(jitter=JitterConfig(start_ms=100, minimum_ms=100))
    bench = Bench(rate=16000, receive={111: codec}, config=config)
    pcm = music(16000)
    lost = 0
    packets = encoded(FEC, pcm, 16000, ms)[: 4000 // ms]
    for number, payload in enumerate(packets):
        assert payload is not None
        if number % 10 == 5:
            lost += 1
        else:
            bench.rtp.deliver(
                rtp.build(
                    payload_type=111, marker=False, sequence=number, timestamp=48 * ms * number, ssrc=PEER,
                    payload=payload,
                ),
                bench.now,
            )  # fmt: skip
        bench.run(ms / 1000)
    bench.run(0.1)
    (decoder,) = codec.made
    statistics = bench.session.statistics
    held_copy = sum(
        opus_packet.parse(packets[number + 1] or b"").fec  # type: ignore[union-attr]
        for number in range(5, len(packets), 10)
    )
    assert held_copy >= lost / 2
    assert decoder.recovered == held_copy
    assert statistics.recovered_ms == held_copy * ms
    assert statistics.concealed_ms == pytest.approx((lost - held_copy) * ms, abs=60)
    assert decoder.decoded == len(packets) - lost


@pytest.mark.req("OPUS-2")
def test_where_there_is_no_copy_libopus_conceals() -> None:
    codec = _Counted()
    bench = Bench(rate=16000, receive={111: codec})
    for number, payload in enumerate(encoded(OpusParameters(), music(16000), 16000)[:150]):
        if number % 10 != 5:
            packet = rtp.build(
                payload_type=111, marker=False, sequence=number, timestamp=960 * number, ssrc=PEER,
                payload=payload or b"",
            )  # fmt: skip
            bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    (decoder,) = codec.made
    assert decoder.recovered == 0
    assert decoder.concealed >= 14
    assert bench.session.statistics.concealed_ms == 15 * 20


@pytest.mark.req("OPUS-4")
def test_silence_is_sent_all_along_unless_the_peer_prefers_otherwise() -> None:
    assert None not in encoded(OpusParameters(), bytes(96000))
    assert encoded(OpusParameters(usedtx=True), bytes(96000 * 2)).count(None) > 50


@pytest.mark.req("OPUS-4", "RTP-2", "RTP-30")
@pytest.mark.parametrize("ms", [20, 60])
def test_dtx_leaves_out_whole_packets_and_loses_none(ms: int) -> None:
    rate = 48000
    tone = ToneSource(1000, rate).read(2 * rate)
    wire = Wire()
    near, far = pair(wire, Udp(), Udp())
    sink = MemorySink()
    codec = Opus(asked=OpusParameters(usedtx=True))
    sender = MediaSession(
        rtp=near, rtcp=None, codec=codec, payload_type=111, ptime_ms=ms,
        source=PcmSource(tone + bytes(6 * rate) + tone), sink=MemorySink(), random=seeded(1),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=far, rtcp=None, codec=codec, payload_type=111, source=SilenceSource(), sink=sink, random=seeded(2)
    )
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver)
    clock.run(5.2)
    sent = [rtp.parse(packet) for packet in near.sent]
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)]
    assert len(sent) < 5.2 * 1000 / ms * 0.7
    assert max(steps) >= 48 * 300
    assert all(step % (48 * ms) == 0 for step in steps)
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(sent)} == {1}
    assert [b.marker for (b, step) in zip(sent[1:], steps, strict=True) if step > 48 * ms] == [
        True for step in steps if step > 48 * ms
    ]
    assert sum(packet.marker for packet in sent) == sum(step > 48 * ms for step in steps)
    statistics = receiver.statistics
    assert statistics.received.lost == 0
    assert statistics.waits == 0
    assert statistics.concealed_ms == 0
    assert tone_ratio(sink.pcm[-2 * rate : -rate], 1000, rate) > 20


def test_without_the_library_one_clear_thing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_places", lambda: iter(("/nonexistent/libopus.so",)))
    libopus.library.cache_clear()
    try:
        assert not libopus.is_available()
        with pytest.raises(CodecError, match="Opus needs libopus"):
            Opus().encoder()
    finally:
        monkeypatch.undo()
        libopus.library.cache_clear()
    assert libopus.is_available()


def test_libopus_says_no_to_what_cannot_be() -> None:
    with pytest.raises(CodecError, match="refuses"):
        libopus.Encoder(44100)
    with pytest.raises(CodecError, match="refuses"):
        libopus.Encoder(48000).encode(bytes(200), 100)
    with pytest.raises(CodecError, match="refuses"):
        libopus.Encoder(48000).set(libopus.SET_COMPLEXITY, 99)
