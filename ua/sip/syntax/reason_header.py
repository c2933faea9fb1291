"""Reason and the headers of privacy and identity (core; RFC 3326, RFC 3323, RFC 3325)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import TOKEN, get_param, quote, read_params
from ua.sip.syntax.message import Message
from ua.sip.syntax.name_addr import NameAddr

_PROTOCOL_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a request was sent.

    Attributes:
        protocol: whose numbers these are: "SIP", "Q.850" ...
        cause: the number, None where it is not told.
        text: for people, may be empty.
    """

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value; raises SipParseError."""
        match = _PROTOCOL_RE.match(text)
        if match is None:
            raise SipParseError("malformed Reason")
        params = read_params(text, match.end())
        cause = get_param(params, "cause") or ""
        return cls(
            protocol=match[1],
            cause=int(cause) if cause.isascii() and cause.isdigit() and len(cause) <= 4 else None,
            text=get_param(params, "text") or "",
        )

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        return f"{self.protocol}{cause}" + (f";text={quote(self.text)}" if self.text else "")

    def told(self) -> str:
        """For people."""
        number = "" if self.cause is None else f"{self.protocol} {self.cause}"
        return f"{self.text} ({number})" if self.text and number else self.text or number or self.protocol


def reasons(message: Message) -> tuple[Reason, ...]:
    """The reasons of a message, the first of each protocol; those that cannot be read are left out."""
    found: dict[str, Reason] = {}
    try:
        members = message.headers.members("reason")
    except SipParseError:
        return ()
    for member in members:
        try:
            reason = Reason.parse(member)
        except SipParseError:
            continue
        found.setdefault(reason.protocol.lower(), reason)
    return tuple(found.values())


def told(message: Message) -> str:
    """The reasons of a message in one line for people, empty without any."""
    return ", ".join(reason.told() for reason in reasons(message))


def completed_elsewhere(message: Message) -> bool:
    """True where a CANCEL or BYE says that another phone took the call: it was not missed."""
    return any(reason.protocol.upper() == "SIP" and reason.cause == 200 for reason in reasons(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a network says that the sender is, and what is to stay hidden.

    Attributes:
        asserted: P-Asserted-Identity; worth something only where the one who sent it is trusted.
        privacy: values of Privacy in lower case ("id", "header", "user" ...).
    """

    asserted: tuple[NameAddr, ...] = ()
    privacy: frozenset[str] = frozenset()

    @classmethod
    def of(cls, message: Message) -> Self:
        """Read the headers of a message; what cannot be read counts as absent."""
        try:
            asserted = message.addresses("p-asserted-identity")
        except SipParseError:
            asserted = ()
        rows = message.headers.all("privacy")
        values = (part.strip().lower() for row in rows for part in re.split("[;,]", row))
        return cls(asserted=asserted, privacy=frozenset(value for value in values if value))

    @property
    def hidden(self) -> bool:
        """True where the sender wants its identity to be told to nobody."""
        return bool(self.privacy & {"id", "user", "header"})
