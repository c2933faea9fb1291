"""Levels as packets tell them (RFC 6464)."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.level import ToldLevel, level_byte
from media.audio.pcm import SILENCE_DBFS, dbfs, rms


@pytest.mark.parametrize(
    ("level", "told"), [(0.0, 0), (-0.4, 0), (-0.6, 1), (-30.0, 30), (-126.9, 127), (SILENCE_DBFS, 127)]
)
def test_a_level_is_told_without_its_sign(level: float, told: int) -> None:
    assert level_byte(level, voice=False) == told
    assert level_byte(level, voice=True) == told | 0x80


def test_the_scale_begins_at_a_square_wave_of_full_scale() -> None:
    """RFC 6464 §3: 0 is the overload point, which a sine of full scale is 3 dB below."""
    assert level_byte(dbfs(rms(struct.pack("<hh", 32767, -32768) * 80)), voice=False) == 0
    sine = struct.pack("<80h", *(round(32767 * math.sin(2 * math.pi * n / 8)) for n in range(80)))
    assert level_byte(dbfs(rms(sine)), voice=False) == 3


def test_a_period_has_the_mean_of_the_power() -> None:
    told = ToldLevel()
    assert told.measure() is None
    for each in (20, 20 | 0x80):
        told.add(each)
    assert told.measure() == pytest.approx(-20)
    told.add(127)
    told.add(10)
    assert told.measure() == pytest.approx(-13.01, abs=0.01)
    assert told.last == pytest.approx(-13.01, abs=0.01)
    told.add(127)
    assert told.measure() == SILENCE_DBFS
    assert told.measure() is None
    assert told.last is None


@given(st.lists(st.integers(0, 255), min_size=1, max_size=20))
def test_any_bytes_are_a_level_between_their_least_and_their_most(heard: list[int]) -> None:
    told = ToldLevel()
    for each in heard:
        told.add(each)
    levels = [-(each & 0x7F) for each in heard]
    level = told.measure()
    assert level is not None
    assert min(levels) - 1e-9 <= level <= max(levels) + 1e-9
