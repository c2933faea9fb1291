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

    Call `fill` for each stretch that is missing, and `join` with the first frame after a gap. The frames that
    are played as they came are told by the attributes, for a packet must not cost a call more than it has to.

    Attributes:
        last: the frame that was played last, as it came.
        before: the one before it.
        filled: samples of this gap so far; 0 outside of gaps.
    """

    __slots__ = ("_cycle", "_rate", "before", "filled", "last")

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self.before = self.last = b""
        self._cycle = b""
        self.filled = 0

    def fill(self, samples: int) -> bytes:
        """The next `samples` samples of the gap; silence once the fade is over, or nothing was heard."""
        if not self.filled:
            self._cycle = self._period()
        pcm = self._faded(samples)
        self.filled += samples
        return pcm

    def join(self, pcm: bytes) -> bytes:
        """`pcm` with its first 5 ms blended into the end of the gap."""
        length = min(len(pcm) // BYTES_PER_SAMPLE, self._rate * _JOIN_MS // 1000)
        tail = self._faded(length)
        self.filled = 0
        self._cycle = b""
        edge = BYTES_PER_SAMPLE * length
        return crossfade(tail, pcm[:edge]) + pcm[edge:]

    def _period(self) -> bytes:
        history = self.before + self.last
        period = pitch_period(history[-BYTES_PER_SAMPLE * self._rate // 25 :], self._rate)
        return history[-BYTES_PER_SAMPLE * period :] if period else b""

    def _faded(self, samples: int) -> bytes:
        if not self._cycle or self.filled >= self._rate * _FADE_MS // 1000:
            return bytes(BYTES_PER_SAMPLE * samples)
        start = BYTES_PER_SAMPLE * self.filled % len(self._cycle)
        turns = (BYTES_PER_SAMPLE * samples + start) // len(self._cycle) + 1
        pcm = (self._cycle * turns)[start : start + BYTES_PER_SAMPLE * samples]
        step = BYTES_PER_SAMPLE * (self._rate * _STEP_MS // 1000)
        return b"".join(
            audioop.mul(pcm[at : at + step], 2, self._gain(self.filled + at // BYTES_PER_SAMPLE))
            for at in range(0, len(pcm), step)
        )

    def _gain(self, sample: int) -> float:
        ms = sample * 1000 / self._rate
        return max(0.0, min(1.0, (_FADE_MS - ms) / (_FADE_MS - _HOLD_MS)))
