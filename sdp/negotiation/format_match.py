"""Which formats two sides have in common (RFC 3264 §6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdp.attributes import bandwidth, rtp_attr
from sdp.attributes.rtp_attr import AudioFormat
from sdp.diagnostics import Diagnostic
from sdp.negotiation import format_parameters
from sdp.negotiation.remote_audio import RemoteAudio


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonFormats:
    """Formats that both sides know, as the peer numbers them.

    Attributes:
        send: the codec that we send with.
        common: all of them, in the peer's order.
        events: telephone-event with the clock of `send`, None where the peer takes none.
        noise: comfort noise (RFC 3389) with the clock of `send`, None where the peer takes none.
    """

    send: AudioFormat
    common: tuple[AudioFormat, ...]
    events: AudioFormat | None
    noise: AudioFormat | None = None


def counterpart(audio: AudioFormat, formats: Sequence[AudioFormat]) -> AudioFormat:
    """The format of ours that is the same as `audio`, whatever its number."""
    return next(candidate for candidate in formats if format_parameters.is_same(candidate, audio))


def match(
    theirs: Sequence[AudioFormat], ours: Sequence[AudioFormat], *, limit: int | None = None
) -> CommonFormats | None:
    """Formats in common in the peer's order; None without a codec, events alone are none (RFC 4733).

    `limit` is what the peer takes, in bit/s; None for no limit.
    """
    common = [
        audio for audio in theirs if any(format_parameters.is_same(audio, candidate) for candidate in ours)
    ]
    codecs = [audio for audio in common if audio.carries_audio]
    if not codecs:
        return None
    # Events and comfort noise share the clock of a codec (RFC 4733 §2.1).
    clocks = {audio.clock_rate for audio in codecs}
    common = [audio for audio in common if audio.carries_audio or audio.clock_rate in clocks]
    # RFC 3264 §6.1: the first usable format of the peer's list.
    send = bandwidth.fitting(codecs, limit)
    events = next(
        (audio for audio in common if audio.is_telephone_event and audio.clock_rate == send.clock_rate), None
    )
    noise = next(
        (audio for audio in common if audio.is_comfort_noise and audio.clock_rate == send.clock_rate), None
    )
    return CommonFormats(send=send, common=tuple(common), events=events, noise=noise)


def with_offered_maps(
    theirs: RemoteAudio, ours: Sequence[AudioFormat], remarks: list[Diagnostic]
) -> tuple[AudioFormat, ...]:
    """The answer's formats; a dynamic number without rtpmap means what the offer gave it."""
    by_number = {str(audio.payload_type): audio for audio in (*ours, *theirs.formats)}
    known = {audio.payload_type for audio in theirs.formats}
    result: list[AudioFormat] = []
    for text in dict.fromkeys(theirs.media.formats):
        audio = by_number.get(text)
        if audio is None:
            continue
        if audio.payload_type not in known:
            if theirs.rtcp.mux and audio.payload_type in rtp_attr.MUX_BARRED:
                continue
            remarks.append(theirs.media.diagnostic(f"format {text} has no rtpmap; the offer's is taken"))
        result.append(audio)
    return tuple(result)
