"""Ta: one new transaction at a time in one session (RFC 8445 §14.2, §6.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ice.checks.floor import MIN_TA_MS, Floor
from ice.checks.pair import Pair
from ice.fork_floor import ForkFloor

DEFAULT_TA_MS = 50
"""RFC 8839 §5.6: what a peer means that says nothing."""


class Pacing:
    """When the next transaction may begin; gathering and the checks of all streams share it.

    Args:
        ours_ms: the Ta that we propose, in ms.
        floor: shared with all sessions of the process; None: there is no other.

    Raises:
        ValueError: under 5 ms.
    """

    def __init__(self, ours_ms: int, floor: Floor | None = None) -> None:
        if ours_ms < MIN_TA_MS:
            raise ValueError(f"a pacing of {ours_ms} ms is under {MIN_TA_MS} ms")
        self._ours_ms = ours_ms
        self._floor = floor or Floor()
        self._next: float | None = None
        self._turn: float | None = None
        self._opens: float | None = None
        self.ta_s = ours_ms / 1000
        """Time between checks, seconds."""
        self.idle = True
        """No check waits for its turn."""
        self.gathering = 0
        """So many transactions of gathering wait for theirs."""

    def beside(self) -> Pacing:
        """The pacing of a fork of the session: they keep together to our Ta (`ice.forks`)."""
        if not isinstance(self._floor, ForkFloor):
            if self._turn is not None:
                self._floor.leave(self._turn)
                self._turn = self._opens = None
            self._floor = ForkFloor(self._floor, self._ours_ms, self._next)
        return Pacing(self._ours_ms, self._floor)

    def agree(self, theirs_ms: int | None) -> None:
        """The larger value of both sides counts."""
        self.ta_s = max(self._ours_ms, DEFAULT_TA_MS if theirs_ms is None else theirs_ms) / 1000

    def due(self, now: float) -> bool:
        """True where a transaction may begin now, the first at once; else a turn is kept for us.

        Ask only where there is something to begin, and `pass_on` where there is not any more.
        """
        if self._next is not None and now < self._next:
            return False
        if self._turn is None:
            self._turn = self._floor.reserve(now)
        self._opens = self._floor.opens(self._turn, now)
        return now >= self._opens

    def sent(self, now: float) -> None:
        """A transaction has just begun."""
        turn = self._floor.reserve(now) if self._turn is None else self._turn
        self._floor.begin(turn, now)
        self._turn = self._opens = None
        self._next = now + self.ta_s

    def pass_on(self) -> None:
        """No check waits any more: whoever is next need not wait for us."""
        self.idle = True
        if self._turn is not None and not self.gathering:
            self._floor.leave(self._turn)
            self._turn = self._opens = None

    @property
    def opens_at(self) -> float | None:
        """When to ask for the next transaction; None: at once."""
        return max((at for at in (self._next, self._opens) if at is not None), default=None)

    def turns(self, queue: Sequence[Pair], now: float) -> dict[Pair, float]:
        """When each pair of the queue will be checked."""
        start = max(now, self.opens_at or now)
        return {pair: start + number * self.ta_s for number, pair in enumerate(queue)}

    @property
    def next_timer(self) -> float | None:
        """When the next check leaves, None where none waits."""
        return None if self.idle else self.opens_at
