from __future__ import annotations

import math
from array import array

import pytest

from ua.interop.recordings import Heard


def tone(seconds: float) -> bytes:
    """1004 Hz at 8000 Hz."""
    return array(
        "h", (round(12_000 * math.sin(2 * math.pi * 1004 * n / 8000)) for n in range(int(8000 * seconds)))
    ).tobytes()


@pytest.mark.parametrize(
    ("pcm", "part"),
    [
        (tone(2), 1.0),
        (tone(0.3) + bytes(2 * 8000 * 17 // 10), 0.15),
        (bytes(16_000), 0.0),
        (b"", 0.0),
    ],
)
def test_how_much_of_the_time_something_is_heard(pcm: bytes, part: float) -> None:
    heard = Heard(pcm=pcm, rate=8000)
    assert heard.sounding == pytest.approx(part)
    assert (heard.share_of(1004) > 0.9) is (part > 0), "of what there is, the tone is all"
