"""What an allocation has to say: messages for the server, events for its owner, counters for both."""

from __future__ import annotations

from collections import Counter

from ice.turn.events import MessageRefused, TurnEvent

_MAX_TOLD = 100
"""So many dropped messages of one kind become events; all are counted. A flood must not fill the log."""


class TurnOutbox:
    """Collects messages and events until they are taken; counts what is dropped.

    Attributes:
        counters: what was dropped, by kind.
        sent: messages to the server so far.
    """

    def __init__(self) -> None:
        self._output: list[bytes] = []
        self._events: list[TurnEvent] = []
        self.counters: Counter[str] = Counter()
        self.sent = 0

    def send(self, message: bytes) -> None:
        """Queue a message to the server."""
        self.sent += 1
        self._output.append(message)

    def event(self, event: TurnEvent) -> None:
        """Queue something for the owner to know."""
        self._events.append(event)

    def refuse(self, kind: str, reason: str, now: float) -> None:
        """Drop bytes of the server, never in silence: counted under `kind`, told with `reason`."""
        self.counters[kind] += 1
        if self.counters[kind] <= _MAX_TOLD:
            self.event(MessageRefused(at=now, kind=kind, reason=reason))

    def take_output(self) -> list[bytes]:
        """Messages since the last call, in order."""
        taken, self._output = self._output, []
        return taken

    def take_events(self) -> list[TurnEvent]:
        """Events since the last call, oldest first."""
        taken, self._events = self._events, []
        return taken
