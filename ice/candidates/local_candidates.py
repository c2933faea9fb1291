"""Our candidates and their sockets: what the peer is told, what is paired (RFC 8445 §5.1, §5.3)."""

from __future__ import annotations

from collections.abc import Container, Iterator

from ice.candidates.candidate import capped, stands_on, without_redundant
from ice.checks.connection_table import ConnectionTable
from ice.messages import CandidateAdded
from ice.outbox import Outbox
from ice.types import Candidate, CandidateType, FlowId, TcpType


class LocalCandidates:
    """The candidates of this side.

    Args:
        limit: most candidates that the peer is told.
        table: takes their sockets.
        outbox: takes the events.
    """

    def __init__(self, *, limit: int, table: ConnectionTable, outbox: Outbox) -> None:
        self._limit = limit
        self._table = table
        self._outbox = outbox
        self._known: list[tuple[Candidate, FlowId | None]] = []

    def __iter__(self) -> Iterator[Candidate]:
        return (candidate for candidate, _ in self._known)

    @property
    def items(self) -> tuple[tuple[Candidate, FlowId | None], ...]:
        """Each with its socket, in the order in which they came."""
        return tuple(self._known)

    def add(self, candidate: Candidate, flow: FlowId | None, now: float) -> None:
        """Take a candidate and its UDP socket or TCP listener; an active TCP candidate has none.

        Raises:
            ValueError: a flow is missing, superfluous or taken.
        """
        if (flow is None) is not (candidate.tcptype is TcpType.ACTIVE):
            raise ValueError("all candidates but active TCP ones have a socket")
        if flow is not None:
            self._table.add_socket(candidate, flow)
        self._known.append((candidate, flow))
        self._outbox.event(CandidateAdded(at=now, local=True, candidate=candidate))

    def host_lost(self, host: str) -> None:
        """An address of ours is gone: what stands on it is paired and told no more."""
        self._known = [item for item in self._known if not stands_on(item[0], host)]

    @property
    def flows(self) -> tuple[FlowId, ...]:
        """Our UDP sockets and listeners, also those that are freed by now; each once."""
        return tuple(dict.fromkeys(flow for _, flow in self._known if flow is not None))

    @property
    def relays(self) -> tuple[tuple[Candidate, FlowId], ...]:
        """Relayed candidates with the sockets that they have at the relay."""
        return tuple(
            (candidate, flow)
            for candidate, flow in self._known
            if flow is not None and candidate.type is CandidateType.RELAY
        )

    def told(self, components: int) -> tuple[Candidate, ...]:
        """What the peer is told: the best of components 1 to `components`, highest priority first."""
        used = (candidate for candidate in self if candidate.component <= components)
        return capped(without_redundant(used), self._limit)

    def usable(self, components: int, wanted: Container[int]) -> list[tuple[Candidate, FlowId | None]]:
        """Candidates of the wanted components that may be paired, with their sockets.

        The told ones, and active TCP ones: what they connect to need not know of them (RFC 6544 §7.2).
        """
        told = set(self.told(components))
        return [
            item
            for item in self._known
            if item[0].component in wanted and (item[0] in told or item[0].tcptype is TcpType.ACTIVE)
        ]
