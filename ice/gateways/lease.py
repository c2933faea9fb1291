"""When the requests for one mapping leave (RFC 6887 §8.1.1, §11.2.1, RFC 6886 §3.1, §3.3)."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass

MAX_LIFETIME_S = 24 * 3600
"""RFC 6887 §8.3, §15: what a gateway grants beyond that is not believed."""

LEAST_GAP_S = 4.0
"""RFC 6887 §11.2.1: renewals are never closer to each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a protocol is.

    Attributes:
        first_s: seconds until a request is repeated for the first time; they double then.
        most_s: longest such interval.
        jitter: part of an interval by which it varies at most.
        attempts: requests until silence is an answer; None: no end.
        renewals: requests that begin at each time of renewal.
        spread: part of the lifetime left at a renewal within which it falls by chance.
    """

    first_s: float
    most_s: float
    jitter: float
    attempts: int | None
    renewals: int
    spread: float


PCP_PACE = Pace(first_s=3.0, most_s=1024.0, jitter=0.1, attempts=None, renewals=1, spread=0.25)
"""RFC 6887 §8.1.1; §11.2.1: from 1/2 to 5/8, from 3/4 to 3/4 + 1/16, from 7/8 to 7/8 + 1/32 ..."""

NAT_PMP_PACE = Pace(first_s=0.25, most_s=64.0, jitter=0.0, attempts=9, renewals=9, spread=0.0)
"""RFC 6886 §3.1; §3.3: renewal begins half-way to expiry, like DHCP."""

DELETIONS = 3
"""RFC 6886 §3.1: once or twice again is enough; the mapping ends by itself."""


def deleting(pace: Pace) -> Pace:
    """The same for requests that delete."""
    return dataclasses.replace(pace, attempts=DELETIONS)


class Due(enum.Enum):
    """What is to be done now."""

    NOTHING = enum.auto()
    SEND = enum.auto()
    SILENT = enum.auto()
    """Nobody answered, and nobody is waited for any longer."""
    EXPIRED = enum.auto()
    """The mapping is no more."""


class Lease:
    """The times of one request, and of the mapping that it may bring; monotonic seconds.

    Args:
        pace: of the protocol.
        draw: gives a number from 0 up to 1 by chance.
        now: when the first request may leave.
    """

    def __init__(self, pace: Pace, draw: Callable[[], float], now: float) -> None:
        self._pace = pace
        self._draw = draw
        self._attempts = 0
        self._interval = 0.0
        self._granted_at = 0.0
        self._lifetime: float | None = None
        self._renewal = 0
        self.next_at = now
        """When `due` has something to say."""

    @property
    def sent(self) -> bool:
        """True once a request left."""
        return self._attempts > 0 or self._lifetime is not None

    @property
    def unanswered(self) -> bool:
        """True while an answer is waited for before anything else is asked."""
        return self._attempts > 0

    def due(self, now: float) -> Due:
        """What is to be done; a request that is to be sent counts as sent."""
        if self._lifetime is not None and now >= self._granted_at + self._lifetime:
            return Due.EXPIRED
        if now < self.next_at:
            return Due.NOTHING
        if self._lifetime is None:
            if self._attempts == self._pace.attempts:
                return Due.SILENT
            self._repeat_after(now)
            return Due.SEND
        self._repeat_after(now)
        if self._attempts >= self._pace.renewals:
            self._renew_again(self._granted_at, self._lifetime, now)
        self.next_at = min(self.next_at, self._granted_at + self._lifetime)
        return Due.SEND

    def granted(self, lifetime_s: float, now: float) -> None:
        """The gateway mapped the port, or prolonged that."""
        self._granted_at = now
        self._lifetime = min(lifetime_s, MAX_LIFETIME_S)
        self._renewal = 0
        self._renew_again(now, self._lifetime, now)
        self.next_at = min(self.next_at, now + self._lifetime)

    def _repeat_after(self, now: float) -> None:
        self._attempts += 1
        wanted = self._pace.first_s if self._attempts == 1 else 2 * self._interval
        self._interval = (1 + self._pace.jitter * (2 * self._draw() - 1)) * min(wanted, self._pace.most_s)
        self.next_at = now + self._interval

    def _renew_again(self, granted_at: float, lifetime: float, now: float) -> None:
        """The next of the times that come ever closer to the end."""
        self._renewal += 1
        self._attempts = 0
        left = lifetime / 2**self._renewal
        at = granted_at + lifetime - left + left * self._pace.spread * self._draw()
        self.next_at = max(at, now + LEAST_GAP_S)
