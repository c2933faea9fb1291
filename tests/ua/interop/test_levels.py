"""The level of recordings: who was heard, and when."""

from __future__ import annotations

import math
import struct
import wave
import xml.etree.ElementTree as ElementTree
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import interleave
from media.audio.recorder import WavRecorder
from ua.interop.report.levels import MAX_POINTS, read_levels, recordings, strip

RATE = 8000


def tone(seconds: float, level: float = 0.5) -> bytes:
    count = int(seconds * RATE)
    return array(
        "h", (int(32767 * level * math.sin(2 * math.pi * 1000 * n / RATE)) for n in range(count))
    ).tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


def recorded(path: Path, pcm: bytes, *, channels: int = 1) -> Path:
    recorder = WavRecorder(path, RATE, channels=channels)
    recorder.write(pcm)
    recorder.close()
    return path


def test_both_directions_of_a_call(tmp_path: Path) -> None:
    ours, theirs = tone(2.0), silence(0.5) + tone(1.0, 0.1) + silence(0.5)
    levels = read_levels(recorded(tmp_path / "1-echo-both.wav", interleave(ours, theirs), channels=2))
    assert levels is not None
    assert levels.seconds == pytest.approx(2.0)
    assert [channel.name for channel in levels.channels] == ["sent", "heard"]
    sent, heard = levels.channels
    assert sent.loudest == pytest.approx(-9.0, abs=0.2)
    assert heard.loudest == pytest.approx(-23.0, abs=0.2)
    assert levels.words == (
        "sent: sound from 0.0 s to 2.0 s, loudest -9 dB; heard: sound from 0.5 s to 1.5 s, loudest -23 dB"
    )


def test_silence_and_gaps_are_told(tmp_path: Path) -> None:
    levels = read_levels(recorded(tmp_path / "heard.wav", silence(1.0)))
    assert levels is not None
    assert levels.words == "heard: silence"
    levels = read_levels(recorded(tmp_path / "x.wav", tone(1.0) + silence(1.0) + tone(1.0)))
    assert levels is not None
    assert levels.words == "recording: sound from 0.0 s to 3.0 s, silent for 33% of it, loudest -9 dB"


@pytest.mark.parametrize("seconds", [0.01, 1.0, 30.0, 100.0])
def test_the_picture_has_a_bounded_size(tmp_path: Path, seconds: float) -> None:
    levels = read_levels(recorded(tmp_path / "heard.wav", silence(seconds)))
    assert levels is not None
    (channel,) = levels.channels
    assert 1 <= len(channel.levels) <= MAX_POINTS
    assert len(channel.levels) * levels.window_s >= levels.seconds
    picture = strip(levels)
    assert len(picture) < 20_000
    assert ElementTree.fromstring(picture).tag == "svg"


def test_a_gap_is_seen_in_the_picture(tmp_path: Path) -> None:
    whole = read_levels(recorded(tmp_path / "a.wav", tone(2.0)))
    broken = read_levels(recorded(tmp_path / "b.wav", tone(0.5) + silence(1.0) + tone(0.5)))
    assert whole is not None
    assert broken is not None
    heights = [
        {
            part.split("H")[0]
            for part in strip(each).split('class="level"')[0].rpartition('d="')[2].split("V")[1:-1]
        }
        for each in (whole, broken)
    ]
    assert len(heights[0]) == 1
    assert len(heights[1]) == 2


def test_a_recording_that_grows_still_can_be_read(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "heard.wav", RATE)
    recorder.write(tone(1.0))
    levels = read_levels(tmp_path / "heard.wav")
    recorder.close()
    assert levels is not None
    assert levels.seconds > 0.9


@given(st.binary(max_size=100))
def test_what_is_no_recording_is_left_out(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("bad")
    for head in (b"", b"RIFF" + struct.pack("<L", len(data)) + b"WAVE"):
        (folder / "bad.wav").write_bytes(head + data)
        assert read_levels(folder / "bad.wav") is None


def test_other_formats_are_left_out(tmp_path: Path) -> None:
    assert read_levels(tmp_path / "missing.wav") is None
    for name, width, channels in (("wide", 3, 1), ("many", 2, 6)):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setsampwidth(width)
            file.setnchannels(channels)
            file.setframerate(RATE)
            file.writeframes(bytes(width * channels * 100))
        assert read_levels(tmp_path / f"{name}.wav") is None


def test_the_recording_with_both_sides_is_shown() -> None:
    files = ["events.jsonl", "2-x-heard.wav", "1-echo-heard.wav", "1-echo-both.wav", "more.wav"]
    assert recordings(files) == ["1-echo-both.wav", "2-x-heard.wav", "more.wav"]
