from __future__ import annotations

import itertools
import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import SILENCE_DBFS, crossfade, dbfs, lengthen, pitch_period, rms, shorten
from media.playout.concealment import Concealment
from tests.tones import share_of_power


def sine(hz: float, samples: int, peak: int = 10_000, start: int = 0) -> bytes:
    return array(
        "h", (round(peak * math.sin(2 * math.pi * hz * (start + i) / 8000)) for i in range(samples))
    ).tobytes()


def steepest(pcm: bytes) -> int:
    samples = array("h", pcm)
    return max(abs(b - a) for a, b in itertools.pairwise(samples))


def test_levels() -> None:
    assert dbfs(rms(sine(440, 8000, 32767))) == pytest.approx(-3.01, abs=0.01)
    assert dbfs(rms(array("h", [-32768] * 100).tobytes())) == 0
    assert dbfs(rms(bytes(100))) == SILENCE_DBFS


@pytest.mark.parametrize("hz", [70, 110, 200, 320])
def test_pitch_of_a_tone_is_a_multiple_of_its_period(hz: int) -> None:
    period = pitch_period(sine(hz, 320), 8000)
    turns = period * hz / 8000
    assert round(turns) >= 1
    assert turns == pytest.approx(round(turns), abs=0.06)


@given(st.binary(max_size=700).map(lambda pcm: pcm[: len(pcm) & ~1]))
def test_any_audio_has_a_period_that_fits(pcm: bytes) -> None:
    period = pitch_period(pcm, 8000)
    assert 0 <= period <= len(pcm) // 4
    assert len(shorten(pcm, 8000)) == len(pcm) - 2 * period
    assert len(lengthen(pcm, 8000)) == len(pcm) + 2 * period


@pytest.mark.parametrize("hz", [120, 250, 400])
def test_stretching_a_tone_makes_no_click(hz: int) -> None:
    tone = sine(hz, 160)
    limit = steepest(sine(hz, 800)) * 1.35
    for stretched in (shorten(tone, 8000), lengthen(tone, 8000)):
        assert len(stretched) != len(tone)
        assert steepest(stretched) <= limit
        assert steepest(sine(hz, 160, start=-160) + stretched) <= limit


def test_crossfade_goes_from_one_to_the_other() -> None:
    ones, twos = array("h", [1000] * 99).tobytes(), array("h", [2000] * 99).tobytes()
    blended = array("h", crossfade(ones, twos))
    assert list(blended) == sorted(blended)
    assert blended[0] == 1010
    assert blended[49] == 1500
    assert blended[-1] == 1990


def test_a_concealed_gap_goes_on_smoothly_fades_and_joins() -> None:
    hz, limit = 210, steepest(sine(210, 800)) * 1.35
    concealment = Concealment(8000)
    heard = [sine(hz, 160), sine(hz, 160, start=160)]
    for frame in heard:
        concealment.before, concealment.last = concealment.last, frame
    active = [concealment.filled > 0]
    gap = [concealment.fill(160), concealment.fill(160)]
    active.append(concealment.filled > 0)
    after = concealment.join(sine(hz, 160, start=640))
    assert [*active, concealment.filled > 0] == [False, True, False]
    assert steepest(b"".join([*heard, *gap, after])) <= limit
    assert share_of_power(b"".join([*heard, *gap]), hz, block_ms=80) > 0.85
    assert rms(gap[0]) > 0.8 * rms(heard[0])
    assert rms(gap[1]) < rms(gap[0])


def test_a_long_gap_becomes_silence() -> None:
    concealment = Concealment(8000)
    concealment.before = sine(210, 160)
    concealment.last = sine(210, 160, start=160)
    levels = [rms(concealment.fill(160)) for _ in range(5)]
    assert levels[0] > levels[1] > levels[2] > levels[3] == levels[4] == 0


def test_a_gap_before_anything_was_heard_is_silence() -> None:
    concealment = Concealment(8000)
    assert concealment.fill(160) == bytes(320)
    assert len(concealment.join(sine(210, 10))) == 20
