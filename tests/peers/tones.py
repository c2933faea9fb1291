"""Tones in WAV files: written for a phone to play, found in what another one recorded."""

from __future__ import annotations

import array
import itertools
import math
import sys
import wave
from pathlib import Path

from tests.tones import share_of_power


def write_tone(path: Path, hz: float, *, seconds: float = 60.0, rate: int = 8000) -> Path:
    """Write a sine of half the full amplitude, mono, 16 bit; returns `path`."""
    samples = array.array("h", (round(16000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(rate)))
    if hz != int(hz):
        raise ValueError("one second must hold whole periods")
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        second = samples.tobytes()
        for _ in range(math.ceil(seconds)):
            file.writeframes(second)
    return path


def read_samples(path: Path) -> tuple[list[int], int]:
    """Samples of the first channel of a 16 bit WAV file, and its rate in Hz."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path} has {file.getsampwidth()} bytes per sample")
        samples = array.array("h", file.readframes(file.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return list(samples[:: file.getnchannels()]), file.getframerate()


def tone_share(path: Path, hz: float) -> float:
    """Share (0 to 1) of a recording's power that is at `hz`; 0 for silence or an empty file.

    Goertzel's algorithm over blocks, so silence before and after a call does not count.
    """
    samples, rate = read_samples(path)
    return share_of_power(array.array("h", samples).tobytes(), hz, rate)


def longest_silence(path: Path) -> float:
    """Longest time in s without sound between its first and its last, in blocks of 20 ms."""
    samples, rate = read_samples(path)
    size = rate // 50
    loud = [
        number
        for number, start in enumerate(range(0, len(samples), size))
        if sum(abs(sample) for sample in samples[start : start + size]) > 500 * size
    ]
    return max((later - one - 1 for one, later in itertools.pairwise(loud)), default=0) / 50


def seconds(path: Path) -> float:
    """Length of a WAV file in seconds."""
    with wave.open(str(path), "rb") as file:
        return file.getnframes() / file.getframerate()


def both_heard_each_other(ours: Path, theirs: Path, talk_s: float) -> None:
    """Our recording holds 1000 Hz and theirs 440 Hz, for most of a call of `talk_s` seconds."""
    assert tone_share(ours, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.9
    assert min(seconds(ours), seconds(theirs)) > talk_s * 0.7
