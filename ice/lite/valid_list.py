"""The valid list of a lite agent: what the peer nominated, or needs no check (RFC 8445 §7.3.2, §8.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ice.checks.pair import Pair, ValidPair
from ice.messages import PairAdded, PairNominated
from ice.outbox import Outbox
from ice.types import Candidate, FlowId, PairState, Role, TransportAddress


class ValidList:
    """All pairs of a generation; a component has one nominated pair at most.

    Args:
        limit: most pairs that it may hold.
        first_id: number of the first pair.
        outbox: takes the events.
    """

    def __init__(self, *, limit: int, first_id: int, outbox: Outbox) -> None:
        self._limit = limit
        self._first_id = first_id
        self._outbox = outbox
        self._pairs: list[Pair] = []
        self._nominated: dict[int, Pair] = {}

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    @property
    def full(self) -> bool:
        """True where there is no room for another pair."""
        return len(self._pairs) >= self._limit

    def add(self, local: Candidate, remote: Candidate, flow: FlowId | None, role: Role, now: float) -> Pair:
        """Enter a pair; without a flow it waits for its TCP connection and is not valid yet."""
        number = self._first_id + len(self._pairs)
        pair = Pair(number=number, local=local, remote=remote, role=role, flow=None)
        self._pairs.append(pair)
        pair.state = PairState.IN_PROGRESS
        if flow is not None:
            self.validate(pair, flow, now)
        self._outbox.event(PairAdded(at=now, pair=pair.view(selected=False)))
        return pair

    @staticmethod
    def validate(pair: Pair, flow: FlowId, now: float, local: Candidate | None = None) -> None:
        """Media of this pair takes `flow`; `local` is our candidate with the port of the connection."""
        pair.flow = flow
        pair.state = PairState.SUCCEEDED
        pair.valid = ValidPair(local=local or pair.local, flow=flow, at=now)

    def invalidate(self, pair: Pair, reason: str) -> None:
        """The connection of this pair is gone."""
        pair.flow = pair.valid = None
        pair.state = PairState.FAILED
        pair.reason = reason
        if self._nominated.get(pair.component) is pair:
            del self._nominated[pair.component]

    def find(self, flow: FlowId, remote: TransportAddress) -> Pair | None:
        """The valid pair over this socket or connection with that remote address."""
        for pair in self._pairs:
            if pair.flow == flow and pair.remote.address == remote and pair.valid is not None:
                return pair
        return None

    def nominate(self, pair: Pair, now: float) -> None:
        """This pair is the one of its component; an earlier one is not any more."""
        self._nominated[pair.component] = pair
        if not pair.nominated:
            pair.nominated = True
            self._outbox.event(PairNominated(at=now, pair_id=pair.id))

    def nominated(self, component: int) -> Pair | None:
        """The nominated pair of a component, None before there is one."""
        return self._nominated.get(component)
