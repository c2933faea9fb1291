"""From codec names to what SDP offers, and from what SDP agreed to the codec that media runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from media import codecs
from media.codecs.codec import Codec
from media.errors import CodecError
from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat
from sdp.negotiation import section
from sdp.syntax import writer

_STATIC: Final = {audio.name.upper(): audio for audio in STATIC_FORMATS.values()}


def formats(names: Sequence[str]) -> tuple[AudioFormat, ...]:
    """The formats to offer for rtpmap names, best first; CodecError where one is unknown."""
    return tuple(_STATIC[codecs.for_name(name).name.upper()] for name in names)


def capabilities(names: Sequence[str], *, session_id: int) -> bytes:
    """The body that tells which codecs we have, by rtpmap name (RFC 3264 §9); `session_id` is fresh."""
    return writer.write(section.capabilities(formats(names), session_id=session_id)).encode()


def codec_of(audio: AudioFormat) -> Codec:
    """The codec of an agreed format; CodecError where media has none."""
    return codecs.for_name(audio.name)


def receivable(audio_formats: Sequence[AudioFormat]) -> dict[int, Codec]:
    """Codecs by payload type of all formats that may arrive and that media can play."""
    found: dict[int, Codec] = {}
    for audio in audio_formats:
        try:
            found[audio.payload_type] = codec_of(audio)
        except CodecError:
            # Events and comfort noise are negotiated beside codecs and are not played.
            continue
    return found
