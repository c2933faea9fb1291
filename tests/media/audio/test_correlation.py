from __future__ import annotations

import audioop
import math
import random
import time
from array import array

import pytest

from media.audio.correlation import correlate
from media.audio.samples import melody
from media.codecs import PCMU

MUSIC = melody()


def noise(samples: int, seed: int = 1, peak: int = 8000) -> bytes:
    rng = random.Random(seed)
    return array("h", (rng.randint(-peak, peak) for _ in range(samples))).tobytes()


@pytest.mark.parametrize("offset", [0, 1, 160, 1234, 20_000])
def test_finds_the_offset(offset: int) -> None:
    it = correlate(MUSIC, bytes(2 * offset) + PCMU.decode(PCMU.encode(MUSIC)) + bytes(4000))
    assert it.value > 0.999
    assert it.offset == offset
    assert it.shifts == 0
    assert it.compared_ms == pytest.approx(len(MUSIC) / 16)


def test_finds_audio_whose_beginning_was_missed() -> None:
    it = correlate(MUSIC, MUSIC[4000:])
    assert it.value == pytest.approx(1)
    assert it.offset == -2000
    assert it.compared_ms == pytest.approx(len(MUSIC) / 16 - 250, abs=1)


def test_compares_what_both_hold_and_says_how_much() -> None:
    it = correlate(MUSIC, MUSIC[:32_000])
    assert it.value == pytest.approx(1)
    assert it.compared_ms == 2000


def test_volume_does_not_matter_but_sign_does() -> None:
    assert correlate(MUSIC, audioop.mul(MUSIC, 2, 0.2)).value > 0.999
    assert correlate(MUSIC, audioop.mul(MUSIC, 2, -1)).value < 0.6


def test_small_shifts_are_followed_and_told() -> None:
    received = MUSIC[:20_000] + MUSIC[20_160:40_000] + bytes(320) + MUSIC[40_000:]
    it = correlate(MUSIC, received)
    assert it.value > 0.95
    assert 2 <= it.shifts <= 4


def test_audio_is_found_again_behind_a_gap() -> None:
    """A process that stood still for two seconds: the rest comes later, and all of it came."""
    received = MUSIC[:20_000] + bytes(2 * 16_000) + MUSIC[20_000:]
    it = correlate(MUSIC, received)
    assert it.value > 0.95
    assert it.shifts >= 1
    assert it.compared_ms == pytest.approx(len(MUSIC) / 16)


def test_loss_is_not_hidden() -> None:
    """Half of the audio gone is a correlation of about the root of a half."""
    received = b"".join(
        MUSIC[at : at + 3200] if at // 3200 % 2 else bytes(3200) for at in range(0, len(MUSIC) - 3200, 3200)
    )
    assert correlate(MUSIC, received).value == pytest.approx(math.sqrt(0.5), abs=0.1)


def test_added_noise_lowers_it_as_it_should() -> None:
    rms = audioop.rms(MUSIC, 2)
    added = noise(len(MUSIC) // 2, peak=round(rms * math.sqrt(3)))  # as strong as the music
    it = correlate(MUSIC, audioop.add(MUSIC, added, 2))
    assert it.value == pytest.approx(math.sqrt(0.5), abs=0.03)


@pytest.mark.parametrize("received", [noise(32_000), bytes(64_000), b"", MUSIC[::-1][: len(MUSIC) & ~1]])
def test_other_audio_does_not_correlate(received: bytes) -> None:
    assert abs(correlate(MUSIC, received).value) < 0.35


def test_nothing_sent() -> None:
    assert correlate(b"", MUSIC).value == correlate(bytes(8000), MUSIC).value == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_tone_with_some_noise_correlates_with_itself_and_not_upside_down(seed: int) -> None:
    tone = array("h", (round(9000 * math.sin(i / 3)) for i in range(4000))).tobytes()
    received = bytes(2 * (350 + seed)) + audioop.add(tone, noise(4000, seed, peak=3000), 2)
    assert correlate(tone, received).value > 0.93


def test_five_seconds_take_no_time() -> None:
    sent = (MUSIC + MUSIC)[:80_000]
    start = time.process_time()
    correlate(sent, bytes(2000) + sent)
    assert time.process_time() - start < 3
