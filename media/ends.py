"""Where the audio of a session comes from and goes to, and what becomes of an end that fails."""

from __future__ import annotations

from collections.abc import Callable

from media.audio.sinks import NullSink, Sink
from media.audio.sources import SilenceSource, Source
from media.errors import MediaError


class AudioEnds:
    """Source and sink of a session; a disk that is full must not end the call.

    Args:
        source: where our audio comes from.
        sink: where the peer's audio goes.
        failed: called with the reason and the time where one of them fails.
    """

    __slots__ = ("_failed", "sink", "source")

    def __init__(self, source: Source, sink: Sink, failed: Callable[[str, float], None]) -> None:
        self.source = source
        self.sink = sink
        self._failed = failed

    def replace_sink(self, error: Exception, now: float) -> None:
        """The sink could not take a frame: nobody hears the rest."""
        self._failed(str(error), now)
        failed, self.sink = self.sink, NullSink()
        self._close(failed, now)

    def replace_source(self, error: Exception, now: float) -> Source:
        """The source could not give a frame: silence follows."""
        self._failed(str(error), now)
        failed, self.source = self.source, SilenceSource()
        self._close(failed, now)
        return self.source

    def close(self, now: float) -> None:
        """Close both."""
        self._close(self.source, now)
        self._close(self.sink, now)

    def _close(self, end: Source | Sink, now: float) -> None:
        try:
            end.close()
        except (MediaError, OSError) as error:
            self._failed(str(error), now)
