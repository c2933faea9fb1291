"""Both sides of a call in one file."""

from __future__ import annotations

import subprocess
import sys
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import interleave
from media.audio.sinks import MemorySink, TeeSink
from media.audio.sources import PcmSource, SilenceSource, ToneSource
from media.audio.stereo import StereoRecorder
from media.audio.switch import SourceSwitch
from media.errors import AudioFileError


def _frame(value: int) -> bytes:
    return array("h", [value] * 160).tobytes()


def _sides(path: Path) -> tuple[list[int], list[int]]:
    """The first sample of each frame, left and right."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return list(samples[::320]), list(samples[1::320])


def test_left_is_what_we_said_and_right_what_we_heard_in_the_same_tick(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "both.wav")
    for number in range(1, 51):
        recorder.write(_frame(number))
        recorder.said(_frame(-number))
    assert recorder.duration_ms == 1000
    recorder.close()
    left, right = _sides(tmp_path / "both.wav")
    assert left == [-number for number in range(1, 51)]
    assert right == list(range(1, 51))


def test_where_we_said_nothing_there_is_silence_and_both_stay_aligned(tmp_path: Path) -> None:
    """Before the answer, and on hold, frames are heard and none are sent."""
    recorder = StereoRecorder(tmp_path / "both.wav")
    for number in range(1, 101):
        recorder.write(_frame(number))
        if 20 < number <= 40 or 60 < number <= 99:
            recorder.said(_frame(-number))
    recorder.close()
    left, right = _sides(tmp_path / "both.wav")
    assert right == list(range(1, 101))
    assert left == [-n if 20 < n <= 40 or 60 < n <= 99 else 0 for n in range(1, 101)]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_two_sides_in_one_keep_their_samples(left: bytes, right: bytes) -> None:
    left, right = left[: len(left) // 2 * 2], right[: len(right) // 2 * 2]
    both = array("h", interleave(left, right))
    longest = max(len(left), len(right))
    assert both[::2].tobytes() == left.ljust(longest, b"\0")
    assert both[1::2].tobytes() == right.ljust(longest, b"\0")


RECORD = """
import sys
from array import array
from media.audio.stereo import StereoRecorder
recorder = StereoRecorder(sys.argv[1])
for number in range(100_000):
    recorder.write(array("h", [number & 0x7FFF] * 160).tobytes())
    recorder.said(array("h", [-(number & 0x7FFF)] * 160).tobytes())
    print(number, flush=True)
"""


@pytest.mark.parametrize("frames", [7, 20, 41])
def test_a_killed_recorder_leaves_a_valid_file_and_loses_under_100_ms(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "both.wav"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RECORD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(frames):
            process.stdout.readline()
        process.kill()
        written = frames + sum(1 for line in process.stdout.read().splitlines() if line)
    left, right = _sides(path)
    assert right == list(range(len(right)))
    assert left == [-number for number in range(len(left))]
    assert written - 5 <= len(left) <= written + 1


def test_a_file_that_cannot_be_written_does_not_fall_upon_who_speaks(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "both.wav")
    recorder.close()
    for _ in range(2):
        recorder.said(_frame(1) * 100)
    with pytest.raises(AudioFileError, match="closed"):
        recorder.write(_frame(1))


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError):
        StereoRecorder(tmp_path)


class _Broken:
    """Fails after three frames."""

    def __init__(self) -> None:
        self.frames = 0
        self.closed = False

    def write(self, pcm: bytes, /) -> None:
        self.frames += 1
        if self.frames > 3:
            raise BrokenPipeError("nobody reads")

    def close(self) -> None:
        self.closed = True


def test_one_sink_that_fails_is_left_out_and_the_others_go_on() -> None:
    broken, memory, problems = _Broken(), MemorySink(), list[str]()
    tee = TeeSink(broken, memory, on_failed=lambda error: problems.append(str(error)))
    for number in range(10):
        tee.write(_frame(number))
    tee.close()
    assert problems == ["nobody reads"]
    assert broken.closed and broken.frames == 4
    assert memory.pcm == b"".join(_frame(number) for number in range(10))


def test_without_anybody_to_tell_the_failure_of_a_sink_is_raised_after_the_others_have_heard() -> None:
    memory = MemorySink()
    tee = TeeSink(_Broken(), memory)
    for number in range(3):
        tee.write(_frame(number))
    with pytest.raises(BrokenPipeError):
        tee.write(_frame(3))
    assert memory.pcm.endswith(_frame(3))


# --- what is sent -------------------------------------------------------------------------------------------


def test_a_muted_source_goes_on_unheard() -> None:
    switch = SourceSwitch(PcmSource(_frame(1) + _frame(2) + _frame(3)))
    assert switch.read(320) == _frame(1)
    switch.muted = True
    assert switch.read(320) == bytes(320)
    switch.muted = False
    assert switch.read(320) == _frame(3)


def test_what_is_played_instead_lets_the_source_wait_and_is_heard_also_where_it_is_muted() -> None:
    switch = SourceSwitch(PcmSource(_frame(1) + _frame(2)))
    switch.read(320)
    switch.muted = True
    switch.play(PcmSource(_frame(9) * 2))
    assert switch.read(320) == _frame(9)
    switch.muted = False
    switch.play(None)
    assert switch.read(320) == _frame(2)
    assert switch.finished


def test_the_end_of_the_source_is_told_once() -> None:
    ends = list[int]()
    switch = SourceSwitch(PcmSource(_frame(1) * 2), on_finished=lambda: ends.append(1))
    switch.read(320)
    assert not ends
    for _ in range(3):
        switch.read(320)
    assert ends == [1]


def test_a_tap_sees_what_is_sent() -> None:
    seen = list[bytes]()
    switch = SourceSwitch(PcmSource(_frame(1) * 2), tap=seen.append)
    switch.read(320)
    switch.muted = True
    switch.read(320)
    switch.play(ToneSource(1000))
    played = switch.read(320)
    assert seen == [_frame(1), bytes(320), played]


def test_another_source_is_taken_from_the_next_frame_on() -> None:
    first = PcmSource(_frame(1) * 5)
    switch = SourceSwitch(first)
    switch.read(320)
    assert switch.use(SilenceSource()) is first
    assert switch.read(320) == bytes(320)
    switch.close()
