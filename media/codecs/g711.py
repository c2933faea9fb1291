"""PCMU and PCMA: G.711 with mu-law and A-law (RFC 3551 §4.5.14), one byte a sample at 8000 Hz.

The tables are those of `audioop` (standard library, `audioop-lts` from Python 3.13): 0.5 µs a frame.
"""

from __future__ import annotations

import audioop
from collections.abc import Callable
from dataclasses import dataclass

from media.quality import G711_WITH_CONCEALMENT, Impairment

_RATE = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class G711:
    """One of the two laws; satisfies `media.codecs.Codec` and keeps no state."""

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    sample_rate: int = _RATE
    clock_rate: int = _RATE
    maximum_payload: int = _RATE // 5
    impairment: Impairment = G711_WITH_CONCEALMENT

    def duration(self, payload: bytes, /) -> int:
        """One timestamp unit a byte."""
        return len(payload)


PCMU = G711(
    name="PCMU",
    encode=lambda pcm: audioop.lin2ulaw(pcm, 2),
    decode=lambda payload: audioop.ulaw2lin(payload, 2),
)
PCMA = G711(
    name="PCMA",
    encode=lambda pcm: audioop.lin2alaw(pcm, 2),
    decode=lambda payload: audioop.alaw2lin(payload, 2),
)
