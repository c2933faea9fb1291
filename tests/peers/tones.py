"""Tones in WAV files: written for a phone to play, found in what another one recorded."""

from __future__ import annotations

import array
import itertools
import math
import sys
import wave
from pathlib import Path

from tests.tones import best_share_of_power, share_of_power

STANDSTILL_S = 1.3
"""For so long a machine that is shared may stand still; audio of that time is lost."""


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


def tone_share(path: Path, hz: float, *, whole: bool = False) -> float:
    """Share (0 to 1) of a recording's power that is at `hz`; 0 for silence or an empty file.

    Of its best half second, for peers and we run on machines that stand still now and then; of all that it
    holds with `whole`.
    """
    samples, rate = read_samples(path)
    pcm = array.array("h", samples).tobytes()
    return share_of_power(pcm, hz, rate) if whole else best_share_of_power(pcm, hz, rate)


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
    assert lasts(ours, talk_s)
    assert lasts(theirs, talk_s)


def lasts(path: Path, talk_s: float) -> bool:
    """A recording is as long as a call of `talk_s` seconds in which the machine may stand still once."""
    return seconds(path) > max(0.5, talk_s * 0.75 - STANDSTILL_S)
