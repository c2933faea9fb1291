"""A subscription of ours (core; RFC 6665 §4.1): when to SUBSCRIBE, what the answers and NOTIFYs mean.

    NEW ──SUBSCRIBE──► WAITING ──NOTIFY──► PENDING ⇄ ACTIVE ──┐
                          └────── timer N, refusal ───────────┴──► ENDED

Feed answers and NOTIFYs, call `handle_timer` at `next_timer`, carry out what `take_commands` gives and tell
the user what `take_events` gives.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from ua.sip.events.event import State, SubscriptionState
from ua.sip.transaction.timers import Timers

ENDING_STATUSES: Final = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})
"""A refresh refused with one of these ends the subscription (RFC 6665 §4.1.2.2)."""

RETRY_S: Final = 30.0
"""Seconds between attempts to refresh a subscription that still stands."""

UNSAID_RETRY_S: Final = 300.0
"""Seconds before we try again where a notifier gives up or says nothing of when."""

MAX_RETRY_S: Final = 3600.0
MAX_RAISES: Final = 3
"""How often a notifier may find our time too short."""

SHORT_LIFE_S: Final = 60.0
"""A subscription that lasts no longer than this is not asked for again at once, again and again."""

_AT_ONCE: Final = frozenset({"deactivated", "timeout"})
_LATER: Final = frozenset({"probation", "giveup"})
_NEVER: Final = frozenset({"rejected", "noresource", "invariant"})


class Phase(enum.Enum):
    """Where a subscription stands."""

    NEW = "new"
    WAITING = "waiting for the first NOTIFY"
    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSubscribe:
    """Command: send a SUBSCRIBE; tell `answered` or `failed` what became of it.

    Attributes:
        expires: seconds to ask for; 0 ends the subscription.
    """

    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChanged:
    """Event: what the notifier says of the subscription."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEnded:
    """Event: it is over.

    Attributes:
        reason: for people; the notifier's word where it gave one.
        status: the response that refused it, None otherwise.
        retry_in: seconds until a new subscription makes sense, None where it never does.
    """

    reason: str
    status: int | None = None
    retry_in: float | None = None


SubscriberEvent = SubscriptionChanged | SubscriptionEnded


def retry_after(state: SubscriptionState) -> float | None:
    """Seconds after which to subscribe again once a NOTIFY says terminated; None for never (§4.1.3)."""
    if state.reason in _NEVER:
        return None
    if state.reason in _AT_ONCE:
        return 0.0
    unsaid = 0.0 if state.reason == "probation" else UNSAID_RETRY_S
    return min(float(state.retry_after), MAX_RETRY_S) if state.retry_after is not None else unsaid


class Subscriber:
    """One subscription.

    Args:
        expires: seconds to ask for.
        timers: of the transactions: timer N is 64*T1.
        implicit: true for the subscription that a REFER makes: there is no first SUBSCRIBE, and `start` is to
            be called when the REFER goes out.

    Attributes:
        phase: where it stands.
    """

    def __init__(self, *, expires: int, timers: Timers, implicit: bool = False) -> None:
        self._asked = expires
        self._timers = timers
        self._implicit = implicit
        self.phase = Phase.NEW
        self._began = 0.0
        self._outstanding = False
        self._unsubscribing = False
        self._end_sent = False
        self._asks = 0
        self._raises = 0
        self._told = False
        self._timer_n: float | None = None
        self._refresh_at: float | None = None
        self._ends_at: float | None = None
        self._commands: list[SendSubscribe] = []
        self._events: list[SubscriberEvent] = []

    # commands of the user

    def start(self, now: float) -> None:
        """Subscribe."""
        if self.phase is not Phase.NEW:
            raise ValueError("a subscription starts once")
        self.phase = Phase.WAITING
        self._began = now
        self._timer_n = now + self._timers.timeout
        if not self._implicit:
            self._subscribe(self._asked)

    def refresh(self) -> None:
        """Ask for the whole state now; nothing happens while a SUBSCRIBE is out."""
        if self.phase in (Phase.PENDING, Phase.ACTIVE) and not self._outstanding and not self._unsubscribing:
            self._subscribe(self._asked)

    def unsubscribe(self, now: float) -> None:
        """Ask for the end; the last NOTIFY, or timer N, ends it."""
        if self._unsubscribing or self.phase in (Phase.NEW, Phase.ENDED):
            return
        self._unsubscribing = True
        self._refresh_at = None
        self._timer_n = now + self._timers.timeout
        if not self._outstanding:
            self._subscribe(0)

    # what arrives

    def answered(
        self, status: int, *, expires: int | None = None, min_expires: int | None = None, now: float
    ) -> None:
        """The final response to the last SUBSCRIBE (or, for an implicit one, to the REFER).

        `expires` and `min_expires` are what its headers say, in seconds.
        """
        self._outstanding = False
        if self.phase is Phase.ENDED:
            return
        if 200 <= status < 300:
            self._granted(expires, now)
        elif status == 423 and self._may_ask_longer(min_expires):
            self._asked = min_expires or self._asked
            self._raises += 1
            self._subscribe(0 if self._unsubscribing else self._asked)
        elif self.phase is Phase.WAITING or status in ENDING_STATUSES or self._unsubscribing:
            again = 0.0 if status == 481 and self.phase is not Phase.WAITING else None
            self._end(f"refused with {status}", now, status=status, retry_in=again)
        else:
            self._refresh_at = now + RETRY_S

    def failed(self, reason: str, now: float) -> None:
        """No response came: the subscription stands until its time is over (§4.1.2.2)."""
        self._outstanding = False
        if self.phase is Phase.ENDED:
            return
        if self.phase is Phase.WAITING or self._unsubscribing:
            self._end(reason, now, retry_in=UNSAID_RETRY_S)
        else:
            self._refresh_at = now + RETRY_S

    def notified(self, state: SubscriptionState, now: float) -> None:
        """A NOTIFY for this subscription came."""
        if self.phase is Phase.ENDED:
            return
        if state.state is State.TERMINATED:
            reason = state.reason or "ended by the other side"
            self._end(reason, now, retry_in=retry_after(state))
            return
        phase = Phase.PENDING if state.state is State.PENDING else Phase.ACTIVE
        if not self._unsubscribing:
            self._timer_n = None
        if state.expires is not None:
            self._told = True  # the notifier's word wins over the Expires of a 200 that comes later
            self._valid_for(state.expires, now)
        elif self._ends_at is None:
            self._valid_for(self._asked, now)
        if phase is not self.phase:
            self.phase = phase
            self._events.append(SubscriptionChanged(state=state.state))

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        deadlines = (self._timer_n, self._refresh_at, self._ends_at)
        return min((at for at in deadlines if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Refresh what is due, end what is over."""
        if self._timer_n is not None and now >= self._timer_n:
            self._end(
                "ended by us" if self._unsubscribing else "no NOTIFY came", now, retry_in=UNSAID_RETRY_S
            )
        elif self._ends_at is not None and now >= self._ends_at:
            self._end("its time is over", now, retry_in=0.0)
        elif self._refresh_at is not None and now >= self._refresh_at:
            self._refresh_at = None
            if not self._outstanding:
                self._subscribe(self._asked)

    # what is to be done and told

    def take_commands(self) -> list[SendSubscribe]:
        """What to send."""
        commands, self._commands = self._commands, []
        return commands

    def take_events(self) -> list[SubscriberEvent]:
        """What happened."""
        events, self._events = self._events, []
        return events

    # inside

    def _may_ask_longer(self, min_expires: int | None) -> bool:
        return min_expires is not None and min_expires > self._asked and self._raises < MAX_RAISES

    def _subscribe(self, expires: int) -> None:
        self._outstanding = True
        self._asks += 1
        self._told = False
        self._end_sent = self._end_sent or expires == 0
        self._commands.append(SendSubscribe(expires=expires))

    def _granted(self, expires: int | None, now: float) -> None:
        if self._unsubscribing:
            if not self._end_sent:
                self._subscribe(0)
            return
        granted = self._asked if expires is None else min(expires, self._asked)
        if self._asks and not self._told:
            self._valid_for(granted, now)

    def _valid_for(self, seconds: int, now: float) -> None:
        self._ends_at = now + seconds
        if not self._unsubscribing:
            self._refresh_at = now + max(seconds / 2, seconds - 60.0)

    def _end(
        self, reason: str, now: float, *, status: int | None = None, retry_in: float | None = None
    ) -> None:
        self.phase = Phase.ENDED
        self._timer_n = self._refresh_at = self._ends_at = None
        if self._unsubscribing:
            retry_in = None
        elif retry_in is not None and now - self._began < SHORT_LIFE_S:
            retry_in = max(retry_in, RETRY_S)
        self._events.append(SubscriptionEnded(reason=reason, status=status, retry_in=retry_in))
