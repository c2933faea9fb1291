"""What both descriptions say about header extensions becomes what media tells and reads (RFC 8285)."""

from __future__ import annotations

from typing import Final

from media.header_extensions import ExtensionTerms
from sdp.attributes.extmap_attr import AUDIO_LEVEL_URI, MID_URI, Extension
from sdp.negotiation.negotiated import NegotiatedMedia

KNOWN: Final = frozenset({AUDIO_LEVEL_URI, MID_URI})
"""The extensions that media knows."""


def extension_terms(negotiated: NegotiatedMedia) -> ExtensionTerms:
    """The terms of a stream. They outlast a hold: the direction of the stream is not theirs."""
    agreed = {each.uri: each for each in negotiated.extensions}
    level = agreed.get(AUDIO_LEVEL_URI)
    mid = agreed.get(MID_URI) if negotiated.mid is not None else None
    return ExtensionTerms(
        send_level=_sent(level),
        receive_level=_received(level),
        # RFC 6464 §4: both leave the flag out where one of them wishes it.
        voice=level is None or "vad=off" not in level.parameters.split(),
        send_mid=_sent(mid),
        receive_mid=_received(mid),
        mid=b"" if mid is None else (negotiated.mid or "").encode(),
    )


def _sent(extension: Extension | None) -> int | None:
    if extension is None or not (extension.direction is None or extension.direction.sends):
        return None
    return extension.id


def _received(extension: Extension | None) -> int | None:
    if extension is None or not (extension.direction is None or extension.direction.receives):
        return None
    return extension.id
