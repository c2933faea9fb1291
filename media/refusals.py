"""Counts the packets that were dropped, and tells of the first of each kind."""

from __future__ import annotations

from collections.abc import Callable

from media.events import MediaEvent, MediaRefused


class Refusals:
    """The refused packets of one session.

    Args:
        on_event: called with `MediaRefused` for the first of each reason.

    Attributes:
        counts: packets by reason.
    """

    def __init__(self, on_event: Callable[[MediaEvent], None]) -> None:
        self._on_event = on_event
        self.counts: dict[str, int] = {}

    def add(self, reason: str, now: float) -> None:
        """Count a packet."""
        count = self.counts.get(reason, 0)
        self.counts[reason] = count + 1
        if not count:
            self._on_event(MediaRefused(at=now, reason=reason))
