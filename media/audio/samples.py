"""A short piece of music made by arithmetic, for when nobody brings audio of their own."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Final

_MELODY: Final = (
    (7, 1), (4, 1), (0, 2), (2, 1), (5, 1), (9, 2), (11, 1), (7, 0.5), (9, 0.5), (12, 1.5), (11, 0.5), (4, 1),
    (2, 1), (7, 1), (5, 0.5), (4, 0.5), (2, 0.5), (-1, 0.5), (0, 3),
)  # fmt: skip
"""Half tones above the key note, and beats."""

_KEY_HZ: Final = 261.63
_BEAT_S: Final = 0.2
_PARTIALS: Final = (1.0, 0.5, 0.28, 0.12)
_VIBRATO_HZ: Final = 5.3
_VIBRATO_DEPTH: Final = 0.006
_PEAK: Final = 14_000


@lru_cache(maxsize=2)
def melody(rate: int = 8000) -> bytes:
    """About four seconds of a plucked melody as mono 16-bit audio, the same each time.

    No two stretches of it are alike (the notes decay, and a vibrato runs through them), so an alignment
    with what arrives has one answer.

    Args:
        rate: sample rate, Hz.
    """
    samples = array("h")
    phase = 0.0
    for half_tones, beats in _MELODY:
        frequency = _KEY_HZ * 2 ** (half_tones / 12)
        count = int(beats * _BEAT_S * rate)
        for i in range(count):
            seconds = (len(samples)) / rate
            phase += frequency * (1 + _VIBRATO_DEPTH * math.sin(2 * math.pi * _VIBRATO_HZ * seconds)) / rate
            attack = min(1.0, i / (0.008 * rate), (count - i) / (0.02 * rate))
            envelope = attack * math.exp(-2.2 * i / rate)
            wave = sum(
                part * math.sin(2 * math.pi * number * phase)
                for number, part in enumerate(_PARTIALS, start=1)
            )
            samples.append(round(_PEAK * envelope * wave / sum(_PARTIALS)))
    return samples.tobytes()
