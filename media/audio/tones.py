"""How much of a piece of audio is a tone of one frequency. All audio is mono, 16 bit."""

from __future__ import annotations

import audioop
import math
from array import array
from functools import lru_cache
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE

_BLOCK_MS: Final = 50
"""From block to block the phase may jump: a jitter buffer leaves out or repeats some milliseconds."""

_FULL: Final = 32767


def tone_share(pcm: bytes, hz: float, rate: int) -> float:
    """Share (0 to 1) of the power of `pcm` that is a tone of `hz`, summed over blocks; 0 of silence.

    Args:
        pcm: audio; what is left over of whole blocks of 50 ms is not looked at.
        hz: frequency of the tone.
        rate: sample rate, Hz.
    """
    size = rate * _BLOCK_MS // 1000
    cosine, sine = _waves(hz, rate, size)
    at_hz = total = 0.0
    for start in range(0, len(pcm) - BYTES_PER_SAMPLE * size + 1, BYTES_PER_SAMPLE * size):
        block = pcm[start : start + BYTES_PER_SAMPLE * size]
        real, imaginary = audioop.findfactor(block, cosine), audioop.findfactor(block, sine)
        at_hz += (real * real + imaginary * imaginary) * _FULL * _FULL / 2
        total += audioop.rms(block, BYTES_PER_SAMPLE) ** 2
    return min(1.0, at_hz / total) if total else 0.0


@lru_cache(maxsize=32)
def _waves(hz: float, rate: int, size: int) -> tuple[bytes, bytes]:
    """Cosine and sine of full amplitude."""
    step = 2 * math.pi * hz / rate
    return (
        array("h", (round(_FULL * math.cos(step * i)) for i in range(size))).tobytes(),
        array("h", (round(_FULL * math.sin(step * i)) for i in range(size))).tobytes(),
    )
