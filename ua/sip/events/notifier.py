"""A subscription of somebody else to us (core; RFC 6665 §4.2): what a SUBSCRIBE gets, when NOTIFYs go out.

One NOTIFY is out at a time; what happens meanwhile is told by the next one, as it stands then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.events.event import Event, State, SubscriptionState
from ua.sip.events.subscriber import ENDING_STATUSES
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request

MIN_INTERVAL_S: Final = 1.0
"""Seconds between NOTIFYs that nobody asked for (RFC 3515 §2.4.6 leaves the choice to us)."""

BRIEF_S: Final = 3600
"""Only a time below an hour may be found too short (RFC 6665 §4.2.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An event package that we notify of.

    Attributes:
        name: as in Event.
        content_type: of its bodies; what a SUBSCRIBE without Accept gets.
        min_expires: seconds below which a subscription is too short.
        default_expires: seconds where a SUBSCRIBE asks for none, and the most that is granted.
    """

    name: str
    content_type: str
    min_expires: int = 60
    default_expires: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A SUBSCRIBE that may be taken.

    Attributes:
        event: what is subscribed to.
        package: its package.
        expires: seconds granted; 0 for one NOTIFY and the end.
    """

    event: Event
    package: Package
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A SUBSCRIBE that is refused: status and headers of the response."""

    status: int
    headers: Headers


def judge(request: Request, packages: Mapping[str, Package]) -> Grant | Refusal:
    """What a SUBSCRIBE gets, by RFC 6665 §4.2.1.1: 489, 406, 423, or its time."""
    allowed = Headers.of(("Allow-Events", ", ".join(packages)))
    try:
        event = Event.of(request)
    except SipParseError:
        return Refusal(status=489, headers=allowed)
    package = packages.get(event.package)
    if package is None:
        return Refusal(status=489, headers=allowed)
    if not _accepts(request, package.content_type):
        return Refusal(status=406, headers=Headers.of(("Accept", package.content_type)))
    asked = request.seconds("expires")
    expires = package.default_expires if asked is None else min(asked, package.default_expires)
    if 0 < expires < min(package.min_expires, BRIEF_S):
        return Refusal(status=423, headers=Headers.of(("Min-Expires", package.min_expires)))
    return Grant(event=event, package=package, expires=expires)


def _accepts(request: Request, content_type: str) -> bool:
    if "accept" not in request.headers:
        return True
    rows = request.headers.all("accept")
    kinds = {part.partition(";")[0].strip().lower() for row in rows for part in row.split(",")}
    return bool(kinds & {content_type, content_type.partition("/")[0] + "/*", "*/*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNotify:
    """Command: send a NOTIFY; tell `answered` what became of it."""

    state: SubscriptionState
    body: bytes


class Notifier:
    """One subscription of a peer. Its first NOTIFY waits in `take_commands` from the start.

    Args:
        expires: seconds granted; 0: the first NOTIFY is the last one.
        body: the state as it is now.
        now: monotonic seconds.

    Attributes:
        ended: true once the last NOTIFY was answered, or one was refused: the subscription is gone.
    """

    def __init__(self, *, expires: float, body: bytes, now: float) -> None:
        self._body = body
        self._ends_at = now + expires
        self._outstanding = False
        self._last_at: float | None = None
        self._changed = False
        self._asked = True
        self._final: str | None = None if expires else "timeout"
        self._final_sent = False
        self.ended = False
        self._commands: list[SendNotify] = []
        self._work(now)

    @property
    def is_ending(self) -> bool:
        """True once nothing more can be told."""
        return self.ended or self._final is not None

    def publish(self, body: bytes, now: float) -> None:
        """The state has changed."""
        if self.is_ending or body == self._body:
            return
        self._body = body
        self._changed = True
        self._work(now)

    def finish(self, body: bytes, now: float, *, reason: str = "noresource") -> None:
        """The state will not change any more: one last NOTIFY."""
        if self.is_ending:
            return
        self._body = body
        self._final = reason
        self._work(now)

    def refresh(self, expires: float, now: float) -> None:
        """A SUBSCRIBE in the dialog was granted `expires` seconds: tell the state at once; 0 is the end."""
        if self.is_ending:
            return
        self._ends_at = now + expires
        self._asked = True
        if not expires:
            self._final = "timeout"
        self._work(now)

    def answered(self, status: int, now: float) -> None:
        """The final response to the last NOTIFY; 408 where none came (§4.2.2)."""
        self._outstanding = False
        if self._final_sent or status == 408 or status in ENDING_STATUSES:
            self.ended = True
            return
        self._work(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        if self.ended or self._final_sent or self._outstanding:
            return None
        due = self._due()
        return self._ends_at if due is None else min(due, self._ends_at)

    def handle_timer(self, now: float) -> None:
        """Tell what is due; end what is over."""
        if not self.is_ending and now >= self._ends_at:
            self._final = "timeout"
            self._asked = True
        self._work(now)

    def take_commands(self) -> list[SendNotify]:
        """What to send."""
        commands, self._commands = self._commands, []
        return commands

    def _due(self) -> float | None:
        """When the next NOTIFY may go out, None where there is nothing to tell."""
        if self._asked or self._last_at is None:
            return self._last_at or 0.0
        return self._last_at + MIN_INTERVAL_S if self._changed or self._final is not None else None

    def _work(self, now: float) -> None:
        due = self._due()
        if self.ended or self._outstanding or self._final_sent or due is None or now < due:
            return
        left = max(round(self._ends_at - now), 0)
        state = (
            SubscriptionState(state=State.ACTIVE, expires=left)
            if self._final is None
            else SubscriptionState(state=State.TERMINATED, reason=self._final)
        )
        self._final_sent = self._final is not None
        self._asked = self._changed = False
        self._outstanding = True
        self._last_at = now
        self._commands.append(SendNotify(state=state, body=self._body))
