"""PCMU and PCMA: G.711 with mu-law and A-law (RFC 3551 §4.5.14), one byte a sample at 8000 Hz.

The tables are those of `audioop` (standard library, `audioop-lts` from Python 3.13): 0.5 µs a frame.
"""

from __future__ import annotations

import audioop
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.quality import G711_WITH_CONCEALMENT, Impairment

_RATE = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class G711:
    """One of the two laws; satisfies `media.codecs.Codec`.

    It keeps no state, so that it is its own encoder and decoder: a call of `encode` or `decode` goes
    straight to `audioop`.
    """

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    sample_rate: int = _RATE
    clock_rate: int = _RATE
    packet_ms: Sequence[int] = range(1, 201)
    maximum_payload: int = _RATE // 5
    impairment: Impairment = G711_WITH_CONCEALMENT

    def encoder(self, _rate: int | None = None, /) -> G711:
        """Itself, at 8000 Hz."""
        return self

    def decoder(self, _rate: int | None = None, /) -> G711:
        """Itself, at 8000 Hz."""
        return self

    def conceal(self, samples: int, /) -> None:
        """G.711 has no means of its own."""

    def recover(self, payload: bytes, samples: int, /) -> None:
        """No payload holds a copy of another."""

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
