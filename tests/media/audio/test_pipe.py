"""Raw audio from and to other programs, through real pipes."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import math
import os
import sys
from array import array
from collections.abc import Iterator

import pytest

from media.audio.pipe import PipeSink, PipeSource
from media.audio.sinks import MemorySink
from media.errors import AudioFileError
from tests.tones import share_of_power

FRAME = 320


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # the test has closed it
            os.close(end)


def _little(samples: list[int]) -> bytes:
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def _own(samples: list[int]) -> bytes:
    return array("h", samples).tobytes()


def test_frames_are_what_was_written_and_the_end_of_the_pipe_is_the_end(pipe: tuple[int, int]) -> None:
    source = PipeSource(pipe[0], file_rate=8000, rate=8000)
    os.write(pipe[1], _little(list(range(-200, 200))))
    assert source.read(FRAME) == _own(list(range(-200, -40)))
    assert source.read(FRAME) == _own(list(range(-40, 120)))
    os.close(pipe[1])
    ends = [source.finished]
    assert source.read(FRAME) == _own(list(range(120, 200))) + bytes(160)
    ends.append(source.finished)
    assert ends == [False, True]
    assert source.read(FRAME) == bytes(FRAME)
    assert source.underruns == 0


def test_nobody_waits_for_a_pipe_in_which_nothing_is(pipe: tuple[int, int]) -> None:
    source = PipeSource(pipe[0], file_rate=8000, rate=8000)
    assert source.read(FRAME) == bytes(FRAME)
    assert source.underruns == 0  # it has not begun
    os.write(pipe[1], _little([7] * 100))
    assert source.read(FRAME) == _own([7] * 100) + bytes(120)
    assert source.read(FRAME) == bytes(FRAME)
    assert source.underruns == 2
    assert not source.finished


def test_half_a_sample_waits_for_its_other_half(pipe: tuple[int, int]) -> None:
    source = PipeSource(pipe[0], file_rate=8000, rate=8000)
    data = _little([0x0102, 0x0304])
    os.write(pipe[1], data[:1])
    assert source.read(4) == bytes(4)
    os.write(pipe[1], data[1:])
    assert source.read(4) == _own([0x0102, 0x0304])


@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="pipes have one size here")
def test_a_pipe_holds_no_more_than_a_quarter_of_a_second(pipe: tuple[int, int]) -> None:
    PipeSource(pipe[0], file_rate=8000, rate=8000)
    assert fcntl.fcntl(pipe[0], fcntl.F_GETPIPE_SZ) <= max(4096, os.sysconf("SC_PAGE_SIZE"))


@pytest.mark.parametrize(("file_rate", "rate"), [(48_000, 8000), (8000, 16_000), (44_100, 16_000)])
def test_another_rate_is_converted(pipe: tuple[int, int], file_rate: int, rate: int) -> None:
    source = PipeSource(pipe[0], file_rate=file_rate, rate=rate)
    heard, at = bytearray(), 0
    for _ in range(50):
        count = file_rate // 50
        tone = [round(9000 * math.sin(2 * math.pi * 440 * i / file_rate)) for i in range(at, at + count)]
        os.write(pipe[1], _little(tone))
        at += count
        heard += source.read(2 * rate // 50)
    assert len(heard) == 2 * rate
    assert share_of_power(bytes(heard[rate // 5 :]), 440, rate) > 0.99


def test_what_is_heard_comes_out_of_the_pipe(pipe: tuple[int, int]) -> None:
    sink = PipeSink(pipe[1], file_rate=8000, rate=8000)
    sink.write(_own([1, -2, 300]))
    assert os.read(pipe[0], 100) == _little([1, -2, 300])
    sink.close()
    os.write(pipe[1], b"x")  # it stays open


def test_what_is_heard_can_have_another_rate(pipe: tuple[int, int]) -> None:
    sink, memory = PipeSink(pipe[1], file_rate=16_000, rate=8000), MemorySink()
    tone = array("h", (round(9000 * math.sin(2 * math.pi * 440 * i / 8000)) for i in range(8000))).tobytes()
    for at in range(0, len(tone), FRAME):
        sink.write(tone[at : at + FRAME])
        memory.write(os.read(pipe[0], 4096))
    assert len(memory.pcm) == 32_000
    assert share_of_power(memory.pcm[3200:], 440, 16_000) > 0.99


def test_nobody_waits_for_a_reader_and_what_is_kept_is_bounded_and_whole(pipe: tuple[int, int]) -> None:
    sink = PipeSink(pipe[1], file_rate=8000, rate=8000)
    frames = 1000
    for number in range(frames):
        sink.write(_own([number] * 160))
    assert sink.overruns
    os.set_blocking(pipe[0], False)
    heard = b""
    while sink._pending or not heard:
        with contextlib.suppress(BlockingIOError):
            heard += os.read(pipe[0], 65_536)
        sink.write(b"")
    heard += os.read(pipe[0], 65_536)
    # no sample is cut in two, and the latest is there
    numbers = array("h", heard)
    if sys.byteorder == "big":
        numbers.byteswap()
    assert all(b >= a for a, b in itertools.pairwise(numbers))
    assert numbers[-1] == frames - 1


def test_a_reader_that_goes_away_is_an_error(pipe: tuple[int, int]) -> None:
    sink = PipeSink(pipe[1], file_rate=8000, rate=8000)
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        sink.write(bytes(FRAME))


def test_a_descriptor_that_is_not_open_is_told(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(AudioFileError, match="cannot be used"):
        PipeSource(pipe[0], file_rate=8000, rate=8000)
