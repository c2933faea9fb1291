"""Which new requests are let in: how many at once, and how many a second from one host (core)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_SOURCES: Final = 4096
"""Hosts whose requests are counted; beyond this the one that was quiet for longest is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of others is taken at a time. What comes on top gets 503 with Retry-After, or nothing.

    A PBX is one host, whatever the number of its users. 50 calls a second make about 250 requests a second
    (INVITE, PRACK, UPDATE, BYE, OPTIONS or INFO; not ACK, nor repeats), 10,000 transactions that absorb
    repeats for 32 s, and, ringing for 40 s each, 2,000 INVITEs without a final response.

    Attributes:
        pending: requests that wait for our final response.
        transactions: all of others; on top of them the oldest that are answered are forgotten, so that their
            repeats would be taken for new.
        per_second: new requests from one host, as many at once after a pause. Twice that is answered 503,
            the rest is dropped: nobody can make us send more than this.
        datagrams_per_second: whatever comes from one host by UDP; the rest is not even read.
    """

    pending: int = 2000
    transactions: int = 10_000
    per_second: float = 500.0
    datagrams_per_second: float = 1000.0

    @classmethod
    def of_requests(cls, per_second: float) -> Limits:
        """The limits of who takes so many new requests a second from one host; the others grow with it."""
        usual = cls()
        share = per_second / usual.per_second
        return cls(
            pending=max(usual.pending, round(usual.pending * share)),
            transactions=max(usual.transactions, round(usual.transactions * share)),
            per_second=per_second,
            datagrams_per_second=usual.datagrams_per_second * share,
        )


class Verdict(Enum):
    """What becomes of a new request."""

    TAKE = "take"
    REFUSE = "refuse"
    DROP = "drop"


class Rate:
    """So much a second from each host: a token bucket for each, which holds what a second may bring.

    Args:
        per_second: from each.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        """Hosts that are known."""
        return len(self._buckets)

    def take(self, host: str, now: float) -> bool:
        """True where one more may come from there, at `now` in monotonic seconds."""
        rate = self._per_second
        level, seen = self._buckets.pop(host, (rate, now))
        level = min(rate, level + (now - seen) * rate)
        taken = level >= 1
        self._buckets[host] = (level - taken, now)  # the last one in order
        if len(self._buckets) > MAX_SOURCES:
            del self._buckets[next(iter(self._buckets))]
        return taken


class Admission:
    """Judges new requests.

    Attributes:
        limits: what is taken.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._taken = Rate(limits.per_second)
        self._refused = Rate(limits.per_second)

    def judge(self, host: str, *, pending: int, now: float) -> Verdict:
        """A new request from there, at `now` in monotonic seconds, while so many wait for our answer."""
        if pending < self.limits.pending and self._taken.take(host, now):
            return Verdict.TAKE
        return Verdict.REFUSE if self._refused.take(host, now) else Verdict.DROP
