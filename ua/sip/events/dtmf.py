"""DTMF digits in INFO requests, as phones and PBXs sent them before RFC 6086 (core).

application/dtmf-relay holds `Signal=5` and `Duration=160` (ms), application/dtmf the digit alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

from ua.sip.errors import SipParseError

RELAY_TYPE: Final = "application/dtmf-relay"
PLAIN_TYPE: Final = "application/dtmf"
CONTENT_TYPES: Final = (RELAY_TYPE, PLAIN_TYPE)
DtmfType = Literal["application/dtmf-relay", "application/dtmf"]

DIGITS: Final = "0123456789*#ABCD"
FLASH: Final = "!"
"""A hook flash, which no body of an INFO tells."""

DEFAULT_MS: Final = 160
"""Duration of a digit where none is told."""

MIN_MS: Final = 40
MAX_MS: Final = 6000

_EVENTS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Digits that some senders write as the event numbers of RFC 4733."""

_SIGNAL_RE: Final = re.compile(r"^[ \t]*Signal[ \t]*=[ \t]*([^\r\n]*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_DURATION_RE: Final = re.compile(
    r"^[ \t]*Duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*$", re.IGNORECASE | re.MULTILINE
)
_MAX_BYTES: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """One key that was pressed.

    Attributes:
        key: one of DIGITS.
        duration_ms: for how long.
    """

    key: str
    duration_ms: int = DEFAULT_MS

    @classmethod
    def parse(cls, content_type: str, body: bytes) -> Self:
        """Read a body; raises SipParseError for anything but one digit."""
        if len(body) > _MAX_BYTES:
            raise SipParseError("a DTMF body that is too long")
        text = body.decode("ascii", "replace").replace("\r\n", "\n").replace("\r", "\n")
        signal = _SIGNAL_RE.search(text)
        duration = _DURATION_RE.search(text)
        if signal is None and content_type == RELAY_TYPE:
            raise SipParseError("dtmf-relay without Signal")
        key = (text.strip() if signal is None else signal[1]).upper()
        key = _EVENTS.get(key, key)
        if len(key) != 1 or key not in DIGITS:
            raise SipParseError("a DTMF body without a digit")
        milliseconds = DEFAULT_MS if duration is None else int(duration[1])
        return cls(key=key, duration_ms=min(max(milliseconds, MIN_MS), MAX_MS))

    def body(self, content_type: DtmfType) -> bytes:
        """The body of an INFO."""
        if content_type == PLAIN_TYPE:
            return self.key.encode()
        return f"Signal={self.key}\r\nDuration={self.duration_ms}\r\n".encode()


def keys(digits: str) -> tuple[str, ...]:
    """The keys of a string that a person typed, without blanks and dashes; ValueError where one is no key."""
    typed = tuple(key for key in digits.upper() if key not in " -")
    wrong = next((key for key in typed if key not in DIGITS + FLASH), None)
    if wrong is not None or not typed:
        raise ValueError(f"{wrong!r} is no DTMF digit" if wrong else "no DTMF digits")
    return typed
