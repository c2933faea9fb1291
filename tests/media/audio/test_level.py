"""Levels as packets tell them (RFC 6464)."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.level import VOICE, ToldLevel, levels
from media.audio.pcm import SILENCE_DBFS, rms


def sine(amplitude: int) -> bytes:
    return struct.pack("<80h", *(round(amplitude * math.sin(2 * math.pi * n / 8)) for n in range(80)))


@pytest.mark.parametrize(
    ("pcm", "told"),
    [
        (struct.pack("<hh", 32767, -32768) * 80, 0),
        (sine(32767), 3),
        (sine(16384), 9),
        (sine(1036), 33),
        (struct.pack("<hh", 1, -1) * 80, 90),
        (bytes(160), 127),
    ],
)
def test_the_scale_begins_at_a_square_wave_of_full_scale(pcm: bytes, told: int) -> None:
    """RFC 6464 §3: 0 is the overload point, which a sine of full scale is 3 dB below; 127 is silence."""
    assert levels()[rms(pcm)] == told


def test_a_level_is_told_for_any_audio() -> None:
    assert len(levels()) == rms(struct.pack("<h", -32768)) + 1
    assert list(levels()) == sorted(levels(), reverse=True)
    assert max(levels()) < VOICE


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
