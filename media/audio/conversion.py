"""Changes the rate of a stream where it has to be changed."""

from __future__ import annotations

from collections.abc import Callable


def converter(from_rate: int, to_rate: int) -> Callable[[bytes], bytes]:
    """What takes pieces of a stream of `from_rate` and gives them at `to_rate`, both Hz.

    What has the right rate passes untouched.
    """
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"audio cannot be converted from {from_rate} to {to_rate} Hz")
    if from_rate == to_rate:
        return _untouched
    # brings FFmpeg along, which takes 0.1 s that only who converts should pay
    from media.audio.rate import RateConverter

    return RateConverter(from_rate, to_rate).convert


def _untouched(pcm: bytes, /) -> bytes:
    return pcm
