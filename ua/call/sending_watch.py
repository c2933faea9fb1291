"""What a call makes of a circuit breaker that has cut its media (RFC 8083 §4.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from media.circuit_breaker import Cause
from media.events import MediaEvent, SendingResumed, SendingStopped
from media.session import MediaSession
from ua import clock
from ua.config.media import BreakerChoice
from ua.errors import MediaOneWay, QualityTooLow, UaError

_ONE_WAY: Final = frozenset({Cause.NO_REPORTS.value, Cause.NOTHING_ARRIVES.value})


class SendingWatch:
    """Keeps whether the media of one call is cut, and lets it try again where there is reason.

    Args:
        choice: of the account: the call goes on without our media, ends, or goes on with it.
        record: writes an entry of the call into the log.

    Attributes:
        fault: what is wrong as long as nothing is sent, None otherwise.
    """

    def __init__(self, choice: BreakerChoice, record: Callable[..., None]) -> None:
        self._record = record
        self._hangs_up = choice == "hang_up"
        self.fault: UaError | None = None
        self._cut = asyncio.Event()
        self._session: MediaSession | None = None
        self._place: Callable[[], object] = lambda: None
        self._cut_at: object = None

    def begin(self, session: MediaSession, place: Callable[[], object]) -> None:
        """Watch this; `place` tells where its packets go, and another value is another path."""
        self._session = session
        self._place = place
        self._cut_at = place()

    def take(self, event: MediaEvent) -> None:
        """Take an event of the session."""
        match event:
            case SendingStopped(stopped=stopped, cause=cause, reason=reason):
                self._record("sending", stopped=stopped, cause=cause, reason=reason)
                if not stopped:
                    return
                self.fault = MediaOneWay(reason) if cause in _ONE_WAY else QualityTooLow(reason)
                if self._hangs_up:
                    self._cut.set()
            case SendingResumed(reason=reason):
                self._record("sending", stopped=False, cause="resumed", reason=reason)
                self.fault = None
            case _:
                pass

    def counted(self) -> None:
        """Some time has passed: see whether media has another path."""
        place = self._place()
        if place != self._cut_at and self._session is not None:
            self._cut_at = place
            self._session.guard.retry("media has another path", clock.now(), elsewhere=True)

    def resumed(self) -> None:
        """A user wants media again: after a hold."""
        if self._session is not None:
            self._session.guard.retry("a user has resumed the call", clock.now())

    async def lost(self) -> None:
        """Return never; raises what is wrong where the account wants such calls to end."""
        await self._cut.wait()
        if self.fault is not None:
            raise self.fault
