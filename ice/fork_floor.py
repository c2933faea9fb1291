"""The forks of one session share its pacing: one Ta for the checks of all (RFC 8445 §6.1.4.2, §14.2)."""

from __future__ import annotations

from ice.checks.floor import Floor


class ForkFloor(Floor):
    """Gives turns to the forks of one session, an interval apart, under the floor of the whole process.

    Args:
        below: of the process.
        interval_ms: Ta of the session, ms.
        free_at: when the next transaction of the session may begin, monotonic seconds; None: at once.
    """

    def __init__(self, below: Floor, interval_ms: float, free_at: float | None) -> None:
        super().__init__(interval_ms)
        self._below = below
        self._turns: dict[float, float] = {}
        if free_at is not None:
            self._free_at = free_at

    def opens(self, turn: float, now: float) -> float:
        """When the holder of `turn` may begin: after the other forks, and after other sessions."""
        at = super().opens(turn, now)
        if at > now:
            return at
        if turn not in self._turns:
            self._turns[turn] = self._below.reserve(now)
        return max(at, self._below.opens(self._turns[turn], now))

    def begin(self, turn: float, now: float) -> None:
        """The holder of `turn` begins a transaction."""
        below = self._turns.pop(turn, None)
        super().begin(turn, now)
        self._below.begin(self._below.reserve(now) if below is None else below, now)

    def leave(self, turn: float) -> None:
        """The holder of `turn` has nothing to begin any more."""
        super().leave(turn)
        below = self._turns.pop(turn, None)
        if below is not None:
            self._below.leave(below)
