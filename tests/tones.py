"""Which tones are in a recording (Goertzel's algorithm)."""

from __future__ import annotations

import math
from array import array


def share_of_power(pcm: bytes, hz: float, rate: int = 8000, *, block_ms: int = 100) -> float:
    """Share (0 to 1) of the power of mono 16-bit audio that lies at `hz`, summed over blocks."""
    total = sum(x * x for x in array("h", pcm))
    power = sum(at_hz for at_hz, _ in _blocks(pcm, hz, rate, block_ms))
    return power / total if total else 0.0


def best_share_of_power(pcm: bytes, hz: float, rate: int = 8000, *, window_ms: int = 500) -> float:
    """Share (0 to 1) of `hz` in the stretch of this length in which it is highest.

    A machine that stood still leaves gaps and jumps; audio that is spoilt throughout has no good stretch. One
    that is far below the loudest does not count: what it holds is not what was played.
    """
    blocks = _blocks(pcm, hz, rate, 100)
    width = min(len(blocks), window_ms // 100)
    stretches = [blocks[start : start + width] for start in range(len(blocks) - width + 1) if width]
    powers = [(sum(at_hz for at_hz, _ in each), sum(total for _, total in each)) for each in stretches]
    loudest = max((total for _, total in powers), default=0)
    return max((at_hz / total for at_hz, total in powers if total and total >= loudest / 4), default=0.0)


def _blocks(pcm: bytes, hz: float, rate: int, block_ms: int) -> list[tuple[float, int]]:
    """Power at `hz` and in all, of each block (Goertzel's algorithm)."""
    samples = array("h", pcm)
    size = rate * block_ms // 1000
    factor = 2 * math.cos(2 * math.pi * hz / rate)
    found: list[tuple[float, int]] = []
    for start in range(0, len(samples) - size + 1, size):
        block = samples[start : start + size]
        q1 = q2 = 0.0
        for x in block:
            q1, q2 = factor * q1 - q2 + x, q1
        found.append(((q1 * q1 + q2 * q2 - factor * q1 * q2) * 2 / size, sum(x * x for x in block)))
    return found
