"""What a call sends, while that changes: its source, something else for a while, or silence."""

from __future__ import annotations

from collections.abc import Callable

from media.audio.sources import Source


class SourceSwitch:
    """A source that gives what another one gives.

    Args:
        source: what is sent.
        on_finished: called once, with the frame after which `source` has only silence left.
        tap: called with every frame that is sent, as it is sent; must not raise.
    """

    def __init__(
        self,
        source: Source,
        *,
        on_finished: Callable[[], None] | None = None,
        tap: Callable[[bytes], None] | None = None,
    ) -> None:
        self._source = source
        self._instead: Source | None = None
        self._on_finished = on_finished
        self._tap = tap
        self.muted = False
        """Whether silence is sent in place of the source, which goes on meanwhile."""

    @property
    def source(self) -> Source:
        """What is sent where nothing else is."""
        return self._source

    def use(self, source: Source) -> Source:
        """Send `source` from now on; gives back the one so far, which is not closed."""
        before, self._source = self._source, source
        return before

    def play(self, instead: Source | None) -> None:
        """Send this instead of the source, which waits; None goes on with the source."""
        before, self._instead = self._instead, instead
        if before is not None:
            before.close()

    def read(self, size: int, /) -> bytes:
        """The next frame; raises what the source raises."""
        if self._instead is not None:
            pcm = self._instead.read(size)
        else:
            pcm = self._source.read(size)
            if self.muted:
                pcm = bytes(size)
            if self._on_finished is not None and self._source.finished:
                done, self._on_finished = self._on_finished, None
                done()
        if self._tap is not None:
            self._tap(pcm)
        return pcm

    @property
    def finished(self) -> bool:
        """True once only silence will follow."""
        return self._instead is None and self._source.finished

    def close(self) -> None:
        """Close all that is played."""
        try:
            self.play(None)
        finally:
            self._source.close()
