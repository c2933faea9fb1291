"""What holds for every codec."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.sources import ToneSource
from media.codecs import PCMU, Codec, for_format, for_name, names
from media.codecs.comfort_noise import ComfortNoise
from media.codecs.g722 import G722
from media.codecs.l16 import L16
from media.codecs.opus import Opus, OpusParameters
from media.errors import CodecError
from media.rtp.timeline import MEDIA_CLOCK
from tests.media.codecs.every import ALL, SPEAKING
from tests.media.tones import tone_ratio

EVERY = pytest.mark.parametrize("codec", ALL.values(), ids=ALL.keys())
EVERY_SPEAKING = pytest.mark.parametrize("codec", SPEAKING.values(), ids=SPEAKING.keys())


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@EVERY_SPEAKING
def test_a_tone_keeps_20_db_above_all_else(codec: Codec, rate: int) -> None:
    encoder, decoder = codec.encoder(rate), codec.decoder(rate)
    source = ToneSource(1000, encoder.sample_rate)
    size = 2 * encoder.sample_rate // 50
    heard = b"".join(decoder.decode(encoder.encode(source.read(size)) or b"") for _ in range(100))
    assert tone_ratio(heard[decoder.sample_rate :], 1000, decoder.sample_rate) > 20


@pytest.mark.req("RTP-29")
@EVERY_SPEAKING
def test_every_packet_length_is_as_long_as_it_says(codec: Codec) -> None:
    for ms in codec.packet_ms:
        encoder, decoder = codec.encoder(), codec.decoder()
        if encoder.sample_rate * ms % 1000:
            continue
        payload = encoder.encode(
            ToneSource(1000, encoder.sample_rate).read(2 * encoder.sample_rate * ms // 1000)
        )
        assert payload is not None
        assert len(payload) <= codec.maximum_payload
        assert codec.duration(payload) == codec.clock_rate * ms // 1000
        assert len(decoder.decode(payload)) == 2 * decoder.sample_rate * ms // 1000


@EVERY
@given(payloads=st.lists(st.binary(max_size=400), max_size=6))
def test_any_payload_decodes(codec: Codec, payloads: list[bytes]) -> None:
    decoder = codec.decoder(16000)
    for payload in payloads:
        length = codec.duration(payload)
        pcm = decoder.decode(payload)
        assert len(pcm) % 2 == 0
        if length is not None:
            assert len(pcm) == 2 * length * decoder.sample_rate // codec.clock_rate
        for made in (decoder.conceal(320), decoder.recover(payload, 320)):
            assert made is None or len(made) == 640


@EVERY
def test_media_time_counts_in_whole_units_of_every_clock(codec: Codec) -> None:
    assert MEDIA_CLOCK % codec.clock_rate == 0
    assert MEDIA_CLOCK % codec.sample_rate == 0


def test_decoders_of_two_streams_do_not_know_of_each_other() -> None:
    for codec in (G722(), Opus()):
        encoder = codec.encoder()
        payloads = [
            encoder.encode(ToneSource(1000, encoder.sample_rate).read(2 * encoder.sample_rate // 50))
        ] * 5
        alone, together, other = codec.decoder(), codec.decoder(), codec.decoder()
        for payload in payloads:
            assert payload is not None
            other.decode(bytes(len(payload)))
            assert alone.decode(payload) == together.decode(payload)


def test_codecs_are_found_by_what_rtpmap_says() -> None:
    assert for_format("opus", 48000, 2) == Opus()
    assert for_format("OPUS", 48000, 2, {"usedtx": "1"}) == Opus(asked=OpusParameters(usedtx=True))
    assert for_format("g722", 8000) == G722()
    assert for_format("L16", 44100, 2) == L16(sample_rate=44100, channels=2)
    assert for_format("CN", 16000) == ComfortNoise(clock_rate=16000)
    assert for_format("pcmu", 8000) is PCMU
    for name in names():
        assert for_name(name).name == name


@pytest.mark.parametrize(
    ("name", "clock", "channels"),
    [
        ("G722", 16000, 1),
        ("opus", 48000, 1),
        ("PCMU", 16000, 1),
        ("L16", 11025, 1),
        ("L16", 48000, 6),
        ("G729", 8000, 1),
    ],
)
def test_what_rtpmap_says_otherwise_is_another_codec(name: str, clock: int, channels: int) -> None:
    with pytest.raises(CodecError, match=f"{name}/{clock}"):
        for_format(name, clock, channels)


@pytest.mark.req("L16-1")
def test_l16_is_big_endian_with_the_left_channel_first() -> None:
    mono, stereo = L16(sample_rate=44100), L16(sample_rate=44100, channels=2)
    samples = array("h", [1, -2, 0x1234])
    assert mono.encode(samples.tobytes()) == b"\x00\x01\xff\xfe\x12\x34"
    assert array("h", mono.decode(b"\x00\x01\xff\xfe\x12\x34")) == samples
    # left 100, right 300: in mono their mean
    assert array("h", stereo.decode(b"\x00\x64\x01\x2c")) == array("h", [200])
    assert stereo.encode(array("h", [1, -2]).tobytes()) == b"\x00\x01\x00\x01\xff\xfe\xff\xfe"


@pytest.mark.req("L16-1")
def test_l16_counts_samples_of_all_channels_and_drops_a_rest() -> None:
    stereo = L16(sample_rate=44100, channels=2)
    ten_ms = stereo.encode(bytes(882))
    assert len(ten_ms) == 1764
    assert stereo.duration(ten_ms) == 441
    for rest in range(1, 4):
        assert stereo.decode(ten_ms + bytes(rest)) == bytes(882)
        assert stereo.duration(ten_ms + bytes(rest)) == 441
    assert L16(sample_rate=8000).decode(b"\x00\x01\x02") == array("h", [1]).tobytes()


def test_packets_of_l16_fit_an_mtu() -> None:
    for rate in (8000, 16000, 24000, 32000, 44100, 48000):
        codec = L16(sample_rate=rate)
        assert codec.packet_ms[0] == 10
        assert all(2 * rate * ms // 1000 <= 1200 for ms in codec.packet_ms)
