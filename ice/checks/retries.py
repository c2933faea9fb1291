"""Pairs whose connection came to nothing and is tried again: when, and in their turn (RFC 6544 §7.1)."""

from __future__ import annotations

from ice.checks.checklist import CheckList
from ice.checks.pair import Pair
from ice.types import PairState


class Retries:
    """The pairs of one check list that wait for another attempt.

    Args:
        checks: the check list.
    """

    def __init__(self, checks: CheckList) -> None:
        self._checks = checks
        self._due: dict[Pair, float] = {}

    def at(self, pair: Pair, due: float) -> None:
        """Try a pair again at `due`, monotonic seconds."""
        self._due[pair] = due

    def forget(self, pair: Pair) -> bool:
        """There is no need any more; True where the pair was to be tried again."""
        return self._due.pop(pair, None) is not None

    def handle_timer(self, now: float) -> None:
        """Queue the pairs that are to be tried again now; they wait for their turn like all others."""
        for pair, due in tuple(self._due.items()):
            if now >= due:
                del self._due[pair]
                if pair in self._checks and pair.state is PairState.IN_PROGRESS:
                    self._checks.trigger(pair, now)

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return min(self._due.values(), default=None)
