"""Offer and answer for one audio stream (RFC 3264) with ICE (RFC 8839 §4).

Pure functions: session ids and versions are arguments. `sdp.exchange` keeps the state of a session.
"""

from __future__ import annotations

from dataclasses import replace

from ice.types import Description, Transport
from sdp import (
    connection_attr,
    default_destination,
    format_match,
    ice_decision,
    protocols,
    remote_audio,
    rtp_attr,
    section,
)
from sdp import direction as directions
from sdp.connection_attr import Agreement, ConnectionUse, TcpSetup
from sdp.diagnostics import Diagnostic
from sdp.direction import Direction
from sdp.errors import NegotiationError
from sdp.format_match import CommonFormats
from sdp.grammar import is_ipv6
from sdp.ice_decision import IceDecision
from sdp.model import Media, Origin, SessionDescription
from sdp.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.remote_audio import RemoteAudio
from sdp.rtp_attr import AudioFormat

_NO_ADDRESS = "127.0.0.1"


def origin_of(local: LocalMedia, *, session_id: int, version: int) -> Origin:
    """The o= line of a new session of ours."""
    host = local.address.host if local.address is not None else _NO_ADDRESS
    return Origin(
        session_id=session_id,
        version=version,
        addrtype="IP6" if is_ipv6(host) else "IP4",
        address=host,
    )


def build_offer(local: LocalMedia, *, session_id: int, version: int) -> SessionDescription:
    """The first offer: RTP/AVP with a UDP default, TCP candidates beside it.

    Args:
        local: our side; without `selected`.
        session_id: random, below 2^63.
        version: below 2^62.
    """
    return section.description(
        [offered_section(local)],
        origin=origin_of(local, session_id=session_id, version=version),
        ice=local.ice,
    )


def offered_section(local: LocalMedia) -> Media:
    """Our audio section in an offer; over TCP once a TCP pair is selected (RFC 8839 §4.4.1.2.2)."""
    tcp = section.existing_connection(local) if local.ice is not None else None
    protocol = protocols.TCP_RTP_AVP if tcp is not None else protocols.RTP_AVP
    numbers = {candidate.component for candidate in local.ice.candidates} if local.ice is not None else {1, 2}
    if local.selected and local.ice is not None:
        numbers = {pair.component for pair in local.selected}
    components = max(numbers, default=1)
    plan = section.SectionPlan(
        proto=protocol.name,
        formats=local.formats,
        direction=local.direction,
        ice=local.ice,
        mux=local.rtcp_mux,
        rtcp=local.rtcp_mux or components == 2,
        components=components,
        is_offer=True,
        tcp=tcp,
    )
    return section.audio_section(local, plan)


# --- answering --------------------------------------------------------------------------------------------


def answer(
    offer: SessionDescription,
    local: LocalMedia,
    *,
    session_id: int,
    version: int,
    previous: SessionDescription | None = None,
    refusal: str = "",
) -> Answer:
    """Answer an offer: the first audio stream that fits is accepted, all others get port 0 in place.

    Args:
        offer: as parsed.
        local: our side. With `selected` set the answer shows the nominated pairs (RFC 8839 §4.4.2).
        session_id: of our o= line; `previous` wins.
        version: of our o= line.
        previous: our last description in this session; its o= fields stay (RFC 3264 §8).
        refusal: refuse every stream for this reason; empty to decide stream by stream.
    """
    diagnostics = list(offer.diagnostics)
    origin = (
        replace(previous.origin, version=version)
        if previous is not None
        else origin_of(local, session_id=session_id, version=version)
    )
    fault = refusal or _credential_fault(offer)
    sections: list[Media] = []
    accepted: tuple[Media, NegotiatedMedia, Description | None] | None = None
    reasons: list[str] = []
    for index, media in enumerate(offer.media):
        reason = fault or (_stream_fault(media, local) if accepted is None else "one audio stream is enough")
        if not reason:
            remote = remote_audio.read(offer, media, is_answer=False)
            diagnostics += (*remote.diagnostics, *_losing_pairs(remote, local))
            outcome = _accept(index, remote, local)
            if not isinstance(outcome, str):
                accepted = outcome
                sections.append(outcome[0])
                continue
            reason = outcome
        if media.port != 0:
            reasons.append(reason)
            diagnostics.append(media.diagnostic(f"stream refused: {reason}"))
        sections.append(section.refused(media))
    shown = accepted[2] if accepted is not None else None
    # RFC 3264 §6: the time of the answer is that of the offer.
    description = section.description(sections, origin=origin, ice=shown, times=offer.times)
    if accepted is None:
        reason = "; ".join(dict.fromkeys(reasons)) or "the offer has no live stream"
        return Answer(description=description, negotiated=None, reason=reason, diagnostics=tuple(diagnostics))
    diagnostics += accepted[1].diagnostics
    return Answer(
        description=description,
        negotiated=replace(accepted[1], diagnostics=tuple(diagnostics)),
        diagnostics=tuple(diagnostics),
    )


def _credential_fault(offer: SessionDescription) -> str:
    """RFC 8839 §5.4: streams with equal ufrags have equal passwords."""
    passwords: dict[str, str] = {}
    for media in offer.media:
        ufrag = media.first("ice-ufrag") or offer.first("ice-ufrag")
        password = media.first("ice-pwd") or offer.first("ice-pwd")
        if media.port == 0 or ufrag is None or password is None or not ufrag.value or not password.value:
            continue
        if passwords.setdefault(ufrag.value, password.value) != password.value:
            return "streams with the same ice-ufrag have different ice-pwd"
    return ""


def _stream_fault(media: Media, local: LocalMedia) -> str:
    """Why the m= line alone forbids the stream; empty where it does not."""
    if media.port == 0:
        return "offered with port 0"
    if media.media != "audio":
        return f"no support for {media.media}"
    protocol = protocols.lookup(media.proto)
    if protocol is None:
        return f"no support for {media.proto}"
    over_tcp = section.existing_connection(local) is not None
    if protocol is protocols.RTP_AVP or (protocol is protocols.TCP_RTP_AVP and over_tcp):
        return ""
    if protocol is protocols.TCP_RTP_AVP:
        # Media over TCP comes by ICE candidates beside a UDP default, not by the profile.
        return "TCP/RTP/AVP is taken for a connection that ICE has made, not for a new one"
    return f"no support for {protocol.name}"


def _accept(
    index: int, remote: RemoteAudio, local: LocalMedia
) -> tuple[Media, NegotiatedMedia, Description | None] | str:
    """Section of the answer, the result and our shown ICE description; or why the stream is refused."""
    formats = format_match.match(remote.formats, local.formats)
    if formats is None:
        return "no codec in common"
    connection = remote.session.connection_of(remote.media)
    if connection is not None and connection.multicast:
        return "multicast"
    muxed = remote.rtcp.mux and local.rtcp_mux
    if remote.rtcp.mux_only and not muxed:
        # RFC 8858 §4.3
        return "rtcp-mux is demanded"
    ice = ice_decision.as_answerer(remote, local, muxed=muxed)
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    if ice.remote is None and (defaults.rtp is None or defaults.rtp.is_name):
        return "the address is a name and there is no ICE"
    if ice.remote is None and _has_no_default(remote):
        return f"the offer has no default address, and {ice.reason}"
    if ice.remote is None and local.address is None:
        return "there is no ICE, and no UDP address here for plain RTP"
    # Our answer says the same, so both have switched it off.
    components = ice_decision.components(
        remote, ice.remote, local.ice, muxed=muxed, switched_off=not remote.rtcp.used
    )
    way = directions.answer(remote.direction, local.direction)
    tcp, agreement = _answer_setup(remote, local)
    # The answer repeats the offer's numbers and its order (RFC 3264 §6.1); parameters are ours.
    ours = tuple(
        replace(format_match.counterpart(audio, local.formats), payload_type=audio.payload_type)
        for audio in formats.common
    )
    plan = section.SectionPlan(
        proto=remote.media.proto,
        formats=ours,
        direction=way,
        ice=ice.shown,
        mux=muxed,
        rtcp=ice_decision.has_rtcp(remote, muxed=muxed, components=components),
        components=components,
        is_offer=False,
        tcp=tcp,
    )
    negotiated = _negotiated(
        index,
        remote,
        formats=formats,
        receive=ours,
        way=way,
        ice=ice,
        muxed=muxed,
        components=components,
        tcp=agreement,
    )
    return section.audio_section(local, plan), negotiated, ice.shown


def _has_no_default(remote: RemoteAudio) -> bool:
    """True for 0.0.0.0 or :: of an ICE agent: not a hold, it has no default candidate (RFC 8839 §4.3.1)."""
    return remote.holds_by_address and remote.ice.description is not None


def _losing_pairs(remote: RemoteAudio, local: LocalMedia) -> list[Diagnostic]:
    """Pairs that the peer has selected and we have not: the offer overtook the checks (RFC 8839 §4.4.2)."""
    own = {(pair.component, pair.local.address) for pair in local.selected}
    return [
        attribute.diagnostic("the peer selected a pair that is not selected here; answered without it")
        for attribute in remote.media.all("remote-candidates")
        if any((each.component, each.address) not in own for each in remote.ice.remote_candidates)
    ]


def _answer_setup(remote: RemoteAudio, local: LocalMedia) -> tuple[TcpSetup | None, Agreement | None]:
    """a=setup and a=connection of the answer, for an m= line over TCP only."""
    existing = section.existing_connection(local)
    if existing is None or remote.protocol is None or remote.protocol.transport is not Transport.TCP:
        return None, None
    able = connection_attr.answer_to(
        remote.tcp,
        can_dial=existing.setup is connection_attr.Setup.ACTIVE,
        can_listen=existing.setup is connection_attr.Setup.PASSIVE,
        has_connection=True,
    )
    return able, connection_attr.agree(remote.tcp, able)


# --- accepting an answer ----------------------------------------------------------------------------------


def accept_answer(offer: SessionDescription, given: SessionDescription) -> NegotiatedMedia:
    """What offer and answer come to, seen from the offerer.

    Raises:
        NegotiationError: the answer breaks RFC 3264 §6, or every stream is refused: a 200 whose m= lines
            all have port 0 is a failed call.
    """
    if len(given.media) != len(offer.media):
        raise NegotiationError(
            f"the answer has {len(given.media)} m= lines and the offer {len(offer.media)} (RFC 3264 §6)"
        )
    for index, (asked, media) in enumerate(zip(offer.media, given.media, strict=True)):
        if asked.port == 0 or media.port == 0:
            continue
        if media.media != asked.media or media.proto.upper() != asked.proto.upper():
            raise NegotiationError(
                f"the answer turns {asked.media} {asked.proto} into {media.media} {media.proto}", media.line
            )
        return _accept_section(index, offer, asked, given, media)
    raise NegotiationError("the peer took the call but refused every media stream (all m= lines have port 0)")


def _accept_section(
    index: int, offer: SessionDescription, asked: Media, given: SessionDescription, media: Media
) -> NegotiatedMedia:
    ours = remote_audio.read(offer, asked, is_answer=False)
    theirs = remote_audio.read(given, media, is_answer=True)
    remarks: list[Diagnostic] = []
    theirs = replace(theirs, formats=format_match.with_offered_maps(theirs, ours.formats, remarks))
    formats = format_match.match(theirs.formats, ours.formats)
    if formats is None:
        raise NegotiationError("the answer has no codec of the offer", media.line)
    muxed = ours.rtcp.mux and theirs.rtcp.mux
    if theirs.rtcp.mux and not ours.rtcp.mux:
        remarks.append(media.diagnostic("a=rtcp-mux was not offered; ignored"))
    agreement = _agreement(ours, theirs)
    way = ours.direction.limited_to(theirs.direction.reverse)
    if way is not ours.direction and not _direction_allowed(ours.direction, theirs.direction):
        remarks.append(media.diagnostic("the direction does not answer the offer's; the common part is used"))
    ice = ice_decision.as_offerer(ours, theirs, remarks, muxed=muxed)
    negotiated = _negotiated(
        index,
        theirs,
        formats=formats,
        receive=ours.formats,
        way=way,
        ice=ice,
        muxed=muxed,
        components=ice_decision.components(
            theirs,
            ice.remote,
            ours.ice.description,
            muxed=muxed,
            switched_off=not (ours.rtcp.used or theirs.rtcp.used),
        ),
        tcp=agreement,
    )
    if negotiated.ice is None and ours.holds_by_address:
        raise NegotiationError(f"there is no UDP address here for plain RTP, and {ice.reason}", media.line)
    held = theirs.holds_by_address and not _has_no_default(theirs)
    if negotiated.ice is None and negotiated.remote_address is None and not held:
        raise NegotiationError(f"the answer names no IP address to send to, and {ice.reason}", media.line)
    diagnostics = (*given.diagnostics, *theirs.diagnostics, *remarks, *negotiated.diagnostics)
    return replace(negotiated, diagnostics=diagnostics)


def _direction_allowed(offer: Direction, given: Direction) -> bool:
    """RFC 3264 §6.1: an answer neither sends nor receives what the offer does not take or give."""
    return given.limited_to(offer.reverse) is given


def _agreement(ours: RemoteAudio, theirs: RemoteAudio) -> Agreement | None:
    if ours.protocol is None or ours.protocol.transport is not Transport.TCP:
        return None
    agreement = connection_attr.agree(ours.tcp, theirs.tcp)
    if agreement is None:
        raise NegotiationError(
            f"a=setup:{theirs.tcp.setup} a=connection:{theirs.tcp.connection} does not answer"
            f" a=setup:{ours.tcp.setup} a=connection:{ours.tcp.connection} (RFC 4145 §4.1, §5.1)",
            theirs.media.line,
        )
    if agreement.connection is ConnectionUse.NEW and ours.tcp.connection is ConnectionUse.EXISTING:
        raise NegotiationError(
            "the peer wants a new connection instead of the one ICE made", theirs.media.line
        )
    return agreement


# --- common -----------------------------------------------------------------------------------------------


def _negotiated(
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
) -> NegotiatedMedia:
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    held = not remote.direction.receives
    if remote.holds_by_address and (ice.remote is None or remote.media.port != 9):
        # RFC 3264 §8.4: neither RTP nor RTCP goes to 0.0.0.0.
        held = True
        way = way.limited_to(Direction.RECVONLY)
    has_rtcp = ice_decision.has_rtcp(remote, muxed=muxed, components=components)
    rtcp = defaults.rtcp.address if defaults.rtcp is not None and has_rtcp else None
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
    )
