"""Builds one m= section of ours, and the session level around the sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ice.types import Candidate, CandidateType, Description, TcpType, Transport, TransportAddress
from sdp.attributes import connection_attr, extmap_attr, feedback_attr, ice_attr, rtcp_attr, rtp_attr
from sdp.attributes.candidate_attr import DISCARD_PORT
from sdp.attributes.connection_attr import ConnectionUse, Setup, TcpSetup
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import Extensions
from sdp.attributes.feedback_attr import Feedback, ReportBlock
from sdp.attributes.ice_attr import RemoteCandidate
from sdp.attributes.rtcp_attr import RtcpPort
from sdp.attributes.rtp_attr import AudioFormat
from sdp.negotiation.default_destination import UNSPECIFIED_IPV4, UNSPECIFIED_IPV6
from sdp.negotiation.negotiated import LocalMedia, SelectedPair
from sdp.syntax import protocols
from sdp.syntax.grammar import is_ipv6
from sdp.syntax.model import Attribute, Connection, Media, Origin, SessionDescription, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionPlan:
    """What an audio section is to say.

    Attributes:
        proto: as written on the m= line.
        formats: in order.
        direction: to write.
        ice: our description as this section shows it, None for no ICE attribute at all.
        mux: write a=rtcp-mux.
        rtcp: false says that we send no RTCP.
        components: components whose candidates are written.
        is_offer: fallback RTCP port and remote-candidates stand in offers only.
        tcp: a=setup and a=connection, where the proto is over TCP.
        mid: identification tag, None for none.
        mux_only: write a=rtcp-mux-only beside a=rtcp-mux; offers only.
        feedback: a=rtcp-fb lines.
        extensions: a=extmap lines.
        report_blocks: of the a=rtcp-xr line, None for no such line.
        keys: lines that say how media is protected.
    """

    proto: str
    formats: tuple[AudioFormat, ...]
    direction: Direction
    ice: Description | None
    mux: bool
    rtcp: bool
    components: int
    is_offer: bool
    tcp: TcpSetup | None = None
    mid: str | None = None
    mux_only: bool = False
    feedback: tuple[Feedback, ...] = ()
    extensions: Extensions = field(default_factory=Extensions)
    report_blocks: tuple[ReportBlock, ...] | None = None
    keys: tuple[Attribute, ...] = ()


def audio_section(local: LocalMedia, plan: SectionPlan) -> Media:
    """The m= section of an accepted or offered audio stream, with its own c= line."""
    protocol = protocols.lookup(plan.proto)
    transport = protocol.transport if protocol is not None else Transport.UDP
    rtp, rtcp = _defaults(local, plan, transport)
    lines = [
        *rtp_attr.format_attributes(plan.formats, terse=local.terse),
        *_times(local),
        *_direction(local, plan.direction),
        *_rtcp(rtp, rtcp, plan),
        *feedback_attr.attributes(plan.feedback),
        *extmap_attr.attributes(plan.extensions),
    ]
    if plan.report_blocks is not None:
        lines.append(feedback_attr.report_attribute(plan.report_blocks))
    if plan.tcp is not None:
        lines += connection_attr.attributes(plan.tcp)
    lines += plan.keys
    if plan.mid is not None:
        lines.append(Attribute(name="mid", value=plan.mid))
    if plan.ice is not None:
        shown = replace(plan.ice, candidates=_candidates(local, plan))
        lines += ice_attr.media_attributes(shown, remote_candidates=_remote_candidates(local, plan))
    return Media(
        media="audio",
        port=rtp.port,
        proto=plan.proto,
        formats=tuple(str(audio.payload_type) for audio in plan.formats),
        connections=(Connection.of(rtp.host),),
        bandwidths=() if plan.rtcp else rtcp_attr.SWITCHED_OFF,
        attributes=tuple(lines),
    )


def _times(local: LocalMedia) -> tuple[Attribute, ...]:
    usual = local.terse and local.ptime_ms == rtp_attr.DEFAULT_PTIME_MS
    return () if usual else (Attribute(name="ptime", value=str(local.ptime_ms)),)


def _direction(local: LocalMedia, way: Direction) -> tuple[Attribute, ...]:
    return () if local.terse and way is Direction.SENDRECV else (Attribute(name=way.value),)


def _uses_ice(plan: SectionPlan) -> bool:
    return plan.ice is not None and not plan.ice.mismatch


def _defaults(
    local: LocalMedia, plan: SectionPlan, transport: Transport
) -> tuple[TransportAddress, TransportAddress | None]:
    """Default addresses of RTP and RTCP in this section."""
    if local.tcp is not None and plan.tcp is not None:
        # RFC 4145 §4.1: nobody connects to the one who connects.
        if plan.tcp.setup in (Setup.ACTIVE, Setup.HOLDCONN) or local.address is None:
            return TransportAddress(host=local.tcp.host, port=DISCARD_PORT), None
        return local.address, local.rtcp_address
    if _uses_ice(plan) and local.selected:
        # RFC 8839 §4.4.1.2.2: the nominated pair, if it speaks the transport of the m= line.
        chosen = [_of_transport(local.selected_for(component), transport) for component in (1, 2)]
        first, second = chosen
        if first is not None:
            return first, second
        return _nowhere(local), None
    has_candidate = plan.ice is not None and any(
        candidate.transport is transport and candidate.component == 1 for candidate in plan.ice.candidates
    )
    if local.address is None or transport is Transport.TCP or (_uses_ice(plan) and not has_candidate):
        # RFC 8839 §4.3.2: rather no default than another transport.
        return _nowhere(local), None
    return local.address, local.rtcp_address


def _of_transport(pair: SelectedPair | None, transport: Transport) -> TransportAddress | None:
    return pair.local.address if pair is not None and pair.local.transport is transport else None


def _nowhere(local: LocalMedia) -> TransportAddress:
    hosts = [candidate.address.host for candidate in local.ice.candidates] if local.ice is not None else []
    ipv6_only = bool(hosts) and all(is_ipv6(host) for host in hosts)
    return TransportAddress(host=UNSPECIFIED_IPV6 if ipv6_only else UNSPECIFIED_IPV4, port=DISCARD_PORT)


def _rtcp(rtp: TransportAddress, rtcp: TransportAddress | None, plan: SectionPlan) -> list[Attribute]:
    lines: list[Attribute] = []
    if rtcp is not None and plan.components == 2:
        adjacent = rtcp == TransportAddress(host=rtp.host, port=rtp.port + 1)
        # RFC 5761 §5.1.3: beside rtcp-mux an ICE offer names the fallback port in any case.
        if not adjacent or (plan.mux and _uses_ice(plan)):
            lines.append(
                rtcp_attr.port_attribute(
                    RtcpPort(port=rtcp.port, host=None if rtcp.host == rtp.host else rtcp.host)
                )
            )
    if plan.mux:
        lines.append(rtcp_attr.MUX)
    if plan.mux and plan.mux_only:
        lines.append(rtcp_attr.MUX_ONLY)
    return lines


def _candidates(local: LocalMedia, plan: SectionPlan) -> tuple[Candidate, ...]:
    if local.selected:
        pairs = [pair for pair in local.selected if pair.component <= plan.components]
        return tuple(_shown(pair.local) for pair in pairs)
    offered = plan.ice.candidates if plan.ice is not None else ()
    return tuple(candidate for candidate in offered if candidate.component <= plan.components)


def _shown(candidate: Candidate) -> Candidate:
    """A nominated candidate as it is written: a peer-reflexive one names its base."""
    if candidate.related is not None or candidate.type is CandidateType.HOST:
        return candidate
    return replace(candidate, related=candidate.base)


def _remote_candidates(local: LocalMedia, plan: SectionPlan) -> tuple[RemoteCandidate, ...]:
    if not (plan.is_offer and local.controlling):
        return ()
    return tuple(
        RemoteCandidate(component=pair.component, address=pair.remote.address)
        for pair in local.selected
        if pair.component <= plan.components
    )


def existing_connection(local: LocalMedia) -> TcpSetup | None:
    """a=setup and a=connection for a selected TCP pair: who opens it, and that it stays (RFC 6544 §9.1).

    Between two lite agents it may be still to come (§6.1).
    """
    pair = local.selected_for(1)
    if pair is None or pair.local.transport is not Transport.TCP:
        return None
    opened = pair.local.tcptype is TcpType.ACTIVE
    use = ConnectionUse.NEW if local.connecting else ConnectionUse.EXISTING
    return TcpSetup(setup=Setup.ACTIVE if opened else Setup.PASSIVE, connection=use)


def refused(media: Media) -> Media:
    """The same stream with port 0: media, proto and one format are repeated (RFC 3264 §6)."""
    return Media(media=media.media, port=0, proto=media.proto, formats=media.formats[:1])


def capabilities(formats: tuple[AudioFormat, ...], *, session_id: int) -> SessionDescription:
    """What we could do, for OPTIONS and 488: neither offer nor answer, all ports 0 (RFC 3264 §9).

    `session_id` is fresh, below 2^63. No address is told.
    """
    audio = Media(
        media="audio",
        port=0,
        proto=protocols.RTP_AVP.name,
        formats=tuple(str(each.payload_type) for each in formats),
        attributes=rtp_attr.format_attributes(formats),
    )
    origin = Origin(session_id=session_id, version=0, addrtype="IP4", address=UNSPECIFIED_IPV4)
    return description([audio], origin=origin, ice=None)


def description(
    sections: Sequence[Media],
    *,
    origin: Origin,
    ice: Description | None,
    times: tuple[Time, ...] = (Time(),),
    groups: tuple[Attribute, ...] = (),
) -> SessionDescription:
    """A whole description; the c= line of the first live section moves to the session level.

    `groups` are a=group lines.
    """
    live = next((section for section in sections if section.connections), None)
    connection = live.connections[0] if live is not None else Connection.of(origin.address)
    sections = [
        replace(section, connections=()) if section.connections[:1] == (connection,) else section
        for section in sections
    ]
    return SessionDescription(
        origin=origin,
        connection=connection,
        times=times,
        attributes=groups if ice is None else groups + ice_attr.session_attributes(ice),
        media=tuple(sections),
    )
