"""SIP messages as they went over the wire, read from the event log (core)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ua.events import LogEntry
from ua.sip.syntax.headers import Headers
from ua.view.events import is_message, is_sent, message_text

_ROW: Final = re.compile(r"([^\s:]+)[ \t]*:[ \t]*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMessage:
    """A SIP message; secrets in it are masked.

    Attributes:
        at: monotonic seconds.
        party: the phone that sent or received it.
        sent: true where the phone sent it.
        start: its first line.
        headers: its header fields, by full names.
        body: what follows them.
        transport: "udp", "tcp", "tls", "ws" or "wss".
        local: our address.
        remote: that of the other side.
    """

    at: float
    party: str
    sent: bool
    start: str
    headers: Headers = field(repr=False)
    body: str = field(repr=False)
    transport: str = ""
    local: str = ""
    remote: str = ""

    @classmethod
    def of(cls, entry: LogEntry) -> WireMessage:
        """The message of a log entry; lines that are no header fields are left out."""
        head, _, body = message_text(entry).partition("\n\n")
        start, *lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
        rows = [match.groups() for line in lines if (match := _ROW.fullmatch(line))]
        return cls(
            at=entry.at,
            party=entry.party,
            sent=is_sent(entry),
            start=start,
            headers=Headers.of(*((name, value) for name, value in rows)),
            body=body,
            transport=str(entry.data.get("transport", "")),
            local=str(entry.data.get("local", "")),
            remote=str(entry.data.get("remote", "")),
        )

    @property
    def status(self) -> int | None:
        """Status of a response, None for a request."""
        match = re.match(r"SIP/2\.0 (\d{3})\b", self.start)
        return None if match is None else int(match[1])

    @property
    def method(self) -> str:
        """Method of a request; of the request that a response answers."""
        if self.status is None:
            return self.start.partition(" ")[0]
        return (self.headers.first("cseq") or "").partition(" ")[2].strip()

    @property
    def call_id(self) -> str:
        """Its Call-ID."""
        return self.headers.first("call-id") or ""

    def is_a(self, words: str) -> bool:
        """True where `words` name it: "INVITE" (a request), "486", "4xx", "200 BYE"."""
        what, _, method = words.partition(" ")
        if what.isalpha() and what.isupper():
            return self.status is None and self.method == what
        if method and method != self.method:
            return False
        pattern = what.replace("x", "[0-9]")
        return self.status is not None and re.fullmatch(pattern, str(self.status)) is not None

    def place(self, origin: float) -> str:
        """Which message this is, for people: "486 Busy Here (CSeq 2 INVITE) at 132 ms" after `origin`."""
        cseq = self.headers.first("cseq") or "none"
        what = self.start.removeprefix("SIP/2.0 ") if self.status is not None else self.method
        way = "sent" if self.sent else "received"
        return f"{what} (CSeq {cseq}), {way} at {(self.at - origin) * 1000:.0f} ms"


def wire_messages(
    entries: Iterable[LogEntry], *, party: str | None = None, call_id: str = ""
) -> Iterator[WireMessage]:
    """The messages of a log in order, each once: a retransmission is equal to what it repeats.

    Args:
        entries: of the log.
        party: of this phone alone.
        call_id: with this Call-ID alone.
    """
    seen: set[tuple[str, bool, str]] = set()
    for entry in entries:
        if not is_message(entry) or (party is not None and entry.party != party):
            continue
        key = (entry.party, is_sent(entry), str(entry.data.get("text")))
        if key in seen:
            continue
        seen.add(key)
        message = WireMessage.of(entry)
        if not call_id or message.call_id == call_id:
            yield message


def find(messages: Sequence[WireMessage], *steps: str) -> tuple[list[WireMessage], str]:
    """The messages that `steps` name, one after the other, others between them left out.

    Args:
        messages: in order.
        steps: each "sent WORDS" or "received WORDS", see `WireMessage.is_a`.

    Returns:
        those found, and the first step that was not; empty where all were.
    """
    found: list[WireMessage] = []
    rest = iter(messages)
    for step in steps:
        way, _, words = step.partition(" ")
        if way not in ("sent", "received"):
            raise ValueError(f"{step!r} begins neither with 'sent' nor with 'received'")
        match = next((each for each in rest if each.sent is (way == "sent") and each.is_a(words)), None)
        if match is None:
            return found, step
        found.append(match)
    return found, ""
