"""Errors of the ICE package.

    IceError
     ├─ IceFailed            no path was found or the path was lost
     ├─ GatheringFailed      no local candidate could be had
     ├─ StunError            bytes that are no STUN message (raised by the codec only)
     ├─ FramingError         a frame that cannot be sent (RFC 4571)
     ├─ DescriptionError     a JSON description that cannot be read
     ├─ ServerUriError       text that is no URI of a STUN or TURN server
     ├─ TurnError            a TURN server relays nothing for us
     └─ PortMappingError     bytes that are no answer of a NAT (raised by the codecs only)

A peer's fault is an event, never an exception out of `ice.agent`.
"""


class IceError(Exception):
    """Root of all errors that this package raises."""


class IceFailed(IceError):
    """ICE ended without a usable path; the text says why."""


class GatheringFailed(IceError):
    """No local candidate could be gathered; the text says why."""


class StunError(IceError):
    """The bytes are not a well-formed STUN message (RFC 8489 §5)."""


class FramingError(IceError):
    """The packet does not fit an RFC 4571 frame."""


class DescriptionError(IceError):
    """The JSON form of a description is malformed."""


class ServerUriError(IceError):
    """The text is no URI of a STUN or TURN server (RFC 7064, RFC 7065)."""


class TurnError(IceError):
    """A TURN server relays nothing for us; the text says which and why.

    Attributes:
        code: STUN error code of the server; 0 where it answered nothing usable.
    """

    def __init__(self, text: str, *, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class PortMappingError(IceError):
    """The bytes are no answer of PCP, NAT-PMP or UPnP."""
