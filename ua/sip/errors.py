"""Errors of the SIP stack; all are `UaError`s with an exit code.

    SipError
     ├─ SipParseError     bytes or text that are no SIP (raised by the wire door and the value parsers only)
     │   └─ MalformedRequest a request whose sender gets an answer (`ua.sip.syntax.wire_format`)
     ├─ SipTimeout        no final response in time (RFC 3261 §8.1.3.1: as a 408)
     ├─ SipUnreachable    no address, connection refused, transport broken (as a 503)
     │   ├─ SipNoRoute       this host has no way there now: nothing was sent
     │   ├─ SipTlsError      TLS failed, or the certificate is another one (RFC 5922 §7.3)
     │   └─ SipLoginRefused  a WebSocket server that wants a login before it speaks SIP
     ├─ SipRejected       a final response of 300 to 699 (`ua.sip.rejection`)
     └─ SipStateError     misuse by our own caller: answering twice, using what is closed

What a peer sends never raises out of a core: `SipParseError` is caught by the shell, counted and logged.
"""

from __future__ import annotations

from ua.errors import AuthenticationError, TimedOut, TlsError, UaError, Unreachable


class SipError(UaError):
    """Root of the errors of this package."""


class SipParseError(SipError):
    """What was read is not SIP.

    Attributes:
        reason: what is wrong, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SipTimeout(SipError, TimedOut):
    """No final response came in 64*T1 (RFC 3261 §17.1.1.2, §17.1.2.2)."""

    code = TimedOut.code


class SipUnreachable(SipError, Unreachable):
    """The request could not be handed to the other side (RFC 3261 §8.1.3.1)."""

    code = Unreachable.code


class SipStateError(SipError):
    """The caller asked for something that the state does not allow."""


class SipNoRoute(SipUnreachable):
    """This host has no address or no route for it at the moment; nothing was sent, nobody was asked."""


class SipTlsError(SipUnreachable, TlsError):
    """TLS with the other side failed, or its certificate is not the one that was wanted: nothing was sent."""

    code = TlsError.code


class SipLoginRefused(SipUnreachable, AuthenticationError):
    """The WebSocket server wants a login in the HTTP handshake (RFC 7118 §7)."""

    code = AuthenticationError.code

    def __init__(self, what: str, *, seen: str = "", hint: str = "") -> None:
        AuthenticationError.__init__(self, what, seen=seen, hint=hint)
