"""Hears from ICE, or of the TCP connection, whether the media of a call still has its path."""

from __future__ import annotations

import abc
import asyncio

from ice.messages import ConsentAnswered, Event, PathLost, PathSelected, RestartAdvised, StateChanged
from ice.session import Session
from ice.types import Role, SessionState
from sdp.tcp.events import TcpConnected, TcpEvent, TcpLost


class Watch(abc.ABC):
    """Knows whether a new offer has to find another path, and why.

    Attributes:
        reason: why, for people; empty while there is a path.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._lost = asyncio.Event()
        self._moves = False

    @property
    def is_lost(self) -> bool:
        """True from the loss of the path to the next one."""
        return self._lost.is_set()

    @property
    @abc.abstractmethod
    def is_ours(self) -> bool:
        """True where that offer is on us."""

    async def lost(self) -> str:
        """Wait until the path is lost; gives why."""
        await self._lost.wait()
        return self.reason

    def move(self, reason: str) -> None:
        """The address of ours that media stands on is gone: the peer cannot know, the offer is on us."""
        self._moves = True
        self._lose(reason)

    def found(self) -> None:
        """There is a path again."""
        self.reason = ""
        self._moves = False
        self._lost.clear()

    def _lose(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._lost.set()


class ConnectionWatch(Watch):
    """Watches the connection of RTP where there is no ICE (RFC 4145 §6.2).

    Args:
        offered: our offer came first; then a new connection is ours to ask for.
    """

    def __init__(self, *, offered: bool) -> None:
        super().__init__()
        self._offered = offered

    @property
    def is_ours(self) -> bool:
        """True where our offer came first: so that not both sides offer at once; or we move."""
        return self._moves or self._offered

    def handle(self, event: TcpEvent) -> None:
        """Take an event of the connections."""
        match event:
            case TcpLost(component=1, reason=reason):
                self._lose(reason)
            case TcpConnected(component=1):
                self.found()
            case _:
                pass


class PathWatch(Watch):
    """Watches ICE.

    Args:
        session: whose events come in.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._advised = False
        self._broken = False

    @property
    def is_ours(self) -> bool:
        """True where it is on us to restart ICE: we control, or ICE says so (RFC 6544 §11.1, §11.2)."""
        return self._moves or self._advised or self._session.role is Role.CONTROLLING

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
                self.found()
            case ConsentAnswered() if not self._broken and self._session.state is SessionState.COMPLETED:
                # The peer was silent and is not any more.
                self.found()
            case _:
                pass

    def found(self) -> None:
        """There is a path again."""
        super().found()
        self._advised = self._broken = False
