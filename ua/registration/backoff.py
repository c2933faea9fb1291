"""How long to wait after a registration that failed (core; RFC 5626 §4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The three times of RFC 5626 §4.5, in seconds; it lets a phone choose them.

    Attributes:
        base_s: where all flows have failed.
        base_some_s: where another one stands.
        max_s: the longest wait.
    """

    base_s: float = 30.0
    base_some_s: float = 90.0
    max_s: float = 1800.0

    def delay(self, failures: int, *, some_alive: bool, random: Callable[[int], bytes]) -> float:
        """Seconds to wait after `failures` registrations in a row that failed, 1 or more.

        Half of the bound to all of it, by lot. `random(n)` gives n unpredictable bytes.
        """
        base = self.base_some_s if some_alive else self.base_s
        bound = min(self.max_s, base * 2.0 ** min(failures, 64))
        return uniform(0.5 * bound, bound, random)


def uniform(low: float, high: float, random: Callable[[int], bytes]) -> float:
    """A number from `low` to `high`; random(n) gives n unpredictable bytes."""
    lot: float = int.from_bytes(random(_BYTES), "big") / ((1 << (8 * _BYTES)) - 1)
    return low + (high - low) * lot


def recovering(base_s: float) -> Backoff:
    """The three times of the RFC (30, 90 and 1800 s), all in the same measure of `base_s`."""
    return Backoff(base_s=base_s, base_some_s=3 * base_s, max_s=60 * base_s)
