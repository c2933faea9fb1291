"""Conversion of audio to mono 16 bit at another rate, by FFmpeg's resampler (through PyAV)."""

from __future__ import annotations

from collections.abc import Iterable

from av import AudioFrame
from av.audio.resampler import AudioResampler


def to_mono(frames: Iterable[AudioFrame], rate: int) -> bytes:
    """All frames as mono, signed 16 bit, `rate` samples a second.

    FFmpeg filters before it decimates, and mixes channels without clipping.

    Args:
        frames: of any format, layout and rate, all alike.
        rate: Hz.
    """
    resampler = AudioResampler(format="s16", layout="mono", rate=rate)
    pcm = bytearray()
    for frame in (*frames, None):
        for converted in resampler.resample(frame):
            # the plane may be longer than the samples in it
            pcm += bytes(converted.planes[0])[: 2 * converted.samples]
    return bytes(pcm)
