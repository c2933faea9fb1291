"""What the SIP stack reports: every message in and out, everything refused, every connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from sdp.masking import mask_keys

_RESPONSE_RE: Final = re.compile(
    r"(?im)^((?:proxy-)?authorization[ \t]*:(?:[^\r\n]|\r\n[ \t])*?\bresponse[ \t]*=[ \t]*)\"?[^\",\s]*\"?"
)
_CONTROL_RE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")

MAX_LOGGED_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class SipLogEntry:
    """One line of the SIP log.

    Attributes:
        at: monotonic seconds of the event loop.
        kind: "message"; "refused" (a message that was not acted on); "connection"; "transaction".
        direction: "in" or "out", empty where it means nothing.
        transport: "udp", "tcp", "tls", "ws" or "wss".
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
    """A message as text for people: digest responses and SDP keys masked, control characters escaped."""
    text = data[:MAX_LOGGED_BYTES].decode("utf-8", "replace")
    text = _RESPONSE_RE.sub(r"\1***", text)
    text = mask_keys(text)
    return _CONTROL_RE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
