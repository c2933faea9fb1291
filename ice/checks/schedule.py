"""Whose check leaves next, of all data streams of one ICE session (RFC 8445 §6.1.4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ice.checks.checklist import CheckList
from ice.checks.checklist_set import CheckListSet
from ice.checks.pacing import Pacing
from ice.checks.pair import Pair

Turns = Callable[[], dict[Pair, float]]
"""Gives when each queued and Waiting pair of all lists will be checked, in that order, monotonic seconds."""


class Runner(Protocol):
    """Who runs the checks of one list."""

    def nominate(self, turns: Turns, now: float) -> None:
        """Queue the nominations whose time has come; `turns` tells when queued pairs will be checked."""

    def may_start(self, pair: Pair) -> bool:
        """False of a pair whose connection would be one attempt too many (RFC 6544 §12)."""

    def start(self, pair: Pair, now: float) -> None:
        """Send the check of a pair, or dial for it."""

    def dials_to(self, host: str) -> int:
        """How many connection attempts to an IP address are outstanding."""


class Schedule:
    """The check lists of a session, one Ta for all of them, turn and turn about.

    Args:
        pacing: the Ta of the session.
        max_pairs: most pairs in all lists together (RFC 8445 §6.1.2.5).

    Attributes:
        lists: those that take part.
    """

    def __init__(self, pacing: Pacing, max_pairs: int) -> None:
        self.pacing = pacing
        self.lists = CheckListSet((), max_pairs=max_pairs)
        self._runners: dict[CheckList, Runner] = {}

    def join(self, checks: CheckList, runner: Runner, stream: int) -> None:
        """A list takes part from now on; `stream` is the place of its stream in the session."""
        self.lists.add(checks, stream)
        self._runners[checks] = runner

    def leave(self, checks: CheckList) -> None:
        """A list has nothing to check for now; may be called again."""
        if self._runners.pop(checks, None) is not None:
            self.lists.remove(checks)
            if not self._runners:
                self.pacing.pass_on()

    def dials_beside(self, runner: Runner, host: str) -> int:
        """How many connection attempts to an IP address the other streams have outstanding."""
        return sum(other.dials_to(host) for other in self._runners.values() if other is not runner)

    def advance(self, now: float) -> None:
        """Send checks as far as the pacing allows, nominations first."""
        while True:
            self._nominate(now)
            if not any(checks.has_more for checks in self._runners):
                self.pacing.pass_on()
                return
            self.pacing.idle = False
            if not self.pacing.due(now):
                return
            pair = self.lists.next_check(self._may_start, now)
            if pair is None:
                # Whoever waits now waits for a connection attempt to end, not for its turn.
                self.pacing.pass_on()
                return
            self.pacing.sent(now)
            self._runner(pair).start(pair, now)

    def _nominate(self, now: float) -> None:
        known: list[dict[Pair, float]] = []

        def turns() -> dict[Pair, float]:
            # Who asks first asks before a nomination is queued; the others get the same answer.
            if not known:
                known.append(self.pacing.turns(self.lists.queue, now))
            return known[0]

        for runner in tuple(self._runners.values()):
            runner.nominate(turns, now)

    def _may_start(self, pair: Pair) -> bool:
        return self._runner(pair).may_start(pair)

    def _runner(self, pair: Pair) -> Runner:
        return next(runner for checks, runner in self._runners.items() if pair in checks)
