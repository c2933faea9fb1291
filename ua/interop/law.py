"""Whether G.711 was read by the wrong law: A-law for mu-law, or the other way round (core)."""

from __future__ import annotations

import audioop
from array import array
from itertools import pairwise
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.audio.tones import tone_share

RATE: Final = 8000

_TONE: Final = 0.95
_BETTER: Final = 0.05
_SMOOTHER: Final = 0.7
_VOICE: Final = 0.8
"""What people say changes less than this from sample to sample; noise by 1 (see `_roughness`)."""


def true_law(pcm: bytes, codec: str, tone: float | None = None) -> str:
    """The law that this audio makes sense by, "PCMA" or "PCMU"; empty where that is the one it was read by.

    What was decoded by the wrong law can be encoded again without loss and decoded by the right one. The
    wrong one keeps pitch and pauses: it sounds harsh, and a tone of 1000 Hz, whose samples are three values
    only, hardly changes at all; 1004 Hz, the test tone of telephony, does.

    Args:
        pcm: mono, 16 bit, 8000 Hz, as decoded.
        codec: what it was read by, "PCMU" or "PCMA"; of any other nothing is said.
        tone: what it is to be, Hz; None for voices.
    """
    match codec.upper():
        case "PCMU":
            other, law = audioop.alaw2lin(audioop.lin2ulaw(pcm, BYTES_PER_SAMPLE), BYTES_PER_SAMPLE), "PCMA"
        case "PCMA":
            other, law = audioop.ulaw2lin(audioop.lin2alaw(pcm, BYTES_PER_SAMPLE), BYTES_PER_SAMPLE), "PCMU"
        case _:
            return ""
    if tone is not None:
        share = tone_share(other, tone, RATE)
        better = share >= _TONE and share - tone_share(pcm, tone, RATE) >= _BETTER
    else:
        rough = _roughness(other)
        better = rough < _VOICE and rough < _SMOOTHER * _roughness(pcm)
    return law if better else ""


def _roughness(pcm: bytes) -> float:
    """How much it changes from sample to sample: little for a low tone, 1 for noise; 1 for a constant."""
    samples = array("h", pcm)
    power = sum(each * each for each in samples) - sum(samples) ** 2 / max(1, len(samples))
    if power <= len(samples):
        return 1.0
    return sum((one - other) ** 2 for one, other in pairwise(samples)) / (2 * power)
