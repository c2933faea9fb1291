"""Errors of the SDP package.

    SdpError                 text that is no session description; `line` counts from 1
     ├─ ValueFault           the value of one line is malformed (raised by the attribute codecs)
     │   └─ CandidateError   an a=candidate that cannot be used
     ├─ NegotiationError     offer and answer do not make a call
     ├─ ConnectionFailed     the connection that was agreed on cannot be had
     └─ ExchangeError        our own caller broke the order of offer and answer

A peer's bad attribute never raises out of `parser.parse` or `offer_answer`: the line alone is refused and
becomes a `Diagnostic`.
"""

from __future__ import annotations


class SdpError(Exception):
    """Root of all errors that this package raises.

    Attributes:
        reason: what is wrong.
        line: number of the line, from 1; None where no single line is at fault.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class ValueFault(SdpError):
    """The value of a line does not follow its grammar."""


class CandidateError(ValueFault):
    """An a=candidate line that must be ignored (RFC 8839 §5.1)."""


class NegotiationError(SdpError):
    """The answer does not fit the offer, or leaves nothing to talk with (RFC 3264 §6, §7)."""


class ConnectionFailed(SdpError):
    """Media over TCP without ICE has no connection (RFC 4145 §6.1)."""


class ExchangeError(SdpError):
    """Misuse: an offer while another one is open, or an answer without an offer (RFC 3264 §4)."""
