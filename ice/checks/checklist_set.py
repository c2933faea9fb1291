"""All check lists of a session: shared foundations, one pacing (RFC 8445 §6.1.2.6, §6.1.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest

from ice.checks.checklist import CheckList
from ice.checks.pair import Foundation, Pair
from ice.types import PairState

# RFC 8445 §14.3, in seconds.
_MIN_RTO_S = 0.5

_ACTIVE = (PairState.WAITING, PairState.IN_PROGRESS)


class CheckListSet:
    """Check lists in the order that the using protocol gives them; one check of all of them per Ta.

    Args:
        lists: those there are from the start, each of a stream of its own.
        max_pairs: most pairs in all of them together, shared evenly (RFC 8445 §6.1.2.5); None: each its own.
    """

    def __init__(self, lists: Sequence[CheckList], *, max_pairs: int | None = None) -> None:
        self._max_pairs = max_pairs
        self._lists: list[CheckList] = []
        self._streams: dict[CheckList, int] = {}
        self._turn = 0
        for stream, checks in enumerate(lists):
            self.add(checks, stream)

    def add(self, checks: CheckList, stream: int) -> None:
        """Take one more list: that of the stream at this place (SDP: order of the m-lines)."""
        self._streams[checks] = stream
        self._lists = sorted(self._streams, key=lambda known: self._streams[known])
        if self._max_pairs is not None:
            share = max(1, self._max_pairs // len(set(self._streams.values())))
            for known in self._lists:
                known.max_pairs = share

    def remove(self, checks: CheckList) -> None:
        """A list that is checked no more; the others keep their share of the pairs."""
        del self._streams[checks]
        self._lists.remove(checks)

    @property
    def queue(self) -> tuple[Pair, ...]:
        """Who is checked next, as far as it is known: the lists take turns."""
        first = self._turn % len(self._lists) if self._lists else 0
        queues = [checks.queue for checks in (*self._lists[first:], *self._lists[:first])]
        rounds = zip_longest(*queues)
        return tuple(pair for pairs in rounds for pair in pairs if pair is not None)

    def _pairs(self) -> Iterator[tuple[CheckList, Pair]]:
        for checks in self._lists:
            for pair in checks:
                yield checks, pair

    def activate(self, added: Iterable[Pair], now: float) -> None:
        """Set the state of new Frozen pairs (RFC 8445 §6.1.2.6, RFC 8838 §12).

        Waiting is the topmost pair of each foundation: in the first list that has it, of the lowest
        component, of the highest priority; and every pair of whose foundation one has succeeded.
        """
        new = set(added)
        topmost: dict[Foundation, Pair] = {}
        proved: set[Foundation] = set()
        for checks in self._lists:
            for pair in sorted(checks, key=lambda pair: (pair.component, -pair.priority)):
                topmost.setdefault(pair.foundation, pair)
                if pair.state is PairState.SUCCEEDED:
                    proved.add(pair.foundation)
        for checks, pair in self._pairs():
            if pair in new and (topmost[pair.foundation] is pair or pair.foundation in proved):
                checks.set_state(pair, PairState.WAITING, now)

    def unfreeze(self, foundation: Foundation, now: float) -> None:
        """A pair of this foundation succeeded: the Frozen ones of all lists are worth trying (§7.2.5.3.3)."""
        for checks, pair in self._pairs():
            if pair.state is PairState.FROZEN and pair.foundation == foundation:
                checks.set_state(pair, PairState.WAITING, now)

    def next_check(self, may_start: Callable[[Pair], bool], now: float) -> Pair | None:
        """The pair whose check is sent at this tick, None where there is nothing to do (RFC 8445 §6.1.4.2).

        The lists take turns; a list with nothing to do passes the tick on to the next one.
        """
        for step in range(len(self._lists)):
            checks = self._lists[(self._turn + step) % len(self._lists)]
            pair = checks.next_triggered(may_start)
            if pair is None:
                pair = checks.next_waiting(may_start)
            if pair is None and self._thaw(checks, now):
                # Also where pairs are Waiting and none may start: the tick is of use to others.
                pair = checks.next_waiting(may_start)
            if pair is not None:
                self._turn = (self._turn + step + 1) % len(self._lists)
                return pair
        return None

    def _thaw(self, checks: CheckList, now: float) -> bool:
        """Give each foundation that nobody works on a Waiting pair; True where there was one."""
        thawed = False
        busy = {pair.foundation for _, pair in self._pairs() if pair.state in _ACTIVE}
        for pair in sorted(checks, key=lambda pair: (pair.component, -pair.priority)):
            if pair.state is PairState.FROZEN and pair.foundation not in busy:
                busy.add(pair.foundation)
                checks.set_state(pair, PairState.WAITING, now)
                thawed = True
        return thawed

    def rto_s(self, ta_s: float) -> float:
        """First retransmission time of a check that starts now, in seconds (RFC 8445 §14.3).

        The time that one round over the active checks takes. The RFC's own formula multiplies by the number
        of all checks besides, which leaves a lost datagram unrepaired for many seconds; it allows others.
        """
        active = sum(pair.state in _ACTIVE for _, pair in self._pairs())
        return max(_MIN_RTO_S, ta_s * active)
