"""Resource-Priority: how urgent somebody in authority says that a request is (core; RFC 4412 §3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import TOKEN
from ua.sip.syntax.message import Message

_NO_DOT: Final = TOKEN.replace(r"\-.", r"\-")
_VALUE_RE: Final = re.compile(rf"({_NO_DOT})\.({_NO_DOT})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePriority:
    """One value, in lower case: who writes it means what it says in its namespace.

    Attributes:
        namespace: e.g. "ets", "q735".
        priority: e.g. "0", "flash"; its order is that of the namespace.
    """

    namespace: str
    priority: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value; raises SipParseError."""
        match = _VALUE_RE.fullmatch(text.strip().lower())
        if match is None:
            raise SipParseError("malformed Resource-Priority")
        return cls(namespace=match[1], priority=match[2])

    def __str__(self) -> str:
        return f"{self.namespace}.{self.priority}"


def resource_priorities(message: Message) -> tuple[ResourcePriority, ...]:
    """The values of a message, the first of each namespace; those that cannot be read are left out."""
    found: dict[str, ResourcePriority] = {}
    try:
        members = message.headers.members("resource-priority")
    except SipParseError:
        return ()
    for member in members:
        try:
            value = ResourcePriority.parse(member)
        except SipParseError:
            continue
        found.setdefault(value.namespace, value)
    return tuple(found.values())
