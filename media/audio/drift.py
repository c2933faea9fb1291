"""Two clocks that should be equal: a buffer between them whose fill level stays where it belongs.

A sound card counts its own seconds, some 100 ppm off ours. Without a remedy the buffer between the two runs
empty, or its delay grows for hours. Here its level is observed, and audio is stretched or shortened by single
samples so that the level returns: a controller whose integral learns the ratio of the clocks.
"""

from __future__ import annotations

import audioop
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE

_PROPORTIONAL: Final = 0.02
"""Per second: 10 ms too much is worked off with 200 ppm, in a minute."""

_INTEGRAL: Final = _PROPORTIONAL**2 / 4
"""Critically damped: it learns the drift without overshooting."""

_SMOOTHING_S: Final = 1.0
"""Devices take and give audio in blocks, threads are late: only the mean of the level counts."""

_PAUSE_S: Final = 0.1
"""Who has not read for so long is not late, but begins again."""

MOST_DRIFT: Final = 1000e-6
"""What is assumed of a clock at most, and how much audio is stretched: 1.7 hundredths of a semitone."""


class DriftControl:
    """From the fill level of a buffer to the ratio at which it should be emptied.

    Args:
        target_s: the level that is wanted, seconds of audio.
    """

    __slots__ = ("_at", "_integral", "_level", "target_s")

    def __init__(self, target_s: float) -> None:
        self.target_s = target_s
        self._integral = 0.0
        self._level: float | None = None
        self._at = 0.0

    @property
    def drift(self) -> float:
        """By how much the writing clock is faster than the reading one, as learnt so far; 1e-6 is 1 ppm."""
        return self._integral

    def update(self, level_s: float, now: float) -> float:
        """How much faster than by the reader's clock the buffer is to be emptied, -MOST_DRIFT to MOST_DRIFT.

        Args:
            level_s: seconds of audio in the buffer.
            now: monotonic seconds.
        """
        if self._level is None:
            self._level, self._at = level_s, now
            return self._integral
        passed = min(max(now - self._at, 0.0), _SMOOTHING_S)
        self._at = now
        self._level += (level_s - self._level) * passed / _SMOOTHING_S
        error = self._level - self.target_s
        self._integral = _limited(self._integral + _INTEGRAL * error * passed)
        return _limited(self._integral + _PROPORTIONAL * error)

    def restart(self) -> None:
        """The level has jumped; what was learnt of the clocks stays."""
        self._level = None


class ElasticBuffer:
    """Between a writer and a reader whose clocks differ.

    Reading begins, and begins again after the buffer ran empty, once there is audio for `target_s`. Beyond
    `limit_s`, and after a pause of the reader, the oldest audio is dropped down to the target.

    Args:
        rate: sample rate of both sides, Hz.
        target_s: delay that is aimed at; a block of the writer, one of the reader, and what they are late.
        limit_s: the most that is kept.
    """

    def __init__(self, rate: int, *, target_s: float = 0.04, limit_s: float = 0.2) -> None:
        if not 0 < target_s < limit_s:
            raise ValueError(f"a buffer of {limit_s} s cannot keep {target_s} s")
        self._rate = rate
        self._target_bytes = BYTES_PER_SAMPLE * int(rate * target_s)
        self._limit_bytes = BYTES_PER_SAMPLE * int(rate * limit_s)
        self._control = DriftControl(target_s)
        self._pcm = bytearray()
        self._written_at = 0.0
        self._read_at = float("-inf")
        self._block_s = 0.0
        self._filling = True
        self._owed = 0.0
        self.underruns = 0
        """Times that the buffer ran empty while it was read."""
        self.overruns = 0
        """Times that audio was dropped because the reader was slower than any clock can be."""
        self.stretched = 0
        """Samples left out (positive) or put in (negative), all together."""

    @property
    def drift_ppm(self) -> float:
        """By how much the writer's clock is faster than the reader's, as learnt so far."""
        return self._control.drift * 1e6

    @property
    def level_s(self) -> float:
        """Seconds of audio that wait."""
        return len(self._pcm) / BYTES_PER_SAMPLE / self._rate

    def write(self, pcm: bytes, now: float) -> None:
        """Take audio at `now` (monotonic seconds)."""
        self._pcm += pcm
        self._written_at = now
        self._block_s = len(pcm) / BYTES_PER_SAMPLE / self._rate
        if self._filling and len(self._pcm) >= self._target_bytes:
            self._filling = False
            self._control.restart()
        if len(self._pcm) > self._limit_bytes:
            if now - self._read_at <= _PAUSE_S:
                self.overruns += 1
            self._drop()

    def _drop(self) -> None:
        del self._pcm[: max(0, len(self._pcm) - self._target_bytes)]
        self._control.restart()

    def read(self, size: int, now: float) -> bytes:
        """Give `size` bytes at `now`; silence in place of what there is not.

        Returns:
            whole frames, each stretched by at most MOST_DRIFT and a sample.
        """
        if now - self._read_at > _PAUSE_S:
            self._drop()
        self._read_at = now
        if self._filling:
            return bytes(size)
        # As if the writer wrote evenly: so the level does not depend on where in a block we are.
        since = min(max(now - self._written_at, 0.0), self._block_s)
        samples = size // BYTES_PER_SAMPLE
        ratio = self._control.update(self.level_s + since, now)
        self._owed += ratio * samples
        step = int(self._owed)
        self._owed -= step
        step = max(-samples // 2, min(samples // 2, step))
        needed = BYTES_PER_SAMPLE * (samples + step)
        if len(self._pcm) < needed:
            self.underruns += 1
            self._filling = True
            rest = bytes(self._pcm[:size])
            self._pcm.clear()
            return rest + bytes(size - len(rest))
        pcm = bytes(self._pcm[:needed])
        del self._pcm[:needed]
        if not step:
            return pcm
        self.stretched += step
        return stretched(pcm, samples)


def stretched(pcm: bytes, samples: int) -> bytes:
    """`pcm` as `samples` samples, interpolated; its first and last sample stay what they were."""
    before = len(pcm) // BYTES_PER_SAMPLE
    if before < 2 or samples < 2:
        return (pcm + bytes(BYTES_PER_SAMPLE * samples))[: BYTES_PER_SAMPLE * samples]
    made, _ = audioop.ratecv(pcm, BYTES_PER_SAMPLE, 1, before - 1, samples - 1, None)
    return bytes(made)


def _limited(ratio: float) -> float:
    return max(-MOST_DRIFT, min(MOST_DRIFT, ratio))
