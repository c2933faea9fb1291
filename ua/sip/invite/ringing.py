"""The provisional responses to an INVITE (core; RFC 3261 §13.3.1.1, RFC 3262 §3, RFC 8839 §7.1.1).

Reliable ones are numbered, sent one at a time, and repeated until their PRACK. Unreliable ones are repeated
every minute, and faster where they hold an answer that must arrive and nothing acknowledges it.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import replace
from typing import Final

from ua.sip.invite.rack import RELIABLE, RAck
from ua.sip.syntax.message import CSeq, Response
from ua.sip.transaction.timers import Timers

RINGING_INTERVAL: Final = 60.0
"""Seconds between them: a proxy gives up after three minutes without one (RFC 3261 §13.3.1.1)."""

RELIABLE_INTERVAL: Final = 150.0
"""The same where they are reliable (RFC 3262 §3)."""

FIRST_RSEQ_LIMIT: Final = 2**31 - 1
"""The first number is between 1 and this (RFC 3262 §3)."""


class RingingEnd(enum.StrEnum):
    """Why ringing is over without us."""

    EXPIRED = "expired"
    """The INVITE's Expires has passed (RFC 3261 §13.3.1)."""
    NOT_ACKNOWLEDGED = "no PRACK"
    """A reliable response was repeated for 64*T1 (RFC 3262 §3)."""


class Ringing:
    """What a callee sends before its final response. The owner sends `take_responses()` after each call.

    Args:
        timers: T1 and 64*T1.
        cseq: of the INVITE.
        chance: 31 random bits for the first RSeq.
        now: monotonic seconds.
        expires: the INVITE's Expires in seconds, None without one.
    """

    def __init__(
        self, *, timers: Timers, cseq: CSeq, chance: int, now: float, expires: float | None = None
    ) -> None:
        self._timers = timers
        self._cseq = cseq
        self._next_rseq = 1 + chance % FIRST_RSEQ_LIMIT
        self._expiry = math.inf if expires is None else now + expires
        self._last: tuple[Response, bool] | None = None
        self._again = math.inf
        self._queue: deque[tuple[Response, bool]] = deque()
        self._unacknowledged: dict[int, bool] = {}
        self._reopened: set[int] = set()
        self._in_flight: Response | None = None
        self._flight_rseq = 0
        self._give_up = math.inf
        self._repeat = _Doubling()
        self._unreliable: Response | None = None
        self._answered = False
        self._out: list[Response] = []

    def take_responses(self) -> list[Response]:
        """What is to be sent, in order; each once."""
        out, self._out = self._out, []
        return out

    @property
    def holds_session(self) -> bool:
        """True while a reliable response with a description has no PRACK: a 2xx waits (RFC 3262 §5)."""
        return any(self._unacknowledged.values()) or any(session for _, session in self._queue)

    @property
    def is_idle(self) -> bool:
        """True once no PRACK can come any more."""
        return not self._unacknowledged and not self._queue

    def ring(self, response: Response, now: float, *, sends: int | None = 1) -> None:
        """Send a provisional response unreliably.

        `sends` is how often at most, at T1 and doubling; None until `stop_repeating` (or 64*T1).
        """
        self._out.append(response)
        self._note(response, now, reliable=False)
        if sends != 1 and self._in_flight is None:
            self._unreliable = response
            self._repeat = _Doubling(
                at=now + self._timers.t1,
                spacing=self._timers.t1,
                end=now + self._timers.timeout,
                left=math.inf if sends is None else sends - 1,
            )

    def ring_reliably(self, response: Response, now: float, *, session: bool) -> None:
        """Send a provisional response until its PRACK comes, after those that wait for theirs.

        `session` says that it holds a description.
        """
        self._queue.append((response, session))
        self._note(response, now, reliable=True)
        self._advance(now)

    def stop_repeating(self) -> None:
        """The peer has the answer in the unreliable response: repeat it no more (RFC 8839 §7.1.1)."""
        if self._unreliable is not None:
            self._unreliable = None
            self._repeat = _Doubling()

    def knows(self, rack: RAck) -> bool:
        """True where a PRACK with this number acknowledges one of ours (RFC 3262 §3)."""
        known = rack.rseq in self._unacknowledged or rack.rseq in self._reopened
        return known and rack.cseq == self._cseq

    def acknowledge(self, rack: RAck, now: float) -> bool:
        """A PRACK: true where it acknowledges one of ours, which is done then."""
        if not self.knows(rack):
            return False
        self._reopened.discard(rack.rseq)
        if self._unacknowledged.pop(rack.rseq, None) is not None and rack.rseq == self._flight_rseq:
            self._land()
            if not self._answered:
                self._advance(now)
        return True

    def reopen(self, rack: RAck) -> None:
        """The PRACK was refused for its offer: one without may acknowledge the same (RFC 6337 §2.3)."""
        self._reopened.add(rack.rseq)

    def settle(self) -> None:
        """The user has decided: no new response goes out but those with descriptions that wait already."""
        self._queue = deque(entry for entry in self._queue if entry[1])
        self._again = math.inf
        self._expiry = math.inf
        self.stop_repeating()

    def answered(self) -> None:
        """A final response was sent: nothing is sent any more; PRACKs on their way are still known."""
        self.settle()
        self._queue.clear()
        self._answered = True
        self._land()

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None for never."""
        at = min(self._expiry, self._again, self._give_up, self._repeat.at)
        return at if at < math.inf else None

    def handle_timer(self, now: float) -> RingingEnd | None:
        """Repeat what is due, or say why it is over."""
        if now >= self._expiry:
            self._expiry = math.inf
            return RingingEnd.EXPIRED
        if now >= self._give_up:
            self._land()
            self._queue.clear()
            return RingingEnd.NOT_ACKNOWLEDGED
        if now >= self._repeat.at:
            response = self._in_flight or self._unreliable
            if response is not None:
                self._out.append(response)
            self._repeat.advance(now)
        if now >= self._again:
            self._ring_again(now)
        return None

    def _ring_again(self, now: float) -> None:
        if self._last is None:
            return
        response, reliable = self._last
        if not reliable:
            self._out.append(response)
        elif self.is_idle:
            bare = replace(response, headers=response.headers.without("content-type"), body=b"")
            self._queue.append((bare, False))
            self._advance(now)
        self._again = now + (RELIABLE_INTERVAL if reliable else RINGING_INTERVAL)

    def _note(self, response: Response, now: float, *, reliable: bool) -> None:
        self._last = response, reliable
        self._again = now + (RELIABLE_INTERVAL if reliable else RINGING_INTERVAL)

    def _advance(self, now: float) -> None:
        """Send the next reliable response where none is under way."""
        if self._in_flight is not None or not self._queue:
            return
        response, session = self._queue.popleft()
        rseq = self._next_rseq
        self._next_rseq += 1
        rows = response.headers.with_added(("Require", RELIABLE), ("RSeq", rseq))
        self._in_flight = replace(response, headers=rows)
        self._flight_rseq = rseq
        self._unacknowledged[rseq] = session
        self._unreliable = None
        self._give_up = now + self._timers.timeout
        self._repeat = _Doubling(at=now + self._timers.t1, spacing=self._timers.t1, end=self._give_up)
        self._out.append(self._in_flight)

    def _land(self) -> None:
        """Nothing reliable is under way any more."""
        if self._in_flight is not None:
            self._in_flight = None
            self._repeat = _Doubling()
        self._give_up = math.inf


class _Doubling:
    """Times of repeats: doubling without a cap (RFC 3262 §3)."""

    def __init__(
        self,
        *,
        at: float = math.inf,
        spacing: float = 0.0,
        end: float = math.inf,
        left: float = math.inf,
    ) -> None:
        self.at = at
        self._spacing = spacing
        self._end = end
        self._left = left

    def advance(self, now: float) -> None:
        """One was sent."""
        self._left -= 1
        self._spacing *= 2
        at = now + self._spacing
        self.at = at if self._left > 0 and at < self._end else math.inf
