"""RTP over a path that ICE found: what was agreed becomes a `media.session.MediaSession`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from media.codecs.codec import Codec
from media.codecs.selection import frame_time, packet_time
from media.config import MediaConfig
from media.events import KeyHeard, MediaCounters, MediaEvent
from media.path import PacketPath
from media.session import MediaSession
from sdp.media_paths import Paths
from sdp.negotiation.negotiated import NegotiatedMedia
from ua.call import codec_mapping
from ua.call.audio import Audio
from ua.call.extended_reports import xr_terms
from ua.call.header_extensions import extension_terms
from ua.call.media_keys import MediaKeys
from ua.call.sending_watch import SendingWatch
from ua.events import EventLog

SHORTEST_MS, LONGEST_MS = 10, 200
"""Packet times that we send with, whatever the peer wishes."""

LONGEST_PROTECTED_MS = 160
"""The same of SRTP, whose packets `media.protection.srtp.LONGEST_PACKET` limits."""


def media_session(
    paths: Paths,
    over: tuple[PacketPath, PacketPath],
    negotiated: NegotiatedMedia,
    audio: Audio,
    keys: MediaKeys,
    *,
    possible: Collection[Codec],
    watch: SendingWatch,
    config: MediaConfig,
    log: EventLog,
    party: str,
) -> MediaSession:
    """The RTP of one call, not begun yet.

    Args:
        paths: of RTP and RTCP, as ICE has found them.
        over: the same, or protected.
        negotiated: what was agreed.
        audio: what is sent, and where what is heard goes.
        keys: take the keys that are heard.
        possible: what a later offer may lead to, with packets of the same frames.
        watch: told what becomes of our sending.
        config: bounds and periods.
        log: takes its events and counters.
        party: our name in it.
    """

    def tell(event: MediaEvent) -> None:
        log.record_event(party, "media", event)
        watch.take(event)
        if isinstance(event, KeyHeard):
            keys.on_key(event)

    def count(counters: Callable[[], MediaCounters]) -> None:
        if log.has_readers:
            log.record_event(party, "media", counters())
        watch.counted()

    rtp, rtcp = over
    wish_ms = _wish_ms(negotiated)
    codec = codec_mapping.codec_of(negotiated.format, limit_bps=negotiated.limit_bps)
    receive = codec_mapping.receivable(negotiated.formats)
    frame_ms = frame_time(wish_ms, (codec, *receive.values(), *possible))
    session = MediaSession(
        rtp=rtp,
        rtcp=rtcp,
        codec=codec,
        payload_type=negotiated.format.payload_type,
        receive=receive,
        comfort_noise=negotiated.comfort_noise.payload_type if negotiated.comfort_noise else None,
        rate=audio.rate,
        ptime_ms=packet_time(wish_ms, codec, frame_ms),
        frame_ms=frame_ms,
        source=audio.source,
        sink=audio.sink,
        random=secrets.token_bytes,
        keepalive=negotiated.ice is None,
        sending=negotiated.direction.sends and not negotiated.held,
        receiving=negotiated.direction.receives,
        config=config,
        on_counters=count,
        on_event=tell,
    )
    keys.use(session, negotiated)
    follow_terms(session, negotiated)
    watch.begin(session, lambda: (paths.rtp.transport, paths.rtp.remote, _local(paths)))
    follow_path(session, paths)
    return session


def follow_path(session: MediaSession, paths: Paths) -> None:
    """What ICE has measured of the path that it has selected."""
    if paths.rtp.pair is not None:
        session.path_round_trip_ms = paths.rtp.pair.rtt_ms


def follow_codec(session: MediaSession, negotiated: NegotiatedMedia) -> None:
    """Send with the codec that was agreed, in packets of the length that the peer wishes."""
    noise = negotiated.comfort_noise
    codec = codec_mapping.codec_of(negotiated.format, limit_bps=negotiated.limit_bps)
    session.use_codec(
        codec,
        negotiated.format.payload_type,
        codec_mapping.receivable(negotiated.formats),
        comfort_noise=None if noise is None else noise.payload_type,
        ptime_ms=packet_time(_wish_ms(negotiated), codec, session.frame_ms),
    )


def _wish_ms(negotiated: NegotiatedMedia) -> int:
    """What the peer asks for (a=ptime, a=maxptime), within what we send."""
    longest = LONGEST_MS if negotiated.keys is None else LONGEST_PROTECTED_MS
    return min(max(negotiated.ptime_ms, SHORTEST_MS), longest)


def follow_terms(session: MediaSession, negotiated: NegotiatedMedia) -> None:
    """RTCP and header extensions as they were agreed."""
    session.reporting = negotiated.rtcp
    session.extended.terms = xr_terms(negotiated)
    session.extensions.use(extension_terms(negotiated))


def _local(paths: Paths) -> object:
    return None if paths.rtp.pair is None else paths.rtp.pair.local.address
