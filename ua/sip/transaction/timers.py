"""The timers of the transaction machines under their RFC letters (RFC 3261 table 4, RFC 6026 §8.1)."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


class Timer(enum.StrEnum):
    """What may run in a transaction."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's letter
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    TRYING = "100"
    """The 200 ms after which an INVITE server says 100 (RFC 3261 §17.2.1)."""
    CANCELLED = "cancelled"
    """The 64*T1 after a CANCEL in which the final response must come (RFC 3261 §9.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """T1, T2 and T4 in seconds (RFC 3261 §17.1.1.1, §17.1.2.2).

    Attributes:
        t1: estimate of the round trip; may be raised on slow links.
        t2: longest spacing of repeats.
        t4: longest life of a message in the network.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout(self) -> float:
        """64*T1."""
        return 64 * self.t1

    def first(self, timer: Timer, *, reliable: bool) -> float:
        """Seconds from start to first firing; infinity where it is not started, 0 where it fires at once."""
        if timer in _REPEATS:
            return math.inf if reliable else self.t1
        if timer in _LINGERS and reliable:
            return 0.0
        if timer is Timer.D:  # at least 32 s, whatever T1 is
            return max(32.0, self.timeout)
        if timer in (Timer.I, Timer.K):
            return self.t4
        return 0.2 if timer is Timer.TRYING else self.timeout

    def next(self, timer: Timer, last: float) -> float:
        """Spacing after `last`: doubled, for all but A at most T2."""
        return 2 * last if timer is Timer.A else min(2 * last, self.t2)


_REPEATS = frozenset({Timer.A, Timer.E, Timer.G})
_LINGERS = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})
