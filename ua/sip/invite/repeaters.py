"""What a callee repeats by itself once it has answered: the 2xx, until the ACK (core; RFC 3261 §13.3.1.4)."""

from __future__ import annotations

import enum

from ua.sip.transaction.timers import Timers


class Repeat(enum.StrEnum):
    """What is due."""

    SEND = "send"
    GIVE_UP = "give up"


class AnswerRepeater:
    """Repeats a 2xx from T1, doubling to T2, for 64*T1, on any transport (RFC 3261 §13.3.1.4)."""

    def __init__(self, timers: Timers, now: float) -> None:
        self._timers = timers
        self._spacing = timers.t1
        self._at: float | None = now + timers.t1
        self._end = now + timers.timeout

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None once it is over."""
        return self._at

    def handle_timer(self, now: float) -> Repeat | None:
        """What is due now."""
        if self._at is None or now < self._at:
            return None
        if now >= self._end:
            self._at = None
            return Repeat.GIVE_UP
        self._spacing = min(2 * self._spacing, self._timers.t2)
        self._at = min(now + self._spacing, self._end)
        return Repeat.SEND

    def acknowledged(self) -> None:
        """The ACK has come."""
        self._at = None
