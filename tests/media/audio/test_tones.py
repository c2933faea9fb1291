"""How much of a piece of audio is a tone."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from media.audio.tones import tone_share


def sine(hz: float, rate: int, *, seconds: float = 0.5, level: float = 8000, phase: float = 0.0) -> bytes:
    count = int(seconds * rate)
    return array(
        "h", (round(level * math.sin(2 * math.pi * hz * i / rate + phase)) for i in range(count))
    ).tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("hz", [440, 1000, 3000])
def test_a_tone_is_all_of_itself_and_nothing_of_another(hz: float, rate: int) -> None:
    assert tone_share(sine(hz, rate), hz, rate) > 0.99
    assert tone_share(sine(hz, rate), hz + 200, rate) < 0.05


def test_a_jump_of_the_phase_costs_little() -> None:
    jumps = sine(1000, 8000, seconds=0.23) + sine(1000, 8000, seconds=0.27, phase=2.0)
    assert tone_share(jumps, 1000, 8000) > 0.9


def test_two_tones_share_the_power() -> None:
    one, two = (array("h", sine(hz, 8000)) for hz in (440, 1000))
    both = array("h", map(sum, zip(one, two, strict=True))).tobytes()
    assert tone_share(both, 1000, 8000) == pytest.approx(0.5, abs=0.02)


def test_noise_and_silence_are_no_tone() -> None:
    chance = random.Random(1)
    noise = array("h", (chance.randrange(-8000, 8000) for _ in range(8000))).tobytes()
    assert tone_share(noise, 1000, 8000) < 0.05
    assert tone_share(bytes(8000), 1000, 8000) == 0.0
    assert tone_share(b"", 1000, 8000) == 0.0
    assert tone_share(sine(1000, 8000, seconds=0.01), 1000, 8000) == 0.0, "too short to tell"
