"""The floor under the pacing of a whole process: 5 ms between any two transactions (RFC 8445 §14.2).

Every session has its Ta; the sessions of a process, each gathering or checking, keep together to the floor,
"as though there were one global Ta". They share one `Floor`; who is simulated as another machine has another.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque

MIN_TA_MS = 5
"""RFC 8445 §14.2: never faster."""

_GRACE = 20
"""So many intervals late, and others go ahead of the holder of a turn: it may be gone."""


class Floor:
    """Gives turns to all who begin STUN and TURN transactions, in the order in which they ask.

    Who has had a turn gets the next only behind all others that wait, so nobody starves, however late the
    timers are. All who share a floor go by one clock.

    Args:
        interval_ms: ms between two transactions.
    """

    def __init__(self, interval_ms: float = MIN_TA_MS) -> None:
        self._interval_s = interval_ms / 1000
        self._waiting: deque[float] = deque()
        self._free_at = -math.inf

    def reserve(self, now: float) -> float:
        """Wait in line: gives a turn that nobody else has, `now` where nobody waits."""
        turn = max(now, self._free_at)
        if self._waiting:
            turn = max(turn, self._waiting[-1] + self._interval_s)
        self._waiting.append(turn)
        return turn

    def opens(self, turn: float, now: float) -> float:
        """When the holder of `turn` may begin, `now` or earlier: at once; it may have to ask again then."""
        while self._waiting and now - self._waiting[0] > _GRACE * self._interval_s:
            self._waiting.popleft()
        ahead = bisect_left(self._waiting, turn)
        if not ahead:
            return max(turn, self._free_at)
        # Nobody knows how late those before are; each of them gets an interval.
        return max(turn, max(self._waiting[0], self._free_at, now) + ahead * self._interval_s)

    def begin(self, turn: float, now: float) -> None:
        """The holder of `turn` begins a transaction."""
        self.leave(turn)
        self._free_at = now + self._interval_s

    def leave(self, turn: float) -> None:
        """The holder of `turn` has nothing to begin any more."""
        place = bisect_left(self._waiting, turn)
        if place < len(self._waiting) and self._waiting[place] == turn:
            del self._waiting[place]
