"""From codec names to what SDP offers, and from what SDP agreed to the codec that media runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from media import codecs
from media.codecs.codec import Codec
from media.errors import CodecError
from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat
from sdp.negotiation import format_parameters, section
from sdp.syntax import writer
from ua.config.media import DEFAULT_CODECS

_OPUS: Final = AudioFormat(payload_type=111, name="opus", clock_rate=48000, channels=2, fmtp="useinbandfec=1")
"""RFC 7587 §7: always two channels in rtpmap; that we hear in mono needs no word, for it is the default."""

_COMFORT_NOISE: Final = STATIC_FORMATS[13]
_NOISY_CLOCK: Final = 8000

_EVENT_TYPES: Final = {8000: 101, 48000: 100, 16000: 102, 44100: 103}
"""Payload types of telephone events, by the clock of the codec beside them (RFC 4733 §2.1)."""

_EVENTS: Final = "0-15"
"""The sixteen keys."""

_FORMATS: Final = {
    "OPUS": _OPUS,
    "G722": STATIC_FORMATS[9],
    "PCMU": STATIC_FORMATS[0],
    "PCMA": STATIC_FORMATS[8],
    "L16/8000": AudioFormat(payload_type=112, name="L16", clock_rate=8000),
    "L16/16000": AudioFormat(payload_type=113, name="L16", clock_rate=16000),
    "L16/44100": STATIC_FORMATS[11],
    "L16/48000": AudioFormat(payload_type=114, name="L16", clock_rate=48000),
}
"""What can be offered, by the names of `[media] codecs` in upper case."""


def formats(names: Sequence[str], *, dtx: bool = False) -> tuple[AudioFormat, ...]:
    """The formats to offer for codec names, best first.

    Args:
        names: as in `[media] codecs`, in any case.
        dtx: silence need not be sent: Opus is asked for DTX, and the others get comfort noise beside them.

    Raises:
        CodecError: one is unknown, or needs what is not installed; of the default ones it is left out.
    """
    try:
        found = [_FORMATS[name.upper()] for name in names if _is_usable(name, names)]
    except KeyError as error:
        raise CodecError(f"no codec {error.args[0]!r}; known are {', '.join(_FORMATS)}") from None
    if dtx:
        found = [
            dataclasses.replace(audio, fmtp=f"{audio.fmtp};usedtx=1") if audio is _OPUS else audio
            for audio in found
        ]
        if any(audio.clock_rate == _NOISY_CLOCK for audio in found):
            found.append(_COMFORT_NOISE)
    return tuple(found)


def _is_usable(name: str, names: Sequence[str]) -> bool:
    try:
        codecs.check_available(name)
    except CodecError:
        if tuple(names) != DEFAULT_CODECS:
            raise
        return False
    return True


def offered(names: Sequence[str], *, dtx: bool = False) -> tuple[AudioFormat, ...]:
    """The same, and telephone events for each clock in use."""
    audio = formats(names, dtx=dtx)
    events = (
        AudioFormat(payload_type=_EVENT_TYPES[clock], name="telephone-event", clock_rate=clock, fmtp=_EVENTS)
        for clock in dict.fromkeys(each.clock_rate for each in audio if each.carries_audio)
    )
    return (*audio, *events)


def capabilities(names: Sequence[str], *, session_id: int) -> bytes:
    """The body that tells which codecs we have, by name (RFC 3264 §9); `session_id` is fresh."""
    return writer.write(section.capabilities(offered(names), session_id=session_id)).encode()


def codec_of(audio: AudioFormat, *, limit_bps: int | None = None) -> Codec:
    """The codec of an agreed format; CodecError where media has none.

    Args:
        audio: as the peer described it.
        limit_bps: bit/s that the peer takes, None for no limit.
    """
    parameters = format_parameters.parameters(audio.fmtp)
    if limit_bps is not None and audio.key == _OPUS.key:
        asked = parameters.get("maxaveragebitrate", "")
        if not asked.isdigit() or int(asked) > limit_bps:
            parameters["maxaveragebitrate"] = str(limit_bps)
    return codecs.for_format(audio.name, audio.clock_rate, audio.channels, parameters)


def receivable(audio_formats: Sequence[AudioFormat]) -> dict[int, Codec]:
    """Codecs by payload type of all formats that may arrive and that media can play."""
    found: dict[int, Codec] = {}
    for audio in audio_formats:
        try:
            found[audio.payload_type] = codec_of(audio)
        except CodecError:
            # Events are negotiated beside codecs and are not played.
            continue
    return found
