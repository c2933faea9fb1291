"""The result of an exchange, the same for both sides of it."""

from __future__ import annotations

from dataclasses import replace

from sdp.attributes import rtp_attr
from sdp.attributes.connection_attr import Agreement
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import Extension
from sdp.attributes.rtp_attr import AudioFormat
from sdp.negotiation import default_destination, ice_decision
from sdp.negotiation.format_match import CommonFormats
from sdp.negotiation.ice_decision import IceDecision
from sdp.negotiation.keying import Keys
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.negotiation.remote_audio import RemoteAudio


def has_no_default(remote: RemoteAudio) -> bool:
    """True for 0.0.0.0 or :: of an ICE agent: not a hold, it has no default candidate (RFC 8839 §4.3.1)."""
    return remote.holds_by_address and remote.ice.description is not None


def negotiated_media(
    index: int,
    remote: RemoteAudio,
    *,
    formats: CommonFormats,
    receive: tuple[AudioFormat, ...],
    way: Direction,
    ice: IceDecision,
    muxed: bool,
    components: int,
    tcp: Agreement | None,
    keys: Keys | None,
    extended_reports: bool,
    extensions: tuple[Extension, ...],
) -> NegotiatedMedia:
    """The result of an exchange, seen from our side; the arguments are what both descriptions came to.

    `extended_reports` tells that we do these.
    """
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    held = not remote.direction.receives
    if remote.holds_by_address and (ice.remote is None or remote.media.port != 9):
        # RFC 3264 §8.4: neither RTP nor RTCP goes to 0.0.0.0.
        held = True
        way = way.limited_to(Direction.RECVONLY)
    has_rtcp = ice_decision.has_rtcp(remote, muxed=muxed, components=components)
    if remote.limit_bps == 0:
        # RFC 3264 §5.1: no media, and no RTCP either.
        held, has_rtcp = True, False
        way = way.limited_to(Direction.RECVONLY)
    rtcp = defaults.rtcp.address if defaults.rtcp is not None and has_rtcp else None
    if tcp is not None and ice.remote is None and components == 2:
        # RFC 4571 §4: the connection is there even where one side alone sends no RTCP.
        used = replace(remote.rtcp, used=True)
        second = default_destination.read(remote.session, remote.media, used, muxed=muxed).rtcp
        rtcp = None if second is None else second.address
    return NegotiatedMedia(
        index=index,
        format=formats.send,
        formats=receive,
        telephone_event=formats.events,
        ptime_ms=rtp_attr.sending_ptime(remote.times, frame_ms=1),
        direction=way,
        held=held,
        remote_address=defaults.rtp.address if defaults.rtp is not None else None,
        remote_rtcp_address=rtcp,
        rtcp_mux=muxed,
        rtcp=has_rtcp,
        components=components,
        ice=ice.remote,
        ice_reason=ice.reason,
        peer_ice2=ice.remote is not None and "ice2" in ice.remote.options,
        remote_candidates=remote.ice.remote_candidates,
        tcp=tcp,
        mid=remote.mid,
        keys=keys,
        comfort_noise=formats.noise,
        limit_bps=remote.limit_bps,
        extended_reports=(remote.report_blocks or ()) if extended_reports else (),
        extensions=extensions,
    )
