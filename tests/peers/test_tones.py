"""A tone is found where it is, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.tones import read_samples, seconds, tone_share, write_tone


@pytest.mark.parametrize("rate", [8000, 48000])
def test_a_tone_holds_all_the_power(tmp_path: Path, rate: int) -> None:
    path = write_tone(tmp_path / "a.wav", 440, seconds=1, rate=rate)
    assert seconds(path) == 1.0
    assert tone_share(path, 440) > 0.99
    assert tone_share(path, 1000) < 0.01


def test_silence_holds_no_tone(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.wav", 0, seconds=1)
    assert set(read_samples(path)[0]) == {0}
    assert tone_share(path, 440) == 0.0
