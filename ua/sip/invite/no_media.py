"""The answer to an offer that is not wanted and cannot be rejected (core; RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from sdp.errors import SdpError
from sdp.negotiation import section
from sdp.negotiation.default_destination import UNSPECIFIED_IPV4
from sdp.syntax import parser, writer
from sdp.syntax.model import Origin


def no_media(offer: bytes, *, session_id: int) -> bytes:
    """A valid answer that takes none of the streams: all ports are 0 (RFC 3264 §6).

    `session_id` is fresh, below 2^63. Empty where the offer cannot be read.
    """
    try:
        offered = parser.parse(offer)
    except SdpError:
        return b""
    origin = Origin(session_id=session_id, version=0, addrtype="IP4", address=UNSPECIFIED_IPV4)
    refused = tuple(section.refused(media) for media in offered.media)
    return writer.write(section.description(refused, origin=origin, ice=None, times=offered.times)).encode()
