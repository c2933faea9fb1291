"""Filling of gaps on the receiving side: the last pitch period again and again, fading out."""

from __future__ import annotations

import audioop

from media.audio.pcm import BYTES_PER_SAMPLE, crossfade, pitch_period

_HOLD_MS, _FADE_MS = 10, 60
"""Full level at first, silence at the end: a longer repetition sounds like a machine."""

_STEP_MS = 5
_JOIN_MS = 5


class Concealment:
    """Gap filler of one stream, for any codec without its own.

    Call `heard` with each frame that is played as it came, `fill` for each stretch that is missing, and
    `join` with the first frame after a gap.
    """

    __slots__ = ("_before", "_cycle", "_filled", "_last", "_rate")

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._before = self._last = b""
        self._cycle = b""
        self._filled = 0

    @property
    def active(self) -> bool:
        """True inside a gap."""
        return self._filled > 0

    def heard(self, pcm: bytes) -> None:
        """Remember a frame that was played."""
        self._before, self._last = self._last, pcm

    def fill(self, samples: int) -> bytes:
        """The next `samples` samples of the gap; silence once the fade is over, or nothing was heard."""
        if not self._filled:
            self._cycle = self._period()
        pcm = self._faded(samples)
        self._filled += samples
        return pcm

    def join(self, pcm: bytes) -> bytes:
        """`pcm` with its first 5 ms blended into the end of the gap."""
        length = min(len(pcm) // BYTES_PER_SAMPLE, self._rate * _JOIN_MS // 1000)
        tail = self._faded(length)
        self._filled = 0
        self._cycle = b""
        edge = BYTES_PER_SAMPLE * length
        return crossfade(tail, pcm[:edge]) + pcm[edge:]

    def _period(self) -> bytes:
        history = self._before + self._last
        period = pitch_period(history[-BYTES_PER_SAMPLE * self._rate // 25 :], self._rate)
        return history[-BYTES_PER_SAMPLE * period :] if period else b""

    def _faded(self, samples: int) -> bytes:
        if not self._cycle or self._filled >= self._rate * _FADE_MS // 1000:
            return bytes(BYTES_PER_SAMPLE * samples)
        start = BYTES_PER_SAMPLE * self._filled % len(self._cycle)
        turns = (BYTES_PER_SAMPLE * samples + start) // len(self._cycle) + 1
        pcm = (self._cycle * turns)[start : start + BYTES_PER_SAMPLE * samples]
        step = BYTES_PER_SAMPLE * (self._rate * _STEP_MS // 1000)
        return b"".join(
            audioop.mul(pcm[at : at + step], 2, self._gain(self._filled + at // BYTES_PER_SAMPLE))
            for at in range(0, len(pcm), step)
        )

    def _gain(self, sample: int) -> float:
        ms = sample * 1000 / self._rate
        return max(0.0, min(1.0, (_FADE_MS - ms) / (_FADE_MS - _HOLD_MS)))
