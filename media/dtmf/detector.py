"""Finds keys in audio (ITU-T Q.24): what a Goertzel filter at each of the eight frequencies would give.

Stretches of 20 ms, each 10 ms after the former, are compared with sine and cosine of every frequency, which
`audioop` does in C. Beside the level of a tone that gives its phase, and from stretch to stretch by its
phase the exact frequency: speech may be loud at two of the frequencies for a moment, but it does not hold
both to two percent, with next to nothing beside them, for as long as a key is held.
"""

from __future__ import annotations

import audioop
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from media.audio.pcm import BYTES_PER_SAMPLE
from media.dtmf.keys import HeardKey
from media.dtmf.tones import HIGH_HZ, KEY_OF_TONES, LOW_HZ, amplitude

STRETCH_S: Final = 0.02
STEP_S: Final = 0.01

MOST_OFF: Final = 0.022
"""Q.24: 1.5 % off is a tone, 3.5 % off is none."""

LEAST_DBM0: Final = -30.0
"""Level that each tone must have."""

MOST_TWIST_DB: Final = 8.0
"""How much louder the low tone may be."""

MOST_REVERSE_TWIST_DB: Final = 4.0
"""The same of the high tone."""

LEAST_SHARE: Final = 0.7
"""Of the power that both tones together must have, also where they fill a stretch in part."""

CLEAN_SHARE: Final = 0.88
"""The same where they fill it; two stretches of each key must be so, and equally loud."""

CLEAN_CHANGE_DB: Final = 1.5

DOMINANCE: Final = 2.0
"""How much stronger a tone is than the others of its group."""

HITS: Final = 2
"""Pairs of stretches that make a key: 40 ms have them, 23 ms have not."""

PAUSE_MISSES: Final = 4
"""The same that end one, where the tone is gone; 40 ms of silence have them."""

END_MISSES: Final = 10
"""Where something else is heard, a concealed loss perhaps, it takes longer until a key is up."""

_QUIET: Final = 0.25


class _Tones(NamedTuple):
    """The strongest tones of a stretch."""

    low: int
    """Hz, one of LOW_HZ."""
    high: int
    low_level: float
    """Peak, 0 to 32767."""
    high_level: float
    low_phase: float
    """Radians at the beginning of the stretch."""
    high_phase: float
    level: float
    """Of all that is heard, root mean square."""


@dataclass(slots=True, kw_only=True)
class _Key:
    key: str
    since: int
    """Number of its first stretch."""
    last: int
    level: float
    misses: int = 0
    quiet: bool = False


class ToneDetector:
    """Finds the keys in the audio of one stream.

    Args:
        rate: sample rate, Hz; at least 8000.
    """

    def __init__(self, rate: int) -> None:
        self._size = BYTES_PER_SAMPLE * int(rate * STRETCH_S)
        self._step = BYTES_PER_SAMPLE * int(rate * STEP_S)
        self._low = tuple((hz, *_waves(hz, rate)) for hz in LOW_HZ)
        self._high = tuple((hz, *_waves(hz, rate)) for hz in HIGH_HZ)
        self._gate = 32767 * amplitude(LEAST_DBM0)
        self._pcm = b""
        self._count = 0
        self._before: _Tones | None = None
        self._candidate = ""
        self._hits = 0
        self._clean = False
        self._key: _Key | None = None

    @property
    def sounding(self) -> str | None:
        """The key that is down, None where none is."""
        return None if self._key is None else self._key.key

    def hear(self, pcm: bytes) -> tuple[HeardKey, ...]:
        """Take the next audio; gives the keys that are up by that."""
        self._pcm += pcm
        heard: list[HeardKey] = []
        start = 0
        while len(self._pcm) - start >= self._size:
            heard += self._stretch(self._pcm[start : start + self._size])
            start += self._step
        self._pcm = self._pcm[start:]
        return tuple(heard)

    def finish(self) -> tuple[HeardKey, ...]:
        """Nothing more is heard: a key that is down is up."""
        self._before, self._pcm = None, b""
        return tuple(self._up())

    # --- inside -------------------------------------------------------------------------------------------

    def _stretch(self, pcm: bytes) -> Iterator[HeardKey]:
        self._count += 1
        level = float(audioop.rms(pcm, 2))
        tones = None if level < self._gate else self._tones(pcm, level)
        before, self._before = self._before, tones
        both = None if before is None or tones is None else _both(before, tones)
        key = None if both is None else both.key
        if key != self._candidate:
            self._candidate, self._hits, self._clean = key or "", 0, False
        if both is None:
            yield from self._miss(level)
            return
        key = both.key
        self._hits += 1
        self._clean = self._clean or both.clean
        now = self._key
        if now is not None and now.key == key:
            now.last, now.misses, now.quiet = self._count, 0, False
        elif self._hits >= HITS and self._clean:
            yield from self._up()
            self._key = _Key(key=key, since=self._count - self._hits, last=self._count, level=level)
        else:
            yield from self._miss(level)

    def _miss(self, level: float) -> Iterator[HeardKey]:
        key = self._key
        if key is None:
            return
        key.misses += 1
        key.quiet = key.quiet or level < key.level * _QUIET
        if key.misses >= (PAUSE_MISSES if key.quiet else END_MISSES):
            yield from self._up()

    def _up(self) -> Iterator[HeardKey]:
        key, self._key = self._key, None
        if key is not None:
            steps = key.last - key.since
            yield HeardKey(key=key.key, duration_ms=round(1000 * (steps * STEP_S + STRETCH_S)))

    def _tones(self, pcm: bytes, level: float) -> _Tones | None:
        low = _strongest(pcm, self._low)
        if low is None or low[1] < self._gate * _QUIET:
            return None
        high = _strongest(pcm, self._high)
        if high is None or high[1] < self._gate * _QUIET:
            return None
        return _Tones(low[0], high[0], low[1], high[1], low[2], high[2], level)


_Waves = tuple[int, bytes, bytes]
"""Frequency in Hz, cosine and sine."""


@lru_cache(maxsize=32)
def _waves(hz: int, rate: int) -> tuple[bytes, bytes]:
    step = 2 * math.pi * hz / rate
    samples = range(int(rate * STRETCH_S))
    return (
        array("h", (round(32767 * math.cos(step * i)) for i in samples)).tobytes(),
        array("h", (round(32767 * math.sin(step * i)) for i in samples)).tobytes(),
    )


def _strongest(pcm: bytes, group: tuple[_Waves, ...]) -> tuple[int, float, float] | None:
    """Frequency, peak and phase of the tone of `group` that dominates it; None where none does."""
    best, second = (0, 0.0, 0.0), 0.0
    for hz, cosine, sine in group:
        real, imaginary = audioop.findfactor(pcm, cosine), -audioop.findfactor(pcm, sine)
        level = 32767 * math.hypot(real, imaginary)
        if level > best[1]:
            best, second = (hz, level, math.atan2(imaginary, real)), best[1]
        else:
            second = max(second, level)
    return best if best[1] > DOMINANCE * second else None


class _Both(NamedTuple):
    """What two stretches have in common."""

    key: str
    clean: bool
    """Nothing else is heard, and nothing changes."""


def _both(before: _Tones, now: _Tones) -> _Both | None:
    """The key that sounds over both stretches."""
    if (before.low, before.high) != (now.low, now.high):
        return None
    low_off = _off(now.low, before.low_phase, now.low_phase)
    high_off = _off(now.high, before.high_phase, now.high_phase)
    if abs(low_off) > MOST_OFF * now.low or abs(high_off) > MOST_OFF * now.high:
        return None
    clean = all(
        abs(_decibel(one, other)) <= CLEAN_CHANGE_DB
        for one, other in ((before.low_level, now.low_level), (before.high_level, now.high_level))
    )
    floor = 32767 * amplitude(LEAST_DBM0)
    for tones in (before, now):
        # A tone beside the frequency that is looked for seems weaker than it is.
        low, high = tones.low_level / _seen(low_off), tones.high_level / _seen(high_off)
        share = (low * low + high * high) / 2 / (tones.level * tones.level)
        if low < floor or high < floor or share < LEAST_SHARE:
            return None
        if not -MOST_REVERSE_TWIST_DB <= _decibel(low, high) <= MOST_TWIST_DB:
            return None
        clean = clean and share >= CLEAN_SHARE
    return _Both(KEY_OF_TONES[now.low, now.high], clean)


def _decibel(one: float, other: float) -> float:
    return 20 * math.log10(one / other)


def _off(hz: int, before: float, now: float) -> float:
    """Hz that the tone is beside `hz`, by the phase that it gained in a step."""
    turn = now - before - 2 * math.pi * hz * STEP_S
    return math.remainder(turn, 2 * math.pi) / (2 * math.pi * STEP_S)


def _seen(off: float) -> float:
    """The part of a tone's level that is seen `off` Hz beside it."""
    turns = math.pi * off * STRETCH_S
    return math.sin(turns) / turns if turns else 1.0
