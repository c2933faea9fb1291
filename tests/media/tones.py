"""How pure a tone has come through."""

from __future__ import annotations

import math
from array import array


def tone_ratio(pcm: bytes, hz: float, rate: int) -> float:
    """dB of the tone at `hz` above all else in mono 16-bit audio."""
    samples = array("h", pcm)
    sine = cosine = energy = 0.0
    step = 2 * math.pi * hz / rate
    for number, value in enumerate(samples):
        sine += value * math.sin(step * number)
        cosine += value * math.cos(step * number)
        energy += value * value
    tone = 2 * (sine * sine + cosine * cosine) / len(samples)
    if not tone:
        return float("-inf")
    return 10 * math.log10(tone / max(energy - tone, 1e-9 * tone))
