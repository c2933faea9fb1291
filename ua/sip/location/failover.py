"""Which server a request goes to, and when it goes to the next one (core; RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ua.sip.location.procedure import MAX_TARGETS
from ua.sip.location.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A server that failed.

    Attributes:
        target: the server.
        problem: what happened, in a few words.
    """

    target: Target
    problem: str


class Failover:
    """The servers of one request. Times are monotonic seconds.

    A server that says nothing keeps the request for a quarter of the whole time while there are others, the
    last one for what is left of it. Anything that it says stops that: the transaction has its own timers.

    Args:
        targets: best first; MAX_TARGETS of them are tried.
        now: when the request starts.
        total_s: seconds for all of them together.

    Attributes:
        tried: those that failed, in order.
    """

    def __init__(self, targets: Sequence[Target], *, now: float, total_s: float) -> None:
        self._left = list(targets[:MAX_TARGETS])
        self._total_s = total_s
        self._ends_at = now + total_s
        self._current: Target | None = None
        self._silent_until: float | None = None
        self.tried: list[Tried] = []

    @property
    def is_alone(self) -> bool:
        """True where there is one server: its transaction's timers are enough."""
        return len(self._left) + len(self.tried) + (self._current is not None) <= 1

    def has_next(self, now: float) -> bool:
        """True where `next` would give another server."""
        return bool(self._left) and now < self._ends_at

    def next(self, now: float) -> Target | None:
        """The server to send to now; None where there is none or the time is over."""
        if not self.has_next(now):
            self._silent_until = None
            return None
        self._current = self._left.pop(0)
        patience = self._total_s / MAX_TARGETS if self._left else self._ends_at - now
        self._silent_until = min(now + patience, self._ends_at)
        return self._current

    def heard(self) -> None:
        """The server said something."""
        self._silent_until = None

    def failed(self, problem: str) -> None:
        """The server failed; ask for the `next`."""
        if self._current is not None:
            self.tried.append(Tried(target=self._current, problem=problem))
        self._current = None
        self._silent_until = None

    def next_timer(self) -> float | None:
        """When the server has been silent for too long."""
        return self._silent_until

    def is_silent(self, now: float) -> bool:
        """True where the server has been silent for too long."""
        return self._silent_until is not None and now >= self._silent_until

    def summary(self) -> str:
        """Which servers were tried, and what happened there."""
        return ", ".join(f"{each.target} ({each.problem})" for each in self.tried)
