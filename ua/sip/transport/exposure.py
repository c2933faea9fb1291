"""What the way of a message gives away (core; RFC 8839 §9, RFC 8445 §19)."""

from __future__ import annotations

import re
from typing import Final

from ua.sip.transport.hop import Hop

_CREDENTIALS_RE: Final = re.compile(rb"^a=ice-pwd:", re.MULTILINE)
_OPEN_MEDIA_RE: Final = re.compile(rb"^m=[^\r\n]* (?:TCP/)?RTP/AVPF?[ \r\n]", re.MULTILINE)

EXPOSED: Final = "the credentials of ICE go where others can read them, and media is not encrypted"
"""Who reads them can have the media sent elsewhere; TLS keeps them from most."""


def exposes_ice(data: bytes, hop: Hop) -> bool:
    """True for a message in the clear with credentials of ICE for media that nothing else protects."""
    return (
        not hop.secure
        and _CREDENTIALS_RE.search(data) is not None
        and _OPEN_MEDIA_RE.search(data) is not None
    )
