"""The check list of one data stream: which pairs there are and whose turn it is (RFC 8445 §6.1.2, §6.1.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ice.candidates.candidate import base_of
from ice.checks.pair import Pair, can_pair
from ice.messages import PairAdded, PairStateChanged
from ice.outbox import Outbox
from ice.types import Candidate, FlowId, PairState, Role, TcpType, TransportAddress

_PairKey = tuple[int, TransportAddress, TcpType | None, TransportAddress]


def _key(local: Candidate, remote: Candidate) -> _PairKey:
    return local.component, base_of(local), local.tcptype, remote.address


class CheckList:
    """The pairs of one data stream, highest priority first, and its queue of triggered checks.

    Args:
        role: ours, for the priorities.
        max_pairs: most pairs it may hold (RFC 8445 §6.1.2.5).
        first_id: number of its first pair.
        outbox: takes the events.
    """

    def __init__(self, *, role: Role, max_pairs: int, outbox: Outbox, first_id: int = 1) -> None:
        self._role = role
        self.max_pairs = max_pairs
        """Most pairs from now on; the lists of one session share them (RFC 8445 §6.1.2.5)."""
        self._outbox = outbox
        self._pairs: list[Pair] = []
        self._dropped: list[Pair] = []
        self._triggered: deque[Pair] = deque()
        self.next_id = first_id
        """Number of the next pair."""

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, pair: object) -> bool:
        return pair in self._pairs

    def knows(self, pair: Pair | None) -> bool:
        """True of pairs that are or ever were in the list."""
        return pair in self._pairs or pair in self._dropped

    @property
    def history(self) -> tuple[Pair, ...]:
        """All pairs that ever were in the list, oldest first."""
        return tuple(sorted((*self._pairs, *self._dropped), key=lambda pair: pair.id))

    @property
    def triggered(self) -> tuple[Pair, ...]:
        """The queue of triggered checks, first comes first."""
        return tuple(self._triggered)

    @property
    def queue(self) -> tuple[Pair, ...]:
        """Who is checked next, as far as it is known: triggered ones, then Waiting ones by priority."""
        waiting = (pair for pair in self._pairs if pair.state is PairState.WAITING)
        return (*self._triggered, *(pair for pair in waiting if pair not in self._triggered))

    @property
    def has_more(self) -> bool:
        """True while a check is queued, or a pair is Waiting for its turn or Frozen until one thaws it."""
        unsent = (PairState.WAITING, PairState.FROZEN)
        return bool(self._triggered) or any(pair.state in unsent for pair in self._pairs)

    # --- forming (RFC 8445 §6.1.2.2 to §6.1.2.5, RFC 6544 §6.2) --------------------------------------------

    def form(
        self,
        locals_: Iterable[tuple[Candidate, FlowId | None]],
        remotes: Iterable[Candidate],
        now: float,
    ) -> tuple[Pair, ...]:
        """Pair what can be paired and is not yet in the list; gives the new pairs, which are Frozen.

        Pairs with a passive local candidate are left out: their checks come from the peer (RFC 6544 §6.2).
        Of pairs with one base and one remote address the better one stays. Pairs in the list keep their
        state, whatever is added (RFC 8445 §6.1.2).

        Args:
            locals_: our candidates, each with its UDP socket (None of TCP candidates).
            remotes: candidates of the peer.
            now: monotonic seconds, for the events.
        """
        known = {_key(pair.local, pair.remote) for pair in self._pairs}
        added: dict[_PairKey, Pair] = {}
        usable = [item for item in locals_ if item[0].tcptype is not TcpType.PASSIVE]
        for local, flow in sorted(usable, key=lambda item: -item[0].priority):
            for remote in sorted(remotes, key=lambda candidate: -candidate.priority):
                if not can_pair(local, remote) or base_of(local) == remote.address:
                    continue
                key = _key(local, remote)
                # RFC 8838 §11: where a peer-reflexive candidate is signalled later, its pair and check go on.
                if key not in known and key not in added:
                    added[key] = self._make(local, remote, None if local.tcptype is TcpType.SO else flow)
        return self._add(tuple(added.values()), now)

    def _add(self, added: tuple[Pair, ...], now: float, *, protected: bool = False) -> tuple[Pair, ...]:
        """Enter new pairs as far as the limit allows; gives those that are in.

        Beyond the limit failed pairs go first, then the lowest of those that were not checked yet; what is
        out or succeeded stays (RFC 8445 §6.1.2.5, RFC 8838 §10). Protected new pairs go last.
        """
        self._pairs += added
        self._sort()
        excess = len(self._pairs) - self.max_pairs
        if excess > 0:
            failed = [pair for pair in self._pairs if pair.state is PairState.FAILED]
            unsent = [p for p in reversed(self._pairs) if p.state in (PairState.FROZEN, PairState.WAITING)]
            if protected:
                unsent.sort(key=lambda pair: pair in added)
            for pair in (failed + unsent)[:excess]:
                if pair in added:
                    self._pairs.remove(pair)
                    self._outbox.counters["pairs_over_limit"] += 1
                else:
                    self.drop(pair, f"over the limit of {self.max_pairs} pairs", now)
        kept = tuple(pair for pair in added if pair in self._pairs)
        for pair in kept:
            self._outbox.event(PairAdded(at=now, pair=pair.view(selected=False)))
        return kept

    def insert(self, local: Candidate, remote: Candidate, flow: FlowId, now: float) -> Pair | None:
        """The pair of a check that came in over `flow` (RFC 8445 §7.3.1.4), None where the list is full."""
        kept = self._add((self._make(local, remote, flow),), now, protected=True)
        return kept[0] if kept else None

    def _make(self, local: Candidate, remote: Candidate, flow: FlowId | None) -> Pair:
        pair = Pair(number=self.next_id, local=local, remote=remote, role=self._role, flow=flow)
        self.next_id += 1
        return pair

    def _sort(self) -> None:
        self._pairs.sort(key=lambda pair: (-pair.priority, pair.component, pair.id))

    # --- looking up -----------------------------------------------------------------------------------------

    def find(self, flow: FlowId, remote: TransportAddress) -> Pair | None:
        """The pair whose checks use this socket or connection and go to `remote`, or None."""
        for pair in self._pairs:
            if pair.flow == flow and pair.remote.address == remote:
                return pair
        return None

    def of(self, component: int) -> tuple[Pair, ...]:
        """The pairs of a component, highest priority first."""
        return tuple(pair for pair in self._pairs if pair.component == component)

    # --- states ---------------------------------------------------------------------------------------------

    def set_state(self, pair: Pair, state: PairState, now: float, reason: str = "") -> None:
        """Move a pair to a state and tell so."""
        pair.reason = reason
        if pair.state is state:
            return
        pair.state = state
        if state is PairState.FAILED:
            pair.valid = None
        if state not in (PairState.FROZEN, PairState.WAITING) and pair in self._triggered:
            self._triggered.remove(pair)
        self._outbox.event(PairStateChanged(at=now, pair_id=pair.id, state=state, reason=reason))

    def drop(self, pair: Pair, reason: str, now: float) -> None:
        """Take a pair out of the list and the queue; its outstanding check is not this list's matter."""
        self._pairs.remove(pair)
        self._dropped.append(pair)
        if pair in self._triggered:
            self._triggered.remove(pair)
        if pair.pending:
            pair.cancelled = True
            pair.reason = reason
            self._outbox.event(PairStateChanged(at=now, pair_id=pair.id, state=pair.state, reason=reason))

    def take_role(self, role: Role) -> None:
        """Recompute priorities and order after a change of roles (RFC 8445 §7.3.1.1)."""
        self._role = role
        for pair in (*self._pairs, *self._dropped):
            pair.take_role(role)
        self._sort()

    # --- whose turn it is (RFC 8445 §6.1.4) -----------------------------------------------------------------

    def trigger(self, pair: Pair, now: float, *, first: bool = False) -> None:
        """Queue a triggered check (RFC 8445 §6.1.4.1); `first` puts a nomination ahead of the others.

        A pair that succeeded keeps its state: its valid pair is usable while it is checked once more.
        """
        if pair.state is not PairState.SUCCEEDED:
            self.set_state(pair, PairState.WAITING, now)
        if pair in self._triggered:
            self._triggered.remove(pair)
        if first:
            self._triggered.appendleft(pair)
        else:
            self._triggered.append(pair)

    def untrigger(self, pair: Pair) -> None:
        """Forget a queued check, where there is one."""
        if pair in self._triggered:
            self._triggered.remove(pair)

    def next_triggered(self, may_start: Callable[[Pair], bool]) -> Pair | None:
        """Take the first queued check that may start now."""
        for pair in self._triggered:
            if may_start(pair):
                self._triggered.remove(pair)
                return pair
        return None

    def next_waiting(self, may_start: Callable[[Pair], bool]) -> Pair | None:
        """The Waiting pair of the highest priority, lowest component first, that may start now."""
        for pair in self._pairs:
            if pair.state is PairState.WAITING and pair not in self._triggered and may_start(pair):
                return pair
        return None
