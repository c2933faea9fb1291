"""How tests find a tone in a recording."""

from __future__ import annotations

import math
from array import array

from tests.tones import best_share_of_power, share_of_power


def tone(hz: float, seconds: float, *, jump: int = 0) -> bytes:
    """A sine; with `jump` so many samples are left out every 20 ms."""
    phases = (n + n // 160 * jump for n in range(int(seconds * 8000)))
    return array("h", (round(8000 * math.sin(2 * math.pi * hz * n / 8000)) for n in phases)).tobytes()


def test_one_good_stretch_is_enough() -> None:
    spoilt = tone(440, 1.0, jump=9) + tone(440, 0.7) + tone(440, 1.0, jump=9)
    assert share_of_power(spoilt, 440) < 0.7
    assert best_share_of_power(spoilt, 440) > 0.95


def test_what_is_spoilt_throughout_has_none() -> None:
    assert best_share_of_power(tone(440, 3.0, jump=9), 440) < 0.5
    assert best_share_of_power(tone(1000, 3.0), 440) < 0.01


def test_silence_has_no_tone_and_a_whisper_does_not_count() -> None:
    assert best_share_of_power(bytes(16_000), 440) == best_share_of_power(b"", 440) == 0.0
    whisper = array("h", (sample // 100 for sample in array("h", tone(440, 1.0)))).tobytes()
    assert best_share_of_power(tone(1000, 2.0) + whisper, 440) < 0.05
