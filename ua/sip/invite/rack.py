"""Numbers of reliable provisional responses: RSeq and RAck (core; RFC 3262 §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.message import CSeq, Response

RELIABLE: Final = "100rel"
"""Option tag of RFC 3262."""

_RACK_RE: Final = re.compile(r"(\d{1,10})[ \t]+(\S.*)", re.ASCII | re.DOTALL)
_RSEQ_RE: Final = re.compile(r"\d{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RAck:
    """What a PRACK acknowledges: the RSeq of a response and the CSeq of its INVITE (RFC 3262 §7.2)."""

    rseq: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Read a RAck value; raises SipParseError."""
        match = _RACK_RE.fullmatch(text.strip())
        if match is None or int(match[1]) >= 2**32:
            raise SipParseError("malformed RAck")
        return cls(rseq=int(match[1]), cseq=CSeq.parse(match[2]))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq}"


def rseq_of(response: Response) -> int | None:
    """The number of a provisional response that wants a PRACK, None for any other (RFC 3262 §4).

    A 100 is never one, whatever it requires.
    """
    if not 100 < response.status < 200 or RELIABLE not in response.headers.tokens("require"):
        return None
    value = (response.headers.first("rseq") or "").strip()
    if _RSEQ_RE.fullmatch(value) is None or not 0 < int(value) < 2**32:
        return None
    return int(value)
