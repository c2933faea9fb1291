"""Hears from ICE whether the media of a call still has its path."""

from __future__ import annotations

import asyncio

from ice.messages import Event, PathSelected, RestartAdvised, StateChanged
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

    @property
    def is_lost(self) -> bool:
        """True from the loss of the path to the next one."""
        return self._lost.is_set()

    @property
    def controls(self) -> bool:
        """True where it is on us to restart ICE (RFC 6544 §11.1)."""
        return self._session.role is Role.CONTROLLING

    async def lost(self) -> str:
        """Wait until the path is lost; gives why."""
        await self._lost.wait()
        return self.reason

    def handle(self, event: Event) -> None:
        """Take an event of the ICE session."""
        match event:
            case RestartAdvised(reason=reason) | StateChanged(state=SessionState.FAILED, reason=reason):
                self.reason = self.reason or reason
                self._lost.set()
            case PathSelected() | StateChanged(state=SessionState.COMPLETED):
                self.reason = ""
                self._lost.clear()
            case _:
                pass
