"""Warning: why a session description was not taken (core; RFC 3261 §20.43, §27.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import QUOTED, quote, unquote
from ua.sip.syntax.message import Message

_WARNING_RE: Final = re.compile(rf"[ \t]*([1-9][0-9]{{2}}) +(\S+) +({QUOTED})[ \t]*")

NO_TRANSPORT: Final = 302
"""Incompatible transport protocol: that of an m= line."""
NO_MEDIA_TYPE: Final = 304
"""Media type not available."""
NO_FORMAT: Final = 305
"""Incompatible media format: no codec in common."""
NO_MULTICAST: Final = 330
"""Multicast not available."""
NO_BANDWIDTH: Final = 370
"""Insufficient bandwidth."""
OTHER: Final = 399
"""Anything else, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningValue:
    """One value.

    Attributes:
        code: 300 to 399.
        agent: who warns: a host, or a made-up name.
        text: for people.
    """

    code: int
    agent: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value; raises SipParseError."""
        match = _WARNING_RE.fullmatch(text)
        if match is None:
            raise SipParseError("malformed Warning")
        return cls(code=int(match[1]), agent=match[2], text=unquote(match[3]))

    def __str__(self) -> str:
        return f"{self.code} {self.agent} {quote(self.text)}"


def warnings(message: Message) -> tuple[WarningValue, ...]:
    """The warnings of a message; those that cannot be read are left out."""
    found: list[WarningValue] = []
    try:
        members = message.headers.members("warning")
    except SipParseError:
        return ()
    for member in members:
        try:
            found.append(WarningValue.parse(member))
        except SipParseError:
            continue
    return tuple(found)
