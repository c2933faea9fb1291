"""SIP messages as the event log holds them: what a diagnosis asks of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ua.events import LogEntry
from ua.interop.diagnosis import values
from ua.view.events import is_sent, message_text

_SHORT: Final = {"f": "from", "t": "to", "i": "call-id", "m": "contact", "v": "via"}
_TAG: Final = re.compile(r"(?i);\s*tag\s*=\s*([^;,\s>]+)")
_URI: Final = re.compile(r"(?i)<?sips?:(?:[^@<>;\s]*@)?(\[[^\]]*\]|[^:;<>\s?,]*)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SipMessage:
    """One message.

    Attributes:
        at: monotonic seconds.
        sent: ours.
        start: request line or status line.
        method: of the request, or of the one that it answers.
        status: None for a request.
        number: of CSeq, -1 where there is none.
        call_id: Call-ID.
        from_tag: of From.
        to_tag: of To.
        remote: address of the other side, "host:port".
        headers: values by lower-case name, the first of each.
        body: what follows.
    """

    at: float
    sent: bool
    start: str
    method: str
    status: int | None
    number: int
    call_id: str
    from_tag: str
    to_tag: str
    remote: str
    headers: dict[str, str]
    body: str

    @classmethod
    def read(cls, entry: LogEntry) -> SipMessage:
        """The message of an entry; what it does not say stays empty."""
        head, _, body = message_text(entry).partition("\n\n")
        start, *rows = head.split("\n")
        headers: dict[str, str] = {}
        for row in rows:
            name, colon, value = row.partition(":")
            if colon:
                name = name.strip().lower()
                headers.setdefault(_SHORT.get(name, name), value.strip())
        digits, _, asked = headers.get("cseq", "").partition(" ")
        words = start.split(" ")
        is_response = words[0].upper().startswith("SIP/") and len(words) > 1
        status = int(words[1]) if is_response and re.fullmatch(r"[0-9]{3}", words[1]) else None
        return cls(
            at=entry.at,
            sent=is_sent(entry),
            start=start.strip(),
            method=asked.strip().upper() if is_response else words[0].upper(),
            status=status,
            number=int(digits) if re.fullmatch(r"[0-9]{1,10}", digits) else -1,
            call_id=headers.get("call-id", ""),
            from_tag=_tag(headers.get("from", "")),
            to_tag=_tag(headers.get("to", "")),
            remote=values.text(entry.data, "remote"),
            headers=headers,
            body=body,
        )

    @property
    def is_request(self) -> bool:
        """True for a request."""
        return not self.start.upper().startswith("SIP/")

    @property
    def has_credentials(self) -> bool:
        """True where it answers a challenge."""
        return "authorization" in self.headers or "proxy-authorization" in self.headers

    @property
    def contact(self) -> tuple[str, str]:
        """Host and port of its Contact; empty where it has none."""
        found = _URI.search(self.headers.get("contact", ""))
        return ("", "") if found is None else (found[1].strip("[]"), found[2] or "5060")

    @property
    def title(self) -> str:
        """What it is, for people: "200 OK (CSeq 1 INVITE)"."""
        name = self.start.partition(" ")[2] if not self.is_request else self.method
        number = f"CSeq {self.number} {self.method}" if not self.is_request else f"CSeq {self.number}"
        return f"{name} ({number})"

    def answers(self, request: SipMessage) -> bool:
        """True for a response to this request."""
        return not self.is_request and (self.call_id, self.number, self.method) == (
            request.call_id,
            request.number,
            request.method,
        )


def _tag(value: str) -> str:
    found = _TAG.search(value)
    return "" if found is None else found[1]
