"""One codec of one received stream: its decoder, its concealment, and the way to the rate of the session."""

from __future__ import annotations

from collections.abc import Callable

from media.audio.pcm import BYTES_PER_SAMPLE
from media.audio.rate import RateConverter
from media.codecs.codec import Codec
from media.playout.concealment import Concealment


class Voice:
    """Turns payloads into audio of the session, and makes up what is missing.

    The jitter buffer plays through the attributes, for a packet must not cost a call more than it has to:
    `decode`, then `concealment` at the rate of the decoder, then `convert` where there is one.

    Args:
        codec: as negotiated.
        rate: samples per second of the session, Hz.
    """

    __slots__ = ("_decoder", "_native", "_rate", "concealment", "convert", "decode")

    def __init__(self, codec: Codec, rate: int) -> None:
        self._decoder = codec.decoder(rate)
        self._rate = rate
        self._native = self._decoder.sample_rate
        self.decode: Callable[[bytes], bytes] = self._decoder.decode
        """Payload to audio at the rate of the decoder."""
        self.concealment = Concealment(self._native)
        """Fills gaps where the codec has no means of its own."""
        self.convert: Callable[[bytes], bytes] | None = None
        """From the rate of the decoder to that of the session; None where they are the same."""
        if self._native != rate:
            self.convert = RateConverter(self._native, rate).convert

    def fill(self, samples: int) -> bytes:
        """About `samples` samples, at the rate of the session, in place of what did not come."""
        native = samples * self._native // self._rate
        if not native:
            return bytes(BYTES_PER_SAMPLE * samples)
        pcm = self._decoder.conceal(native)
        if pcm is None:
            pcm = self.concealment.fill(native)
        return pcm if self.convert is None else self.convert(pcm)

    def recover(self, payload: bytes, samples: int) -> bytes | None:
        """The `samples` samples before `payload` from the copy in it; None where it has none."""
        pcm = self._decoder.recover(payload, samples * self._native // self._rate)
        return pcm if pcm is None or self.convert is None else self.convert(pcm)
