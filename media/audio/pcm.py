"""Small operations on mono 16-bit audio: pitch, overlap, level."""

from __future__ import annotations

import audioop
import math
from array import array

BYTES_PER_SAMPLE = 2

SILENCE_DBFS = -127.0
"""What is shown for digital silence (the lowest level of RFC 6464)."""

_FULL_SCALE = 32768.0

_LOWEST_LAG_MS, _HIGHEST_LAG_MS = 2.5, 20.0
"""Pitch periods from 400 Hz down to 50 Hz: human voices."""


def dbfs(rms: float) -> float:
    """Level of a root mean square value: 0 is a full-scale square wave, a full-scale sine has -3."""
    return max(SILENCE_DBFS, 20 * math.log10(rms / _FULL_SCALE)) if rms > 0 else SILENCE_DBFS


def pitch_period(pcm: bytes, sample_rate: int) -> int:
    """Samples after which the end of `pcm` repeats best; 0 where `pcm` is too short to tell.

    Args:
        pcm: mono 16-bit audio; 30 ms allow the whole range, 10 ms are the least.
        sample_rate: Hz.
    """
    length = len(pcm) // BYTES_PER_SAMPLE
    lowest = int(sample_rate * _LOWEST_LAG_MS / 1000)
    highest = min(int(sample_rate * _HIGHEST_LAG_MS / 1000), length // 2)
    if highest < 2 * lowest:
        return 0
    template = min(highest, length - highest)
    start = length - template
    offset = find_same(
        pcm[BYTES_PER_SAMPLE * (start - highest) : BYTES_PER_SAMPLE * (length - lowest)],
        pcm[BYTES_PER_SAMPLE * start :],
    )
    return highest - offset


def find_same(area: bytes, template: bytes) -> int:
    """The sample of `area` from which on it differs least from `template`, which is the shorter one.

    `audioop.findfit` alone would take the same wave upside down for a fit as well.
    """
    raised_area, raised_template = (
        audioop.bias(audioop.mul(pcm, 2, 0.5), 2, 1 << 14) for pcm in (area, template)
    )
    offset, _ = audioop.findfit(raised_area, raised_template)
    return offset


def crossfade(fading: bytes, rising: bytes) -> bytes:
    """Two stretches of equal length, the first going out linearly while the second comes in."""
    first, second = array("h", fading), array("h", rising)
    total = len(first) + 1
    return array(
        "h",
        (
            (a * (total - i) + b * i) // total
            for i, (a, b) in enumerate(zip(first, second, strict=True), start=1)
        ),
    ).tobytes()


def shorten(pcm: bytes, sample_rate: int) -> bytes:
    """`pcm` less one pitch period, without a click; unchanged where no period is found."""
    period = BYTES_PER_SAMPLE * pitch_period(pcm, sample_rate)
    return crossfade(pcm[: len(pcm) - period], pcm[period:]) if period else pcm


def lengthen(pcm: bytes, sample_rate: int) -> bytes:
    """`pcm` plus one pitch period, without a click; unchanged where no period is found."""
    period = BYTES_PER_SAMPLE * pitch_period(pcm, sample_rate)
    if not period:
        return pcm
    return pcm[:period] + crossfade(pcm[period:], pcm[:-period]) + pcm[-period:]


def rms(pcm: bytes) -> int:
    """Root mean square of the samples, 0 to 32768."""
    return audioop.rms(pcm, 2)


def interleave(left: bytes, right: bytes) -> bytes:
    """Two channels in one; the shorter one is followed by silence."""
    size = max(len(left), len(right))
    both = (
        audioop.tostereo(left.ljust(size, b"\0"), BYTES_PER_SAMPLE, 1, 0),
        audioop.tostereo(right.ljust(size, b"\0"), BYTES_PER_SAMPLE, 0, 1),
    )
    return audioop.add(*both, BYTES_PER_SAMPLE)
