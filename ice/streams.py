"""One ICE session of several data streams: what its agents share (RFC 8445 §6.1, §6.1.2.6, §6.1.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol

from ice.candidates.candidate import Foundations
from ice.checks.floor import Floor
from ice.checks.pacing import Pacing
from ice.checks.role import RoleKeeper
from ice.checks.schedule import Schedule
from ice.config import IceConfig
from ice.types import Role, SessionState


class Stream(Protocol):
    """The agent of one data stream."""

    @property
    def state(self) -> SessionState:
        """State of its check list."""


class Streams:
    """The data streams of one session, in the order in which they join (SDP: order of the m-lines).

    They have one role and tie-breaker, one Ta, one numbering of foundations, one limit of pairs and of
    connection attempts to an address. A pair is frozen while one of its foundation is checked in any stream,
    and thawed when that succeeds.

    A call to the agent of one stream may lead to commands, events and other timers of all of them: whoever
    runs them looks at all (`ice.driver` does). Descriptions are best set in the order of the streams.

    Args:
        role: controlling where we send the first description.
        tie_breaker: 64 random bits.
        config: policy; `max_pairs` is shared evenly.
        random: random(n) gives n unpredictable bytes.
        floor: shared with the other sessions of the process; None: there is no other.
        fork_of: the session whose description another peer has answered too (`fork`).

    Attributes:
        wake: what shells are called by when a stream may have changed another.
        flow_ids: numbers of sockets and connections.

    Raises:
        ValueError: a pacing under 5 ms, a tie-breaker that has not 64 bits.
    """

    def __init__(
        self,
        *,
        role: Role,
        tie_breaker: int,
        config: IceConfig,
        random: Callable[[int], bytes],
        floor: Floor | None = None,
        fork_of: Streams | None = None,
    ) -> None:
        self._first_role = role
        self._config = config
        self._random = random
        self.roles = RoleKeeper(role, tie_breaker, random)
        self.pacing: Pacing = Pacing(config.pacing_ms, floor) if fork_of is None else fork_of.pacing.beside()
        self.schedule = Schedule(self.pacing, config.max_pairs)
        self.foundations: Foundations = Foundations() if fork_of is None else fork_of.foundations
        self.flow_ids: Iterator[int] = count(1) if fork_of is None else fork_of.flow_ids
        self.wake: list[Callable[[], None]] = []
        self._members: list[Stream] = []

    def fork(self) -> Streams:
        """A session with another peer that has the same description: its own role, the same pacing.

        Raises:
            ValueError: it has several streams.
        """
        if len(self._members) > 1:
            raise ValueError("only a session of one stream can fork")
        return Streams(
            role=self._first_role,
            tie_breaker=self.roles.tie_breaker,
            config=self._config,
            random=self._random,
            fork_of=self,
        )

    def join(self, stream: Stream) -> int:
        """One more stream; gives its place."""
        self._members.append(stream)
        return len(self._members) - 1

    @property
    def state(self) -> SessionState:
        """Of the whole session (RFC 8445 §6.1.3): Completed and Failed where all streams are, else Running.

        A stream that was closed was removed from the session.
        """
        states = {stream.state for stream in self._members if stream.state is not SessionState.CLOSED}
        if not states:
            return SessionState.CLOSED if self._members else SessionState.NEW
        return states.pop() if len(states) == 1 else SessionState.RUNNING
