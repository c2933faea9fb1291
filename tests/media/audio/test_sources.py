from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.samples import melody
from media.audio.sinks import MemorySink, NullSink, TeeSink
from media.audio.sources import EchoSource, PcmSource, SilenceSource, ToneSource
from tests.tones import share_of_power

pcm = st.binary(min_size=2, max_size=300).map(lambda data: data[: len(data) & ~1])
sizes = st.lists(st.integers(1, 100).map(lambda n: 2 * n), max_size=20)


@given(pcm, sizes)
def test_once_is_the_audio_and_then_silence(data: bytes, reads: list[int]) -> None:
    source = PcmSource(data)
    got = b"".join(source.read(size) for size in reads)
    assert got == (data + bytes(len(got)))[: len(got)]
    assert len(got) == sum(reads)
    assert source.finished is (sum(reads) >= len(data))


@given(pcm, sizes)
def test_a_loop_has_no_seam(data: bytes, reads: list[int]) -> None:
    source = PcmSource(data, loop=True)
    got = b"".join(source.read(size) for size in reads)
    assert got == (data * (len(got) // len(data) + 1))[: len(got)]
    assert len(got) == sum(reads)
    assert not source.finished


def test_half_samples_are_misuse() -> None:
    with pytest.raises(ValueError, match="even number"):
        PcmSource(b"abc")


@pytest.mark.parametrize("hz", [440, 1000, 3400])
def test_a_tone_is_pure_and_has_no_seam(hz: int) -> None:
    source = ToneSource(hz, level_dbfs=-10)
    heard = b"".join(source.read(320) for _ in range(150))
    assert share_of_power(heard, hz) > 0.999
    assert max(array("h", heard)) <= 32767 * 10 ** (-10 / 20) + 1


@pytest.mark.parametrize("hz", [0, 4001])
def test_a_tone_beyond_the_rate_is_misuse(hz: int) -> None:
    with pytest.raises(ValueError, match="cannot be played"):
        ToneSource(hz)


def test_silence() -> None:
    assert SilenceSource().read(320) == bytes(320)
    assert not SilenceSource.finished


@given(st.lists(pcm, max_size=20), sizes)
def test_an_echo_gives_back_what_it_heard_in_order(frames: list[bytes], reads: list[int]) -> None:
    echo = EchoSource()
    for frame in frames:
        echo.write(frame)
    got = b"".join(echo.read(size) for size in reads)
    assert len(got) == sum(reads)
    heard = b"".join(frames)
    assert got[: len(heard)] == heard[: len(got)]
    assert not any(got[len(heard) :])


def test_an_echo_keeps_at_most_a_second() -> None:
    echo = EchoSource()
    for number in range(100):
        echo.write(bytes((number,)) * 320)
    assert echo.read(320) == bytes((50,)) * 320
    echo.close()
    assert echo.read(320) == bytes(320)


def test_sinks() -> None:
    first, second = MemorySink(), MemorySink(limit_bytes=4)
    tee = TeeSink(first, second, NullSink())
    tee.write(b"abcd")
    tee.write(b"ef")
    tee.close()
    assert (first.pcm, second.pcm) == (b"abcdef", b"abcd")


def test_the_melody_is_four_seconds_of_music_always_the_same() -> None:
    music = melody()
    assert len(music) == pytest.approx(64_000, rel=0.02)
    melody.cache_clear()
    assert melody() == music
    samples = array("h", music)
    assert 8000 < max(samples) < 32_000
    assert len(melody(16_000)) == pytest.approx(2 * len(music), abs=100)
