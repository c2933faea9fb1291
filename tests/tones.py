"""Which tones are in a recording (Goertzel's algorithm)."""

from __future__ import annotations

import math
from array import array


def share_of_power(pcm: bytes, hz: float, rate: int = 8000, *, block_ms: int = 100) -> float:
    """Share (0 to 1) of the power of mono 16-bit audio that lies at `hz`, summed over blocks."""
    samples = array("h", pcm)
    total = sum(x * x for x in samples)
    size = rate * block_ms // 1000
    factor = 2 * math.cos(2 * math.pi * hz / rate)
    power = 0.0
    for start in range(0, len(samples) - size + 1, size):
        q1 = q2 = 0.0
        for x in samples[start : start + size]:
            q1, q2 = factor * q1 - q2 + x, q1
        power += (q1 * q1 + q2 * q2 - factor * q1 * q2) * 2 / size
    return power / total if total else 0.0
