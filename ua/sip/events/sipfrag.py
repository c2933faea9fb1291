"""message/sipfrag: how a call that was asked for goes (core; RFC 3420, RFC 3515 §2.4.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.syntax.reasons import REASONS

CONTENT_TYPE: Final = "message/sipfrag"

_STATUS_RE: Final = re.compile(
    r"SIP/2\.0[ \t]+([1-6]\d\d)(?:[ \t]+([^\r\n]*))?(?=[\r\n]|\Z)", re.IGNORECASE | re.ASCII
)
_UNPRINTABLE_RE: Final = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SipFrag:
    """The status line of a response; headers behind it are not looked at.

    Attributes:
        status: 100 to 699.
        reason: may be empty.
    """

    status: int
    reason: str = ""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a fragment that begins with a status line; raises SipParseError."""
        match = _STATUS_RE.match(body.lstrip(b"\r\n").decode("utf-8", "replace"))
        if match is None:
            raise SipParseError("no status line in message/sipfrag")
        return cls(status=int(match[1]), reason=(match[2] or "").strip())

    @classmethod
    def of(cls, status: int, reason: str = "") -> Self:
        """The fragment for a status, with the usual reason phrase where none is given."""
        return cls(status=status, reason=reason or REASONS.get(status, ""))

    def __bytes__(self) -> bytes:
        reason = _UNPRINTABLE_RE.sub(" ", self.reason).strip()
        return f"SIP/2.0 {self.status} {reason}".rstrip(" ").encode() + b"\r\n"

    @property
    def is_final(self) -> bool:
        """True for 2xx to 6xx."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300
