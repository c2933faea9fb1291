"""The headers of event notification: Event and Subscription-State (core; RFC 6665 §8.2)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import TOKEN, get_param, is_token, read_params
from ua.sip.syntax.message import Message

MAX_SECONDS: Final = 2**32 - 1

_HEAD_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is subscribed to: a package, and which of several subscriptions to it in one dialog.

    Attributes:
        package: name of the event package, e.g. "refer"; compared as it stands.
        id: value of the id parameter, None without one; compared as it stands.
    """

    package: str
    id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an Event value; other parameters are left out. Raises SipParseError."""
        match = _HEAD_RE.match(text)
        if match is None:
            raise SipParseError("malformed Event")
        return cls(package=match[1], id=get_param(read_params(text, match.end()), "id"))

    @classmethod
    def of(cls, message: Message) -> Self:
        """The Event of a message; raises SipParseError where it is absent or malformed."""
        text = message.headers.first("event")
        if text is None:
            raise SipParseError("no Event")
        return cls.parse(text)

    def __str__(self) -> str:
        return self.package if self.id is None else f"{self.package};id={self.id}"


class State(enum.StrEnum):
    """Where a subscription stands, as a NOTIFY says it (RFC 6665 §4.1.3)."""

    ACTIVE = "active"
    PENDING = "pending"
    TERMINATED = "terminated"


_STATES: Final = frozenset(state.value for state in State)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """A Subscription-State value.

    Attributes:
        state: an unknown one counts as active: it is neither of those that change what a subscriber does.
        reason: why it is terminated, in lower case; empty where nothing is said.
        expires: seconds that are left, None where nothing is said.
        retry_after: seconds to wait before the next subscription, None where nothing is said.
    """

    state: State
    reason: str = ""
    expires: int | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value; numbers that are none, and parameters that cannot be read, count as absent.

        Raises SipParseError where there is no state.
        """
        match = _HEAD_RE.match(text)
        if match is None:
            raise SipParseError("malformed Subscription-State")
        try:
            params = read_params(text, match.end())
        except SipParseError:
            # linphonec ends its transfers with "terminated;reason=reason=noresource": the state counts.
            params = ()
        name = match[1].lower()
        return cls(
            state=State(name) if name in _STATES else State.ACTIVE,
            reason=(get_param(params, "reason") or "").lower(),
            expires=_seconds(get_param(params, "expires")),
            retry_after=_seconds(get_param(params, "retry-after")),
        )

    @classmethod
    def of(cls, message: Message) -> Self:
        """That of a NOTIFY; raises SipParseError where it is absent or malformed."""
        text = message.headers.first("subscription-state")
        if text is None:
            raise SipParseError("no Subscription-State")
        return cls.parse(text)

    def __str__(self) -> str:
        reason = f";reason={self.reason}" if is_token(self.reason) else ""
        expires = "" if self.expires is None else f";expires={self.expires}"
        retry_after = "" if self.retry_after is None else f";retry-after={self.retry_after}"
        return f"{self.state}{reason}{expires}{retry_after}"


def _seconds(text: str | None) -> int | None:
    if not text or not (text.isascii() and text.isdigit()) or len(text) > 10:
        return None
    return min(int(text), MAX_SECONDS)
