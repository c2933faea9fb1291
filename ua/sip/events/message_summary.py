"""application/simple-message-summary: how many messages wait (core; RFC 3842 §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from ua.sip.errors import SipParseError

PACKAGE: Final = "message-summary"
CONTENT_TYPE: Final = "application/simple-message-summary"
VOICE: Final = "voice-message"

MAX_BYTES: Final = 16 * 1024
MAX_LINES: Final = 200

_COUNTS_RE: Final = re.compile(
    r"(\d{1,9})[ \t]*/[ \t]*(\d{1,9})(?:[ \t]*\([ \t]*(\d{1,9})[ \t]*/[ \t]*(\d{1,9})[ \t]*\))?", re.ASCII
)
_CLASS_RE: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Messages of one kind; the urgent ones are among the others.

    Attributes:
        new: not heard yet.
        old: heard and kept.
        urgent_new: urgent ones not heard yet.
        urgent_old: urgent ones heard and kept.
    """

    new: int
    old: int
    urgent_new: int = 0
    urgent_old: int = 0

    def __str__(self) -> str:
        urgent = f" ({self.urgent_new}/{self.urgent_old})" if self.urgent_new or self.urgent_old else ""
        return f"{self.new}/{self.old}{urgent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSummary:
    """What waits.

    Attributes:
        waiting: the server's own word on whether there is anything new.
        account: URI of the mailbox, empty where it is not told.
        counts: messages by kind in lower case ("voice-message" ...); empty where no numbers are told.
    """

    waiting: bool
    account: str = ""
    counts: Mapping[str, Counts] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body; lines of no known form are left out. Raises SipParseError without Messages-Waiting."""
        if len(body) > MAX_BYTES:
            raise SipParseError("message summary too long")
        waiting: bool | None = None
        account = ""
        counts: dict[str, Counts] = {}
        for line in re.split(r"\r\n|\n|\r", body.decode("utf-8", "replace"))[:MAX_LINES]:
            name, colon, value = line.partition(":")
            key, value = name.strip().lower(), value.strip()
            if not colon:
                if waiting is not None and not line.strip():
                    break  # the headers of single messages follow
                continue
            if key == "messages-waiting":
                if value.lower() not in ("yes", "no"):
                    raise SipParseError("Messages-Waiting is neither yes nor no")
                waiting = value.lower() == "yes"
            elif key == "message-account":
                account = value
            elif _CLASS_RE.fullmatch(key) and (match := _COUNTS_RE.fullmatch(value)):
                new, old, urgent_new, urgent_old = (int(number or 0) for number in match.groups())
                counts[key] = Counts(new=new, old=old, urgent_new=urgent_new, urgent_old=urgent_old)
        if waiting is None:
            raise SipParseError("no Messages-Waiting")
        return cls(waiting=waiting, account=account, counts=counts)

    def __bytes__(self) -> bytes:
        rows = [f"Messages-Waiting: {'yes' if self.waiting else 'no'}"]
        if self.account:
            rows.append(f"Message-Account: {self.account}")
        rows += [f"{kind.title()}: {counts}" for kind, counts in self.counts.items()]
        return "".join(f"{row}\r\n" for row in rows).encode()

    def __str__(self) -> str:
        """A line for people."""
        if not self.counts:
            return "messages waiting" if self.waiting else "no messages waiting"
        return ", ".join(
            f"{kind}: {counts.new} new, {counts.old} old" for kind, counts in self.counts.items()
        )
