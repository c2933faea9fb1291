"""What a session asks of a codec: a description, and state for each direction made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from media.quality import Impairment


class Encoder(Protocol):
    """State of what we send in one codec.

    Audio is always mono, signed 16-bit in the byte order of the machine.
    """

    @property
    def sample_rate(self) -> int:
        """Samples per second of the audio that `encode` takes, Hz."""

    def encode(self, pcm: bytes, /) -> bytes | None:
        """The payload of one packet time of whole samples; None where nothing need be sent (DTX)."""


class Decoder(Protocol):
    """State of what one stream of the peer sends in one codec; payloads come in order."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of the audio that comes out, Hz."""

    def decode(self, payload: bytes, /) -> bytes:
        """The audio of any payload from the wire; never raises."""

    def conceal(self, samples: int, /) -> bytes | None:
        """Audio in place of `samples` samples that did not come.

        None leaves it to `media.playout.concealment`.
        """

    def recover(self, payload: bytes, samples: int, /) -> bytes | None:
        """The `samples` samples before `payload`, from the copy that it holds (in-band FEC).

        None where it holds none. The payload itself is decoded afterwards.
        """


class Codec(Protocol):
    """Describes a codec as it was negotiated; two that are equal sound the same."""

    @property
    def name(self) -> str:
        """Encoding name of `a=rtpmap`."""

    @property
    def sample_rate(self) -> int:
        """Samples per second at which it loses nothing, Hz: the rate of a session that sends it."""

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units per second, Hz; divides `media.rtp.timeline.MEDIA_CLOCK`."""

    @property
    def packet_ms(self) -> Sequence[int]:
        """Lengths of the packets that it can make, ms, the shortest first."""

    @property
    def maximum_payload(self) -> int:
        """Longest payload that is accepted, bytes (200 ms, RFC 3551 §4.2)."""

    @property
    def impairment(self) -> Impairment:
        """E-model constants, loss concealment included."""

    def encoder(self, rate: int | None = None, /) -> Encoder:
        """A fresh encoder, for audio of `rate` if the codec can take it, else of its own rate."""

    def decoder(self, rate: int | None = None, /) -> Decoder:
        """A fresh decoder, to audio of `rate` if the codec can give it, else of its own rate."""

    def duration(self, payload: bytes, /) -> int | None:
        """Length of a payload's audio in timestamp units; None where the payload is malformed."""
