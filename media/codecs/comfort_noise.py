"""Comfort noise (RFC 3389): what a peer says of its background while it is silent, and such noise."""

from __future__ import annotations

import audioop
import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn

from media.audio.pcm import BYTES_PER_SAMPLE
from media.errors import CodecError
from media.quality import G711_WITH_CONCEALMENT, Impairment

QUIETEST: Final = 127
"""-dBov of the lowest level there is."""

_UNIFORM_DBOV: Final = -4.77
"""Level of samples that are evenly spread over the whole range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The content of a comfort noise payload (RFC 3389 §3).

    Attributes:
        level: -dBov, 0 to 127; 0 is the loudest square wave that fits.
        coefficients: reflection coefficients of an all-pole model of its spectrum, -1 to 1; none is white.
    """

    level: int
    coefficients: tuple[float, ...] = ()

    @classmethod
    def of(cls, payload: bytes) -> Background:
        """Read a payload of at least a byte; the highest bit of the level is ignored.

        Coefficient 255 is reserved and ends what is read, for nothing says what comes after it.
        """
        bits = payload[1:].split(b"\xff", 1)[0]
        return cls(level=payload[0] & 0x7F, coefficients=tuple(258 * (n - 127) / 32768 for n in bits))

    @property
    def payload(self) -> bytes:
        """As it is sent."""
        coded = (round(k * 32768 / 258) + 127 for k in self.coefficients)
        return bytes((min(self.level, QUIETEST), *(min(max(n, 0), 254) for n in coded)))


@lru_cache(maxsize=4)
def _noise(samples: int) -> bytes:
    """White noise at full scale, the same every time: nobody hears that it comes again after seconds."""
    return array("h", hashlib.shake_128(b"comfort noise").digest(BYTES_PER_SAMPLE * samples)).tobytes()


class ComfortNoiseDecoder:
    """Makes noise of the level last heard of; satisfies `media.codecs.Decoder`.

    A payload has no length: it speaks for the time until the next packet, which is a gap that `conceal`
    fills. The spectrum is left white, which RFC 3389 §4 allows.

    Args:
        rate: sample rate, Hz.
    """

    def __init__(self, rate: int) -> None:
        self.sample_rate = rate
        self._noise = _noise(2 * rate)
        self._at = 0
        self._factor = 0.0

    def decode(self, payload: bytes, /) -> bytes:
        """Takes the level; gives no audio."""
        if payload:
            level = Background.of(payload).level
            self._factor = 0.0 if level == QUIETEST else 10 ** ((-level - _UNIFORM_DBOV) / 20)
        return b""

    def conceal(self, samples: int, /) -> bytes:
        """Noise."""
        size = BYTES_PER_SAMPLE * samples
        if self._at + size > len(self._noise):
            self._at = 0
        pcm = self._noise[self._at : self._at + size].ljust(size, b"\0")
        self._at += size
        return audioop.mul(pcm, BYTES_PER_SAMPLE, self._factor)

    def recover(self, payload: bytes, samples: int, /) -> None:
        """No payload holds a copy of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfortNoise:
    """Comfort noise beside a codec with this clock; satisfies `media.codecs.Codec`, to be received only."""

    clock_rate: int = 8000
    name: str = "CN"
    packet_ms: Sequence[int] = range(1, 201)
    maximum_payload: int = 256
    impairment: Impairment = G711_WITH_CONCEALMENT

    @property
    def sample_rate(self) -> int:
        """That of its clock."""
        return self.clock_rate

    def encoder(self, _rate: int | None = None, /) -> NoReturn:
        """There is none: `media.codecs.silence` sends noise beside a codec. Raises CodecError."""
        raise CodecError("comfort noise goes beside a codec and is none itself")

    def decoder(self, _rate: int | None = None, /) -> ComfortNoiseDecoder:
        """A fresh one, at the rate of the clock."""
        return ComfortNoiseDecoder(self.clock_rate)

    def duration(self, payload: bytes, /) -> int:
        """None that could be told from the payload."""
        return 0 * len(payload)
