"""RTP over a path that ICE found: what was agreed becomes a `media.session.MediaSession`."""

from __future__ import annotations

import secrets

from media.session import MediaSession
from sdp.ice_binding import Paths
from sdp.negotiated import NegotiatedMedia
from ua import codec_mapping
from ua.call.audio import Audio
from ua.events import EventLog

SHORTEST_MS, LONGEST_MS = 10, 200
"""Packet times that we send with, whatever the peer wishes."""


def media_session(
    paths: Paths, negotiated: NegotiatedMedia, audio: Audio, *, log: EventLog, party: str
) -> MediaSession:
    """The RTP of one call, not begun yet.

    Args:
        paths: of RTP and RTCP.
        negotiated: what was agreed.
        audio: what is sent, and where what is heard goes.
        log: takes its events and counters.
        party: our name in it.
    """
    rtp, rtcp = paths
    session = MediaSession(
        rtp=rtp,
        rtcp=rtcp if negotiated.rtcp else None,
        codec=codec_mapping.codec_of(negotiated.format),
        payload_type=negotiated.format.payload_type,
        receive=codec_mapping.receivable(negotiated.formats),
        ptime_ms=min(max(negotiated.ptime_ms, SHORTEST_MS), LONGEST_MS),
        source=audio.source,
        sink=audio.sink,
        random=secrets.token_bytes,
        keepalive=negotiated.ice is None,
        sending=negotiated.direction.sends and not negotiated.held,
        receiving=negotiated.direction.receives,
        on_counters=lambda counters: log.record_event(party, "media", counters),
        on_event=lambda event: log.record_event(party, "media", event),
    )
    if rtp.pair is not None:
        session.path_round_trip_ms = rtp.pair.rtt_ms
    return session
