"""Conversion of a running stream of audio from one sample rate to another."""

from __future__ import annotations

from typing import Final

from av import AudioFrame
from av.audio.resampler import AudioResampler

from media.audio.pcm import BYTES_PER_SAMPLE

_SPARE: Final = 2
"""Samples kept back, so that rounding never leaves a call short of one."""


class RateConverter:
    """Mono 16-bit audio at another rate, by FFmpeg's resampler: it filters what the lower rate cannot hold.

    Every call gives as much audio as it took (rounded down, and the rest with the next one): the filter's
    delay of about 2 ms begins with silence.

    Args:
        source: sample rate of what comes in, Hz.
        target: sample rate of what goes out, Hz.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._resampler = AudioResampler(format="s16", layout="mono", rate=target)
        self._frame: AudioFrame | None = None
        self._held = b""
        self._owed = 0

    def convert(self, pcm: bytes, /) -> bytes:
        """The same stretch of time at the other rate."""
        samples = len(pcm) // BYTES_PER_SAMPLE
        if not samples:
            return b""
        # The resampler may keep a frame that it was given, so each stretch has one of its own.
        frame = AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate = self._source
        plane = frame.planes[0]
        plane.update(pcm.ljust(plane.buffer_size, b"\0"))
        held = self._held
        for converted in self._resampler.resample(frame):
            held += bytes(converted.planes[0])[: BYTES_PER_SAMPLE * converted.samples]
        self._owed += samples * self._target
        count, self._owed = divmod(self._owed, self._source)
        size = BYTES_PER_SAMPLE * count
        if len(held) < size:
            held = bytes(size + BYTES_PER_SAMPLE * _SPARE - len(held)) + held
        self._held = held[size:]
        return held[:size]
