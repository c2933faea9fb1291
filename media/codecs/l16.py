"""L16: samples as they are, 16 bit, most significant byte first (RFC 3551 §4.5.11)."""

from __future__ import annotations

import audioop
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.quality import WIDEBAND_UNCOMPRESSED, Impairment

RATES: Final = (8000, 16000, 24000, 32000, 44100, 48000)
"""Rates of which 10 ms are whole samples, Hz."""

_LONGEST_PAYLOAD_MS: Final = 200
_MTU: Final = 1200
"""Payload bytes that pass every path with all headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L16:
    """L16 at one rate; satisfies `media.codecs.Codec`.

    It keeps no state, so that it is its own encoder and decoder.

    Attributes:
        sample_rate: Hz, also the clock of its timestamps.
        channels: in a payload, left first; we send the same in all and hear their mean.
    """

    sample_rate: int
    channels: int = 1
    impairment: Impairment = WIDEBAND_UNCOMPRESSED

    @property
    def name(self) -> str:
        """L16."""
        return "L16"

    @property
    def clock_rate(self) -> int:
        """Timestamps count samples."""
        return self.sample_rate

    @property
    def packet_ms(self) -> Sequence[int]:
        """Tens of ms, as many as an MTU holds; one where that is more than it holds."""
        return range(10, max(10, _MTU * 1000 // (self._unit * self.sample_rate)) + 1, 10)

    @property
    def maximum_payload(self) -> int:
        """200 ms."""
        return self._unit * self.sample_rate * _LONGEST_PAYLOAD_MS // 1000

    @property
    def _unit(self) -> int:
        return BYTES_PER_SAMPLE * self.channels

    def encoder(self, _rate: int | None = None, /) -> L16:
        """Itself."""
        return self

    def decoder(self, _rate: int | None = None, /) -> L16:
        """Itself."""
        return self

    def encode(self, pcm: bytes, /) -> bytes:
        """Samples in network byte order, once for each channel."""
        if sys.byteorder == "little":
            pcm = audioop.byteswap(pcm, BYTES_PER_SAMPLE)
        return pcm if self.channels == 1 else audioop.tostereo(pcm, BYTES_PER_SAMPLE, 1, 1)

    def decode(self, payload: bytes, /) -> bytes:
        """Whole samples of all channels; a rest is dropped."""
        pcm = payload[: len(payload) // self._unit * self._unit]
        if sys.byteorder == "little":
            pcm = audioop.byteswap(pcm, BYTES_PER_SAMPLE)
        return pcm if self.channels == 1 else audioop.tomono(pcm, BYTES_PER_SAMPLE, 0.5, 0.5)

    def conceal(self, samples: int, /) -> None:
        """L16 has no means of its own."""

    def recover(self, payload: bytes, samples: int, /) -> None:
        """No payload holds a copy of another."""

    def duration(self, payload: bytes, /) -> int:
        """One timestamp unit for a sample of all channels."""
        return len(payload) // self._unit
