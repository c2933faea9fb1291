"""WAV files in and out."""

from __future__ import annotations

import gc
import math
import os
import struct
import subprocess
import sys
import time
import wave
from array import array
from pathlib import Path

import pytest

from media.audio.correlation import correlate
from media.audio.recorder import WavRecorder
from media.audio.samples import melody
from media.audio.sources import WavSource
from media.audio.wav import _HELD, header, read_audio
from media.errors import AudioFileError
from tests.tones import share_of_power

FORMATS = {"u8": (1, 8), "s16": (1, 16), "s24": (1, 24), "s32": (1, 32), "f32": (3, 32)}


def write_wav(path: Path, rate: int, channels: list[list[float]], kind: str = "s16") -> Path:
    """A WAV file from samples of -1 to 1."""
    code, bits = FORMATS[kind]
    data = bytearray()
    for frame in zip(*channels, strict=True):
        for x in frame:
            if kind == "f32":
                data += struct.pack("<f", x)
            elif kind == "u8":
                data.append(round(127 * x) + 128)
            else:
                data += round(x * ((1 << (bits - 1)) - 1)).to_bytes(bits // 8, "little", signed=True)
    block = len(channels) * bits // 8
    fmt = struct.pack("<HHLLHH", code, len(channels), rate, rate * block, block, bits)
    body = b"WAVEfmt " + struct.pack("<L", len(fmt)) + fmt + b"data" + struct.pack("<L", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<L", len(body)) + body)
    return path


def tone(hz: float, rate: int, seconds: float = 1.0, peak: float = 0.5) -> list[float]:
    return [peak * math.sin(2 * math.pi * hz * i / rate) for i in range(int(seconds * rate))]


def level(pcm: bytes) -> float:
    samples = array("h", pcm)
    return math.sqrt(sum(x * x for x in samples) / len(samples)) / 32768


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_becomes_8_khz(tmp_path: Path, rate: int) -> None:
    pcm = read_audio(write_wav(tmp_path / "in.wav", rate, [tone(440, rate)]), 8000)
    assert len(pcm) == pytest.approx(16_000, abs=64)
    assert share_of_power(pcm[800:15_200], 440) > 0.98
    assert level(pcm[800:15_200]) == pytest.approx(0.5 / math.sqrt(2), rel=0.03)


@pytest.mark.parametrize("kind", FORMATS)
def test_any_sample_format_is_read(tmp_path: Path, kind: str) -> None:
    pcm = read_audio(write_wav(tmp_path / "in.wav", 8000, [tone(440, 8000)], kind), 8000)
    assert len(pcm) == 16_000
    assert share_of_power(pcm, 440) > 0.98
    assert level(pcm) == pytest.approx(0.5 / math.sqrt(2), rel=0.03)


def test_stereo_is_mixed_without_clipping(tmp_path: Path) -> None:
    left, right = tone(440, 16_000, peak=0.9), tone(1000, 16_000, peak=0.9)
    pcm = read_audio(write_wav(tmp_path / "in.wav", 16_000, [left, right]), 8000)
    assert share_of_power(pcm[800:15_200], 440) == pytest.approx(0.5, abs=0.02)
    assert share_of_power(pcm[800:15_200], 1000) == pytest.approx(0.5, abs=0.02)
    assert max(abs(x) for x in array("h", pcm)) < 32_767


def test_what_8_khz_cannot_hold_is_filtered_out_first(tmp_path: Path) -> None:
    pcm = read_audio(write_wav(tmp_path / "in.wav", 44_100, [tone(6000, 44_100)]), 8000)
    assert level(pcm[800:15_200]) < 0.5 / math.sqrt(2) / 100


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist"),
        (b"", "cannot be read as audio"),
        (b"this is a text and no audio at all, whatever its name says\n" * 50, "cannot be read as audio"),
        (header(0, 8000), "holds no audio"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "cannot be read as audio"),
    ],
    ids=["missing", "empty", "text", "no samples", "cut"],
)
def test_a_bad_file_is_named_and_explained(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=reason) as caught:
        WavSource(path)
    assert str(path) in str(caught.value)


def test_a_directory_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError):
        read_audio(tmp_path, 8000)


# --- recorder ---------------------------------------------------------------------------------------------


def frames_of(path: Path) -> bytes:
    with wave.open(str(path)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 8000)
        return bytes(reader.readframes(reader.getnframes()))


def test_a_recording_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    recorder = WavRecorder(path)
    music = melody()
    for at in range(0, len(music), 320):
        recorder.write(music[at : at + 320])
    assert recorder.duration_ms == 4000
    recorder.close()
    recorder.close()
    assert frames_of(path) == music
    assert path.stat().st_size == 44 + len(music)
    assert [child.name for child in tmp_path.iterdir()] == ["out.wav"]


def test_the_file_is_whole_after_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    recorder = WavRecorder(path)
    assert frames_of(path) == b""
    for count in range(1, 60):
        recorder.write(bytes((count, 0)) * 160)
        missing = count * 320 - len(frames_of(path))
        assert 0 <= missing <= 3 * 320
    recorder.close()


def test_an_existing_recording_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    WavRecorder(link).close()
    assert link.is_symlink()
    assert frames_of(path) == b""


def test_what_cannot_be_written_is_named_and_explained(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="No such file or directory"):
        WavRecorder(tmp_path / "no" / "out.wav")
    with pytest.raises(AudioFileError, match="not a regular file"):
        WavRecorder(tmp_path)
    with pytest.raises(AudioFileError, match="not a regular file"):
        WavRecorder(Path(os.devnull))


def test_a_closed_recorder_takes_no_more(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "out.wav")
    recorder.close()
    with pytest.raises(AudioFileError, match="is closed"):
        recorder.write(bytes(3200))


def test_a_file_ends_before_its_size_fields_do() -> None:
    assert len(header(0xFFFFFFFF - 44, 8000)) == 44
    with pytest.raises(AudioFileError, match="4 GiB"):
        header(0xFFFFFFFF - 43, 8000)


FILL = """
import resource, signal, sys
from media.errors import AudioFileError
from media.audio.recorder import WavRecorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
recorder = WavRecorder(sys.argv[1])
try:
    for frame in range(1000):
        recorder.write(bytes(range(1, 161)) * 2)
except AudioFileError as error:
    print(error)
"""


def test_a_disk_that_is_full_leaves_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FILL, str(path)], capture_output=True, text=True, check=True
    )
    assert "cannot be written: File too large" in done.stdout
    claimed = struct.unpack_from("<L", path.read_bytes(), 40)[0]
    assert 44 + claimed <= path.stat().st_size
    pcm = frames_of(path)
    assert len(pcm) == claimed
    assert 20_000 - 44 - 960 <= len(pcm) <= 20_000 - 44
    assert pcm == (bytes(range(1, 161)) * 200)[: len(pcm)]


RECORD = """
import sys, time
from media.audio.recorder import WavRecorder
recorder = WavRecorder(sys.argv[1])
frame = 0
start = time.monotonic()
while True:
    recorder.write(frame.to_bytes(2, sys.byteorder) * 160)
    frame += 1
    print(frame, flush=True)
    time.sleep(max(0.0, start + frame * {period} - time.monotonic()))
"""


@pytest.mark.parametrize("period", [0.0, 0.004, 0.02])
@pytest.mark.parametrize("attempt", range(3))
def test_a_killed_recorder_leaves_a_valid_file_and_loses_under_100_ms(
    tmp_path: Path, period: float, attempt: int
) -> None:
    path = tmp_path / "out.wav"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RECORD.format(period=period), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(10 + 7 * attempt):
            process.stdout.readline()
        time.sleep(0.013 * attempt)  # a moment that has nothing to do with the frames
        process.kill()
        written = 10 + 7 * attempt + sum(1 for line in process.stdout.read().splitlines() if line)
    samples = array("h", frames_of(path))
    assert len(samples) % 160 == 0
    assert list(samples[::160]) == [number & 0x7FFF for number in range(len(samples) // 160)]
    # a frame may have been written and not yet told
    assert written * 20 - 100 <= len(samples) / 8 <= written * 20 + 20


def test_a_recording_can_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    recorder = WavRecorder(path)
    recorder.write(melody())
    recorder.close()
    source = WavSource(path)
    assert correlate(melody(), source.read(len(melody()))).value == pytest.approx(1)
    assert source.finished


def test_calls_that_play_the_same_file_share_its_audio(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "said.wav", 8000, [tone(440, 8000)])
    first, second = WavSource(path), WavSource(path)
    assert first._pcm is second._pcm
    assert first.read(320) == second.read(320)
    write_wav(path, 8000, [tone(600, 8000) * 2])
    assert WavSource(path)._pcm is not first._pcm
    first.close()
    del first, second
    gc.collect()
    assert not [key for key in _HELD if key[0] == path and key[3] != path.stat().st_size]
