"""How a session, and each restart of it, came out: for those who wait, and for the report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ice.messages import (
    Event,
    PathLost,
    PathProved,
    PathSelected,
    ProofExpired,
    RestartFailed,
    StateChanged,
)
from ice.types import SessionState


class Outcome:
    """Listens to the events of the core. Made inside a running event loop.

    Attributes:
        failure: why there is no path, or why the last restart found none; empty otherwise.
        completed_at: when the first path was complete, monotonic seconds.
        changes: what happened to the paths after they were first selected.
    """

    def __init__(self) -> None:
        self._concluded = asyncio.Event()
        self._reasons: dict[int, str] = {}
        self._usable: set[int] = set()
        self._news = asyncio.Event()
        self.failure = ""
        self.completed_at: float | None = None
        self.changes: list[PathSelected | PathLost] = []

    @property
    def reasons(self) -> Mapping[int, str]:
        """Why which path was selected, by component."""
        return self._reasons

    def begin(self) -> None:
        """A restart begins: from now on its end is what is waited for."""
        self._concluded.clear()

    def end(self) -> None:
        """Nobody needs to wait any longer: the session is closed, or a restart was given up."""
        self._concluded.set()
        self._news.set()

    async def concluded(self) -> None:
        """Wait for the end, good or bad."""
        await self._concluded.wait()

    async def usable(self, components: Callable[[], int]) -> None:
        """Wait until all components can send, the first so many, or until the end."""
        while not self._concluded.is_set() and len(self._usable) < components():
            self._news.clear()
            await self._news.wait()

    def recount(self) -> None:
        """There are fewer components than before."""
        self._news.set()

    def handle(self, event: Event, *, restarting: bool) -> None:
        """Note what an event says; while a restart is under way only its end concludes."""
        match event:
            case StateChanged(state=SessionState.COMPLETED):
                if self.completed_at is None:
                    self.completed_at = event.at
                self._conclude("", restarting)
            case StateChanged(state=SessionState.FAILED):
                self._conclude(event.reason or "no path was found", restarting)
            case RestartFailed():
                self._conclude(event.reason, restarting)
            case PathProved():
                self._usable.add(event.component)
                self._news.set()
            case ProofExpired():
                self._usable.discard(event.component)
            case PathSelected():
                self._usable.add(event.component)
                self._news.set()
                if event.component in self._reasons:
                    self.changes.append(event)
                self._reasons[event.component] = event.reason
            case PathLost():
                self.changes.append(event)
            case _:
                pass

    def _conclude(self, failure: str, restarting: bool) -> None:
        if not restarting:
            self.failure = failure
            self.end()
