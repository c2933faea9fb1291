"""Hears from ICE whether the media of a call still has its path."""

from __future__ import annotations

import asyncio

from ice.messages import ConsentAnswered, Event, PathLost, PathSelected, RestartAdvised, StateChanged
from ice.session import Session
from ice.types import Role, SessionState


class PathWatch:
    """Knows whether ICE has to be restarted, and why.

    Args:
        session: whose events come in.

    Attributes:
        reason: why, for people; empty while there is a path.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.reason = ""
        self._lost = asyncio.Event()
        self._advised = False
        self._broken = False

    @property
    def is_lost(self) -> bool:
        """True from the loss of the path to the next one."""
        return self._lost.is_set()

    @property
    def is_ours(self) -> bool:
        """True where it is on us to restart ICE: we control, or ICE says so (RFC 6544 §11.1, §11.2)."""
        return self._advised or self._session.role is Role.CONTROLLING

    async def lost(self) -> str:
        """Wait until the path is lost; gives why."""
        await self._lost.wait()
        return self.reason

    def handle(self, event: Event) -> None:
        """Take an event of the ICE session."""
        match event:
            case RestartAdvised(reason=reason):
                self._advised = True
                self._lose(reason)
            case StateChanged(state=SessionState.FAILED, reason=reason):
                self._lose(reason)
            case PathLost():
                self._broken = True
            case PathSelected() | StateChanged(state=SessionState.COMPLETED):
                self._found()
            case ConsentAnswered() if not self._broken and self._session.state is SessionState.COMPLETED:
                # The peer was silent and is not any more.
                self._found()
            case _:
                pass

    def _lose(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._lost.set()

    def _found(self) -> None:
        self.reason = ""
        self._advised = self._broken = False
        self._lost.clear()
