"""When to register again (core; RFC 3261 §10.2.4, RFC 5626 §4.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ua.registration.backoff import Backoff

PROVED_S: Final = 30.0
"""A flow that lived as long as this was a good one, also without an answer to a keep-alive."""


def refresh_after(expires_s: float) -> float:
    """Seconds after which to refresh: half the time of short registrations, a minute early for long ones."""
    return max(expires_s / 2, expires_s - 60.0)


class Upkeep:
    """The times of one registration; all are monotonic seconds.

    Args:
        backoff: how long to wait after failures.
        random: random(n) gives n unpredictable bytes.

    Attributes:
        valid_until: when the registrar forgets us, 0 where it does not know us.
        failures: attempts and young flows in a row that failed.
    """

    def __init__(self, backoff: Backoff, random: Callable[[int], bytes]) -> None:
        self._backoff = backoff
        self._random = random
        self._due: float | None = None
        self._granted_at: float | None = None
        self._proved = False
        self.valid_until = 0.0
        self.failures = 0

    def next_timer(self) -> float | None:
        """When the next REGISTER is due; None while nothing was granted or refused yet."""
        return self._due

    def granted(self, expires_s: float, now: float) -> None:
        """A 2xx: we are registered for `expires_s`."""
        self.valid_until = now + expires_s
        self._due = now + refresh_after(expires_s)
        if self._granted_at is None:
            self._granted_at = now  # how good this flow is remains to be seen
        elif now - self._granted_at >= PROVED_S:
            self.failures = 0

    def refresh_within(self, seconds: float, now: float) -> None:
        """The next REGISTER leaves after so many seconds at the latest."""
        if self._due is not None:
            self._due = min(self._due, now + seconds)

    def proved(self) -> None:
        """A keep-alive was answered: this flow works."""
        self._proved = True
        self.failures = 0

    def failed(self, now: float, *, some_alive: bool, retry_after_s: float | None = None) -> None:
        """A registration failed for a reason that may pass; `retry_after_s` is what the server asked for.

        A Retry-After of 0 means now; another one can make the wait longer, not shorter.
        """
        self.failures += 1
        self._granted_at = None
        self._proved = False
        wait = self._backoff.delay(self.failures, some_alive=some_alive, random=self._random)
        if retry_after_s is not None:
            wait = 0.0 if retry_after_s == 0 else max(wait, retry_after_s)
        self._due = now + wait

    def flow_failed(self, now: float, *, some_alive: bool) -> None:
        """The flow is gone: register anew at once, or after a wait where it had proved nothing yet.

        A server that takes every registration and every time closes the connection gets no storm of them.
        """
        if self._granted_at is None:
            return
        if not self._proved and now - self._granted_at < PROVED_S:
            self.failed(now, some_alive=some_alive)
            return
        self._granted_at = None
        self._proved = False
        self.failures = 0
        self._due = now

    def moved(self, now: float) -> None:
        """The address of this host is another one: whatever failed before says nothing."""
        self.failures = 0
        self._due = now
