"""What a callee repeats by itself: 2xx until the ACK, ringing every minute (core; RFC 3261 §13.3.1)."""

from __future__ import annotations

import enum
import math

from ua.sip.transaction.timers import Timers

RINGING_INTERVAL: float = 60.0
"""Seconds between provisional responses: a proxy gives up after three minutes without one."""


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


class RingingRepeater:
    """Repeats the last provisional response every minute, until the INVITE expires (RFC 3261 §13.3.1.1).

    `expires` is the INVITE's Expires in seconds, None without one.
    """

    def __init__(self, now: float, expires: float | None = None) -> None:
        self._end = math.inf if expires is None else now + expires
        self._at: float | None = min(now + RINGING_INTERVAL, self._end)

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
        self._at = min(now + RINGING_INTERVAL, self._end)
        return Repeat.SEND

    def stop(self) -> None:
        """A final response was given."""
        self._at = None
