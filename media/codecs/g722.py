"""G.722 at 64 kbit/s (RFC 3551 §4.5.2): 16000 Hz audio, and timestamps that count 8000 Hz by an old mistake.

FFmpeg does the work, through PyAV, which aiortc brings along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from av import AudioFrame, CodecContext, FFmpegError
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet

from media.audio.pcm import BYTES_PER_SAMPLE
from media.quality import G722_WITH_CONCEALMENT, Impairment

_SAMPLE_RATE: Final = 16000
_CLOCK_RATE: Final = 8000
_SAMPLES_PER_BYTE: Final = 2


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = CodecContext.create("g722", mode)
    if not isinstance(context, AudioCodecContext):
        raise TypeError("G.722 is no audio codec of this FFmpeg")
    context.format = "s16"
    context.layout = "mono"
    context.sample_rate = _SAMPLE_RATE
    return context


class G722Encoder:
    """One direction's encoder; satisfies `media.codecs.Encoder`."""

    sample_rate = _SAMPLE_RATE

    def __init__(self) -> None:
        self._context: AudioCodecContext | None = None
        self._samples = 0
        self._at = 0

    def encode(self, pcm: bytes, /) -> bytes:
        """One byte for two samples, the high band in its upper bits."""
        samples = len(pcm) // BYTES_PER_SAMPLE
        context = self._context
        if context is None or samples != self._samples:
            # FFmpeg makes packets of one length, which is said before the first
            context = self._context = _context("w")
            context.options = {"frame_size": str(samples)}
            self._samples = samples
        frame = AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate = _SAMPLE_RATE
        frame.pts = self._at
        plane = frame.planes[0]
        plane.update(pcm.ljust(plane.buffer_size, b"\0"))
        self._at += samples
        return b"".join(bytes(packet) for packet in context.encode(frame))


class G722Decoder:
    """The decoder of one stream; satisfies `media.codecs.Decoder`."""

    sample_rate = _SAMPLE_RATE

    def __init__(self) -> None:
        self._context = _context("r")

    def decode(self, payload: bytes, /) -> bytes:
        """Two samples a byte; every payload means something."""
        if not payload:
            return b""
        try:
            frames = self._context.decode(Packet(payload))
        except FFmpegError:
            return bytes(_SAMPLES_PER_BYTE * BYTES_PER_SAMPLE * len(payload))
        return b"".join(bytes(frame.planes[0])[: BYTES_PER_SAMPLE * frame.samples] for frame in frames)

    def conceal(self, samples: int, /) -> None:
        """Left to `media.playout.concealment`."""

    def recover(self, payload: bytes, samples: int, /) -> None:
        """No payload holds a copy of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class G722:
    """G.722; satisfies `media.codecs.Codec`."""

    name: str = "G722"
    sample_rate: int = _SAMPLE_RATE
    clock_rate: int = _CLOCK_RATE
    packet_ms: Sequence[int] = range(1, 201)
    maximum_payload: int = _CLOCK_RATE // 5
    impairment: Impairment = G722_WITH_CONCEALMENT

    def encoder(self, _rate: int | None = None, /) -> G722Encoder:
        """A fresh encoder, at 16000 Hz."""
        return G722Encoder()

    def decoder(self, _rate: int | None = None, /) -> G722Decoder:
        """A fresh decoder, at 16000 Hz."""
        return G722Decoder()

    def duration(self, payload: bytes, /) -> int:
        """One timestamp unit a byte."""
        return len(payload)
