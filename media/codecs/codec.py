"""What a session asks of a codec."""

from __future__ import annotations

from typing import Protocol

from media.quality import Impairment


class Codec(Protocol):
    """Turns audio into payloads and back.

    Audio is always mono, signed 16-bit in the byte order of the machine, `sample_rate` samples a second.
    """

    @property
    def name(self) -> str:
        """Encoding name of `a=rtpmap`."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of the audio, Hz."""

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units per second, Hz."""

    @property
    def maximum_payload(self) -> int:
        """Longest payload that is accepted, bytes (200 ms, RFC 3551 §4.2)."""

    @property
    def impairment(self) -> Impairment:
        """E-model constants, loss concealment included."""

    def encode(self, pcm: bytes, /) -> bytes:
        """The payload of whole samples."""

    def decode(self, payload: bytes, /) -> bytes:
        """The audio of any payload from the wire; never raises."""

    def duration(self, payload: bytes, /) -> int:
        """Length of a payload's audio in timestamp units."""
