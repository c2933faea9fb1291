"""Every codec, as tests want to go through them."""

from __future__ import annotations

from media.codecs import PCMA, PCMU, Codec
from media.codecs.comfort_noise import ComfortNoise
from media.codecs.g722 import G722
from media.codecs.l16 import L16
from media.codecs.opus import Opus, OpusParameters

SPEAKING: dict[str, Codec] = {
    "PCMU": PCMU,
    "PCMA": PCMA,
    "G722": G722(),
    "opus": Opus(asked=OpusParameters(useinbandfec=True)),
    "L16-8000": L16(sample_rate=8000),
    "L16-44100": L16(sample_rate=44100),
    "L16-48000": L16(sample_rate=48000),
}
"""Codecs that carry audio."""

ALL: dict[str, Codec] = {**SPEAKING, "L16-stereo": L16(sample_rate=44100, channels=2), "CN": ComfortNoise()}
