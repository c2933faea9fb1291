"""Where arriving audio goes. All audio is mono, 16 bit, in the machine's byte order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from media.errors import MediaError


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
    """Gives every frame to several sinks, e.g. a recorder and an echo.

    Args:
        sinks: where it goes.
        on_failed: called with what a sink raised; it is closed then, and the others go on. Where None it is
            raised once the others have the frame.
    """

    def __init__(self, *sinks: Sink, on_failed: Callable[[Exception], None] | None = None) -> None:
        self._sinks = sinks
        self._on_failed = on_failed

    def add(self, sink: Sink) -> None:
        """One more, from the next frame on."""
        self._sinks = (*self._sinks, sink)

    def remove(self, sink: Sink) -> None:
        """One less; it is not closed."""
        self._sinks = tuple(other for other in self._sinks if other is not sink)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where it goes."""
        return self._sinks

    def write(self, pcm: bytes, /) -> None:
        """Pass the frame on."""
        raised: Exception | None = None
        for sink in self._sinks:
            try:
                sink.write(pcm)
            except (MediaError, OSError) as error:
                raised = self._failed(sink, error) or raised
        if raised is not None:
            raise raised

    def close(self) -> None:
        """Close all of them."""
        raised: Exception | None = None
        for sink in self._sinks:
            try:
                sink.close()
            except (MediaError, OSError) as error:
                raised = self._failed(sink, error) or raised
        self._sinks = ()
        if raised is not None:
            raise raised

    def _failed(self, sink: Sink, error: Exception) -> Exception | None:
        """What is to be raised for it once the others have had their turn."""
        if self._on_failed is None:
            return error
        self.remove(sink)
        self._on_failed(error)
        with contextlib.suppress(MediaError, OSError):
            sink.close()
        return None
