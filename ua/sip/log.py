"""What the SIP stack reports: every message in and out, everything refused, every connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from sdp.masking import mask_keys

_ROW_RE: Final = re.compile(
    r"(?im)^((?:proxy-)?authorization|(?:proxy-)?authentication-info|replaces|target-dialog|refer-to|r|referred-by|b"
    r"|identity|y)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)"
)
"""Header fields with secrets in them, folded or not, also by their short names."""

_DIGEST_RE: Final = re.compile(
    r'(?i)\b(response|cnonce|rspauth)([ \t]*=[ \t]*)(?:"(?:[^"\\\r\n]|\\.)*"?|[^",\s]*)'
)
_SCHEME_RE: Final = re.compile(r"(?i)^(\s*(?!digest\b)[a-z0-9-]+\s+)\S.*$", re.DOTALL)
_TAG_RE: Final = re.compile(r"(?i)((?:(?:to|from|local|remote)-tag)(?:=|%3d))[^;,\s>&%]*")
_TOKEN_RE: Final = re.compile(r'(?i)(\bcid[ \t]*=[ \t]*)(?:"[^"\r\n]*"?|[^;,\s>]*)')
_PASSWORD_RE: Final = re.compile(r"([sS][iI][pP](?<!\w.{3})[sS]?:[^\s:@;?<>]+:)[^\s@<>]+(?=@)")
"""Its first character is one of a set, which is found ten times as fast as a word whose case is open."""

_BARE_CR_RE: Final = re.compile(r"\r(?!\n)")
_ESCAPES: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\r\n"
}

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

    @property
    def data(self) -> dict[str, str | int]:
        """All but the time and the kind, as the event log takes it."""
        return {
            "direction": self.direction,
            "transport": self.transport,
            "local": self.local,
            "remote": self.remote,
            "size": self.size,
            "text": self.text,
            "reason": self.reason,
        }


@lru_cache(maxsize=4)  # what is refused was logged as a message just before
def printable(data: bytes) -> str:
    """A message as text for people: secrets masked, control characters escaped.

    Secrets are what proves a password (not the user name), keys and ICE passwords of descriptions, the tags
    by which a dialog may be replaced (RFC 3891 §7), tokens of Referred-By, and passwords in URIs.
    """
    text = data[:MAX_LOGGED_BYTES].decode("utf-8", "replace")
    cut = len(data) - MAX_LOGGED_BYTES
    text = _ROW_RE.sub(_masked_row, text)
    text = _PASSWORD_RE.sub(r"\1***", text)
    text = mask_keys(text)
    text = _BARE_CR_RE.sub(r"\\x0d", text).translate(_ESCAPES)
    return f"{text}\r\n[{cut} bytes more]" if cut > 0 else text


def _masked_row(row: re.Match[str]) -> str:
    name, value = row[1].lower(), row[2]
    if name.endswith("authorization"):
        value = _SCHEME_RE.sub(r"\1***", value)
    if name.startswith(("proxy-auth", "auth")):
        value = _DIGEST_RE.sub(r"\1\2***", value)
    elif name in ("identity", "y"):
        value = " ***"
    elif name in ("referred-by", "b"):
        value = _TOKEN_RE.sub(r"\1***", value)
    else:
        value = _TAG_RE.sub(r"\1***", value)
    return f"{row[1]}:{value}"
