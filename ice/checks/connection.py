"""The sockets that the core knows by their FlowId: UDP sockets, TCP listeners, TCP connections."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ice.checks.pair import Pair
from ice.types import Candidate, FlowId, TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSocket:
    """A bound UDP socket or a TCP listener and the candidate it serves."""

    flow: FlowId
    candidate: Candidate

    @property
    def component(self) -> int:
        """1 RTP, 2 RTCP."""
        return self.candidate.component


class ConnectionState(enum.Enum):
    """From dialling or accepting to the end."""

    DIALLING = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


class DialFailure(enum.Enum):
    """Why a connection could not be opened, as far as it matters.

    REFUSED: somebody said no. EXISTS: there is a connection between these two ports, or just about to be.
    """

    REFUSED = enum.auto()
    EXISTS = enum.auto()
    OTHER = enum.auto()


class Connection:
    """One TCP connection.

    An accepted one is nobody's until its first authenticated check (`proved`); a dialled one belongs to the
    pair that dialled it.
    """

    __slots__ = (
        "candidate",
        "deadline",
        "failure",
        "flow",
        "frames",
        "listener",
        "local",
        "pair",
        "proved",
        "received_bytes",
        "refused",
        "remote",
        "started_at",
        "state",
    )

    def __init__(
        self,
        *,
        flow: FlowId,
        candidate: Candidate,
        local: TransportAddress,
        remote: TransportAddress,
        listener: FlowId | None,
        pair: Pair | None,
        now: float,
        deadline: float | None,
    ) -> None:
        self.flow = flow
        self.candidate = candidate
        """The local candidate: active where we dialled, passive where it was accepted."""
        self.local = local
        self.remote = remote
        self.listener = listener
        """Flow of the listener that accepted it, None where we dialled."""
        self.pair = pair
        self.state = ConnectionState.DIALLING if listener is None else ConnectionState.OPEN
        self.started_at = now
        self.deadline = deadline
        """When it is closed unless proved, monotonic seconds."""
        self.failure: DialFailure | None = None
        """Why it could not be opened."""
        self.proved = False
        self.received_bytes = 0
        self.frames = 0
        self.refused = 0
        """Frames refused since the last good one."""

    @property
    def component(self) -> int:
        """1 RTP, 2 RTCP."""
        return self.candidate.component

    @property
    def dialled(self) -> bool:
        """True where we opened it."""
        return self.listener is None
