"""What the SIP stack reports: every message in and out, everything refused, every connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

_SECRETS_RE: Final = re.compile(
    r"(?im)^((?:proxy-)?authorization[ \t]*:.*?\b(?:response|cnonce)[ \t]*=[ \t]*)\"?[^\",\s]*\"?"
)
_CONTROL_RE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")

MAX_LOGGED_CHARACTERS: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class SipLogEntry:
    """One line of the SIP log.

    Attributes:
        at: monotonic seconds of the event loop.
        kind: "message"; "refused" (a message that was not acted on); "connection"; "transaction".
        direction: "in" or "out", empty where it means nothing.
        transport: "udp" or "tcp".
        local: our address, "host:port".
        remote: the other side's, "host:port".
        size: bytes on the wire, 0 where there was no message.
        text: the message, secrets masked and control characters escaped.
        reason: why it was refused, what became of a connection or a transaction.
    """

    at: float
    kind: Literal["message", "refused", "connection", "transaction"]
    direction: Literal["in", "out", ""] = ""
    transport: str = ""
    local: str = ""
    remote: str = ""
    size: int = 0
    text: str = ""
    reason: str = ""


def printable(data: bytes) -> str:
    """A message as text for people: digest responses masked, control characters escaped, cut to 8192."""
    text = data.decode("utf-8", "replace")
    masked = ""
    while masked != text:  # a row may hold both a response and a cnonce
        masked, text = text, _SECRETS_RE.sub(r"\1***", text)
        if masked == text:
            break
    escaped = _CONTROL_RE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
    return escaped[:MAX_LOGGED_CHARACTERS]
