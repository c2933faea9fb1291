"""Opus (RFC 6716, RFC 7587): what a peer asks for, an encoder that keeps to it, a decoder that bears loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.codecs import libopus, opus_packet
from media.quality import OPUS, Impairment

CLOCK_RATE: Final = 48000
_RATES: Final = (8000, 12000, 16000, 24000, 48000)

_LOWEST_BIT_RATE, _HIGHEST_BIT_RATE = 6000, 510000
_LOWEST_PLAYBACK_RATE: Final = 8000

_BANDS: Final = ((8000, 1101, 16000), (12000, 1102, 20000), (16000, 1103, 24000), (24000, 1104, 32000))
"""Sample rate, libopus's name of the band that it holds, bit/s that speech needs in it (RFC 7587 §3.1.1)."""

_FULL_BAND: Final = (1105, 40000)

_COMPLEXITY: Final = 5
"""Of 0 to 10; docs/decisions/0026-codecs.md has what each costs."""

_EXPECTED_LOSS: Final = 10
"""Percent for which FEC is laid out."""

_DTX_LENGTH: Final = 2
"""A packet of at most so many bytes need not be sent."""

_LONGEST_PAYLOAD: Final = 7680


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusParameters:
    """How one side wants to receive: format parameters of RFC 7587 §6.1, and their defaults.

    Attributes:
        maxplaybackrate: Hz above which it can play nothing.
        maxaveragebitrate: bit/s that it takes, None for no limit of its own.
        stereo: it prefers two channels.
        cbr: it prefers a constant bit rate.
        useinbandfec: it can use in-band FEC.
        usedtx: it prefers that silence is not sent.
    """

    maxplaybackrate: int = CLOCK_RATE
    maxaveragebitrate: int | None = None
    stereo: bool = False
    cbr: bool = False
    useinbandfec: bool = False
    usedtx: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> OpusParameters:
        """From a=fmtp, names in lower case; what is unknown or cannot be is ignored."""
        rate = _number(parameters.get("maxplaybackrate"))
        limit = _number(parameters.get("maxaveragebitrate"))
        return cls(
            maxplaybackrate=rate if _LOWEST_PLAYBACK_RATE <= rate <= CLOCK_RATE else CLOCK_RATE,
            maxaveragebitrate=limit if _LOWEST_BIT_RATE <= limit <= _HIGHEST_BIT_RATE else None,
            stereo=parameters.get("stereo") == "1",
            cbr=parameters.get("cbr") == "1",
            useinbandfec=parameters.get("useinbandfec") == "1",
            usedtx=parameters.get("usedtx") == "1",
        )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else -1


class OpusEncoder:
    """One direction's encoder; satisfies `media.codecs.Encoder`.

    Args:
        asked: what the peer asks for.
        rate: sample rate of the audio, Hz.
    """

    def __init__(self, asked: OpusParameters, rate: int) -> None:
        self.sample_rate = rate
        encoder = self._encoder = libopus.Encoder(rate)
        band, bit_rate = next(
            (
                (band, bit_rate)
                for limit, band, bit_rate in _BANDS
                if min(asked.maxplaybackrate, rate) <= limit
            ),
            _FULL_BAND,
        )
        encoder.set(libopus.SET_MAX_BANDWIDTH, band)
        limit = asked.maxaveragebitrate
        encoder.set(libopus.SET_BITRATE, bit_rate if limit is None else min(bit_rate, limit))
        encoder.set(libopus.SET_COMPLEXITY, _COMPLEXITY)
        # a variable rate keeps its average only roughly, and this limit must be kept
        encoder.set(libopus.SET_VBR, not asked.cbr and (limit is None or limit > bit_rate))
        encoder.set(libopus.SET_DTX, asked.usedtx)
        if asked.useinbandfec:
            encoder.set(libopus.SET_INBAND_FEC, 1)
            encoder.set(libopus.SET_PACKET_LOSS, _EXPECTED_LOSS)

    def encode(self, pcm: bytes, /) -> bytes | None:
        """One packet; None where it is silence that need not be sent."""
        packet = self._encoder.encode(pcm, len(pcm) // BYTES_PER_SAMPLE)
        return packet if len(packet) > _DTX_LENGTH else None


class OpusDecoder:
    """The decoder of one stream; satisfies `media.codecs.Decoder`. Stereo is mixed down.

    Args:
        rate: sample rate of the audio that comes out, Hz.
    """

    def __init__(self, rate: int) -> None:
        self.sample_rate = rate
        self._decoder = libopus.Decoder(rate)
        self._step = rate // 400

    def decode(self, payload: bytes, /) -> bytes:
        """The audio; where the packet is broken inside, concealment of its length."""
        pcm = self._decoder.decode(payload)
        if pcm is not None:
            return pcm
        samples = opus_packet.duration(payload) or 0
        return self.conceal(samples * self.sample_rate // CLOCK_RATE)

    def conceal(self, samples: int, /) -> bytes:
        """What libopus makes of the past: speech that fades, or the noise of its DTX."""
        pcm = bytearray()
        left = -(-samples // self._step) * self._step
        while left > 0:
            part = min(left, self.sample_rate * 12 // 100)
            pcm += self._decoder.conceal(part) or bytes(BYTES_PER_SAMPLE * part)
            left -= part
        return bytes(pcm[: BYTES_PER_SAMPLE * samples])

    def recover(self, payload: bytes, samples: int, /) -> bytes | None:
        """From the copy of the last frame in `payload`, concealment before it; None where it has none."""
        read = opus_packet.parse(payload)
        if read is None or not read.fec or samples % self._step:
            return None
        if samples * CLOCK_RATE < read.frame_samples * self.sample_rate:
            return None  # libopus gives the copy as a whole or not at all
        return self._decoder.recover(payload, samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opus:
    """Opus; satisfies `media.codecs.Codec`.

    Attributes:
        asked: what the peer asks of our encoder.
    """

    asked: OpusParameters = OpusParameters()
    name: str = "opus"
    sample_rate: int = CLOCK_RATE
    clock_rate: int = CLOCK_RATE
    packet_ms: Sequence[int] = (10, 20, 40, 60, 80, 100, 120)
    maximum_payload: int = _LONGEST_PAYLOAD
    impairment: Impairment = OPUS

    def encoder(self, rate: int | None = None, /) -> OpusEncoder:
        """A fresh encoder; raises CodecError where there is no libopus."""
        return OpusEncoder(self.asked, rate if rate in _RATES else CLOCK_RATE)

    def decoder(self, rate: int | None = None, /) -> OpusDecoder:
        """A fresh decoder; raises CodecError where there is no libopus."""
        return OpusDecoder(rate if rate in _RATES else CLOCK_RATE)

    def duration(self, payload: bytes, /) -> int | None:
        """Samples at 48000 Hz, whatever rate and channels it was made of."""
        return opus_packet.duration(payload)
