"""Something like speech, made by arithmetic: pulses and noise through three moving resonances."""

from __future__ import annotations

import math
import random
from array import array
from functools import lru_cache

RATE = 8000


@lru_cache(maxsize=2)
def voice(seed: int, seconds: float) -> bytes:
    """Syllables of 60 to 350 ms with silence between some of them; the same for a seed."""
    draw = random.Random(seed)
    samples = array("h")
    while len(samples) < seconds * RATE:
        if draw.random() < 0.15:
            samples.extend([0] * int(RATE * draw.uniform(0.05, 0.3)))
        else:
            samples.extend(_syllable(draw))
    return samples.tobytes()


def _syllable(draw: random.Random) -> list[int]:
    length = int(RATE * draw.uniform(0.06, 0.35))
    pitch, slope = draw.uniform(80, 320), draw.uniform(-0.25, 0.25)
    resonances = [
        (draw.uniform(low, high), draw.uniform(-120, 120), draw.uniform(*width))
        for low, high, width in ((250, 950, (50, 120)), (800, 2300, (60, 150)), (2200, 3300, (100, 250)))
    ]
    past = [[0.0, 0.0] for _ in resonances]
    phase, wave = 0.0, []
    for i in range(length):
        phase += pitch * (1 + slope * i / length) / RATE
        value = draw.gauss(0, 0.01)
        if phase >= 1:
            phase -= 1
            value += 1
        for (hz, glide, width), memory in zip(resonances, past, strict=True):
            radius = math.exp(-math.pi * width / RATE)
            turn = math.cos(2 * math.pi * (hz + glide * i / length) / RATE)
            value = value * (1 - radius) + 2 * radius * turn * memory[0] - radius * radius * memory[1]
            memory[1], memory[0] = memory[0], value
        wave.append(value)
    loudest = max(map(abs, wave)) or 1.0
    level = draw.uniform(4000, 18000)
    return [round(level * value / loudest) for value in wave]
