"""Where arriving audio goes. All audio is mono, 16 bit, in the machine's byte order."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes the frames of a session in order, one each packet time, silence included."""

    def write(self, pcm: bytes, /) -> None:
        """Take one frame. May raise `MediaError` or `OSError`: the session goes on without the sink."""

    def close(self) -> None:
        """No more frames come; release what is held. Called once by the session."""


class NullSink:
    """Hears nothing."""

    def write(self, pcm: bytes, /) -> None:
        """Drop it."""

    def close(self) -> None:
        """Nothing to release."""


class MemorySink:
    """Keeps what it hears.

    Args:
        limit_bytes: the most to keep; what comes later is dropped. The default is an hour at 8 kHz.
    """

    def __init__(self, limit_bytes: int = 57_600_000) -> None:
        self._limit = limit_bytes
        self._pcm = bytearray()

    @property
    def pcm(self) -> bytes:
        """Everything so far."""
        return bytes(self._pcm)

    def write(self, pcm: bytes, /) -> None:
        """Append a frame."""
        if len(self._pcm) + len(pcm) <= self._limit:
            self._pcm += pcm

    def close(self) -> None:
        """The audio stays."""


class TeeSink:
    """Gives every frame to several sinks, e.g. a recorder and an echo."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def write(self, pcm: bytes, /) -> None:
        """Pass the frame on."""
        for sink in self._sinks:
            sink.write(pcm)

    def close(self) -> None:
        """Close all of them."""
        for sink in self._sinks:
            sink.close()
