"""The session timer of a dialog: negotiation, refreshes, expiry (core; RFC 4028)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from ua.sip.config import SipConfig
from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response

TIMER: Final = "timer"
"""Option tag of RFC 4028."""

SHORTEST: Final = 90
"""Seconds: no session interval is shorter, and no Min-SE (RFC 4028 §4, §5)."""

LONGEST_MIN_SE: Final = 86400
"""Seconds: a server that wants more than a day between refreshes is not followed."""

MARGIN: Final = 32.0
"""Seconds before the end in which an unrefreshed session is given up, or a third of it (RFC 4028 §10)."""

_EXPIRES_RE: Final = re.compile(r"[ \t]*(\d{1,10})[ \t]*((?:;.*)?)", re.ASCII | re.DOTALL)
_REFRESHER_RE: Final = re.compile(r";[ \t]*refresher[ \t]*=[ \t]*(uac|uas)(?=[ \t]*(?:;|$))", re.IGNORECASE)


class Refresher(enum.StrEnum):
    """Who refreshes, as the two sides of the last refresh request are called (RFC 4028 §4)."""

    UAC = "uac"
    UAS = "uas"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpires:
    """Seconds of a session interval, and who refreshes where that is said (RFC 4028 §4)."""

    seconds: int
    refresher: Refresher | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Read a Session-Expires value; raises SipParseError."""
        match = _EXPIRES_RE.fullmatch(text)
        if match is None or int(match[1]) >= 2**32:
            raise SipParseError("malformed Session-Expires")
        who = _REFRESHER_RE.search(match[2])
        return cls(seconds=int(match[1]), refresher=Refresher(who[1].lower()) if who else None)

    @classmethod
    def of(cls, message: Message) -> SessionExpires | None:
        """The one in a message; None where it is absent or malformed."""
        text = message.headers.first("session-expires")
        try:
            return None if text is None else cls.parse(text)
        except SipParseError:
            return None

    def __str__(self) -> str:
        return f"{self.seconds}" if self.refresher is None else f"{self.seconds};refresher={self.refresher}"


class TimerDue(enum.StrEnum):
    """What a session timer wants."""

    REFRESH = "refresh"
    """Send UPDATE or re-INVITE (RFC 4028 §7.4)."""
    EXPIRED = "expired"
    """Nobody has refreshed the session: say BYE (RFC 4028 §10)."""


class SessionTimer:
    """One dialog's timer, or that of the INVITE which is to make one.

    Args:
        wanted: seconds that we ask for, 0 to ask for none.
        least: seconds that we take at least, 90 or more.
        enabled: false where we have no part in it.

    Attributes:
        interval: seconds that were agreed, None without a timer.
        refreshes: true where the refreshes are our matter.
        min_se: the highest Min-SE that was heard, 0 before.
    """

    def __init__(self, *, wanted: int, least: int = SHORTEST, enabled: bool = True) -> None:
        self._wanted = wanted
        self._least = least
        self._enabled = enabled
        self.interval: int | None = None
        self.refreshes = False
        self.min_se = 0
        self._since = 0.0
        self._refresh_at: float | None = None
        self._last_failure = 0

    @classmethod
    def of(cls, config: SipConfig) -> SessionTimer:
        """The timer that an endpoint's settings ask for."""
        return cls(
            wanted=config.session_expires,
            least=config.min_session_expires,
            enabled=TIMER in config.supported,
        )

    # --- our requests -------------------------------------------------------------------------------------

    def ask(self) -> Headers:
        """Session-Expires and Min-SE for an INVITE or UPDATE of ours (RFC 4028 §7.1, §7.4)."""
        if not self._enabled:
            return Headers()
        rows: list[tuple[str, object]] = []
        if self.interval is not None:
            who = Refresher.UAC if self.refreshes else Refresher.UAS
            seconds = max(self.interval, self.min_se, self._least)
            rows.append(("Session-Expires", SessionExpires(seconds=seconds, refresher=who)))
        elif self._wanted:
            seconds = max(self._wanted, self.min_se, self._least)
            rows.append(("Session-Expires", SessionExpires(seconds=seconds)))
        if self.min_se or self._least > SHORTEST:
            rows.append(("Min-SE", max(self.min_se, self._least)))
        return Headers.of(*rows)

    def note(self, request: Request) -> None:
        """A refresh of the dialog, ours as it was sent last: the highest Min-SE counts (RFC 4028 §7.4)."""
        lowest = request.seconds("min-se") or 0
        if self._enabled and lowest <= LONGEST_MIN_SE:
            self.min_se = max(self.min_se, lowest)

    def answered(self, response: Response, now: float) -> None:
        """A 2xx to an INVITE or UPDATE of ours (RFC 4028 §7.2)."""
        if not self._enabled:
            return
        told = SessionExpires.of(response)
        if told is None:
            self.stop()
        else:
            self._start(told.seconds, now, refreshes=told.refresher is not Refresher.UAS)

    def failed(self, status: int, now: float) -> None:
        """A refresh of ours was refused: it is tried again, but not after the same answer twice (§10)."""
        end = self._give_up_at()
        if status == self._last_failure or end is None:
            self._refresh_at = None
        else:
            self._refresh_at = now + (end - now) / 2
        self._last_failure = status

    # --- the peer's requests ------------------------------------------------------------------------------

    def too_small(self, request: Request) -> int | None:
        """Seconds for the Min-SE of a 422 where the peer asks for less than we take (RFC 4028 §9)."""
        asked = SessionExpires.of(request)
        if not self._enabled or asked is None or not _supports(request):
            return None
        return self._least if asked.seconds < self._least else None

    def accept(self, request: Request, now: float) -> Headers:
        """Take the timer of an INVITE or UPDATE; gives the headers of our 2xx (RFC 4028 §9, table 2)."""
        if not self._enabled:
            return Headers()
        self.note(request)
        agreed = self._agree(request, request.seconds("min-se") or 0)
        if agreed is None:
            self.stop()
            return Headers()
        self._start(agreed.seconds, now, refreshes=agreed.refresher is Refresher.UAS)
        rows = Headers.of(("Session-Expires", agreed))
        return rows.with_added(("Require", TIMER)) if _supports(request) else rows

    def _agree(self, request: Request, lowest: int) -> SessionExpires | None:
        asked = SessionExpires.of(request)
        supported = _supports(request)
        if asked is None:
            wanted = self.interval or self._wanted
            if not supported or not wanted:
                return None
            who = Refresher.UAS if self.interval is None or self.refreshes else Refresher.UAC
            return SessionExpires(seconds=max(wanted, lowest, self._least), refresher=who)
        if asked.seconds < self._least and not supported:
            # a proxy's wish, less than the RFC allows: it cannot be raised, nor refused
            return None if asked.seconds < SHORTEST else self._of_others(asked.seconds)
        floor = max(lowest, self._least)
        seconds = asked.seconds
        if self._wanted and self._wanted < seconds:
            seconds = min(max(self._wanted, floor), seconds)
        if not supported:
            return self._of_others(seconds)
        who = asked.refresher or self._keeper()
        return SessionExpires(seconds=seconds, refresher=who)

    def _of_others(self, seconds: int) -> SessionExpires:
        """What a peer without session timers gets: the refreshes are ours."""
        return SessionExpires(seconds=seconds, refresher=Refresher.UAS)

    def _keeper(self) -> Refresher:
        """Who refreshes where the peer leaves it open: whoever did; at first the one who asks."""
        return Refresher.UAS if self.interval is not None and self.refreshes else Refresher.UAC

    # --- the clock ----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """There is no timer (any more)."""
        self.interval = None
        self._refresh_at = None

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None for never."""
        times = [at for at in (self._refresh_at, self._give_up_at()) if at is not None]
        return min(times, default=None)

    def handle_timer(self, now: float) -> TimerDue | None:
        """What is due."""
        end = self._give_up_at()
        if end is not None and now >= end:
            self.stop()
            return TimerDue.EXPIRED
        if self._refresh_at is not None and now >= self._refresh_at:
            self._refresh_at = None
            return TimerDue.REFRESH
        return None

    def _start(self, seconds: int, now: float, *, refreshes: bool) -> None:
        self.interval = max(seconds, self._least) if refreshes else max(seconds, 1)
        self.refreshes = refreshes
        self._since = now
        self._last_failure = 0
        self._refresh_at = now + self.interval / 2 if refreshes else None

    def _give_up_at(self) -> float | None:
        if self.interval is None:
            return None
        return self._since + self.interval - min(MARGIN, self.interval / 3)


def _supports(request: Request) -> bool:
    return TIMER in request.headers.tokens("supported")
