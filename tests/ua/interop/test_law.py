from __future__ import annotations

import audioop
import math
import random
from array import array

import pytest

from ua.interop.law import true_law


def tone(*hz: float, peak: float = 12_000) -> bytes:
    """Half a second."""
    return array(
        "h",
        (
            round(peak * sum(math.sin(2 * math.pi * each * n / 8000) for each in hz) / len(hz))
            for n in range(4000)
        ),
    ).tobytes()


def wrong(pcm: bytes, codec: str) -> bytes:
    """What is heard where the payload is of the other law than `codec`."""
    if codec == "PCMU":
        return audioop.ulaw2lin(audioop.lin2alaw(pcm, 2), 2)
    return audioop.alaw2lin(audioop.lin2ulaw(pcm, 2), 2)


def right(pcm: bytes, codec: str) -> bytes:
    if codec == "PCMU":
        return audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)
    return audioop.alaw2lin(audioop.lin2alaw(pcm, 2), 2)


@pytest.mark.parametrize(("codec", "other"), [("PCMU", "PCMA"), ("PCMA", "PCMU")])
@pytest.mark.parametrize("peak", [16_384, 12_000, 4000])
@pytest.mark.parametrize("hz", [440, 1004])
def test_a_tone_of_the_other_law(codec: str, other: str, hz: float, peak: float) -> None:
    pcm = tone(hz, peak=peak)
    assert true_law(wrong(pcm, codec), codec, hz) == other
    assert true_law(right(pcm, codec), codec, hz) == ""


@pytest.mark.parametrize(("codec", "other"), [("PCMU", "PCMA"), ("PCMA", "PCMU")])
def test_something_like_a_voice_of_the_other_law(codec: str, other: str) -> None:
    pcm = tone(180, 360, 540, 900, 1300)
    assert true_law(wrong(pcm, codec), codec) == other
    assert true_law(right(pcm, codec), codec) == ""


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "opus", ""])
def test_of_noise_and_silence_nothing_is_said(codec: str) -> None:
    draw = random.Random(1)
    noise = array("h", (round(draw.gauss(0, 3000)) for _ in range(4000))).tobytes()
    for pcm in (noise, bytes(8000), b""):
        assert true_law(pcm, codec) == ""
        assert true_law(pcm, codec, 1004) == ""
