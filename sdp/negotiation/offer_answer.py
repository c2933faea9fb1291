"""Offer and answer for one audio stream (RFC 3264) with ICE (RFC 8839 §4).

Pure functions: session ids and versions are arguments.
`sdp.negotiation.exchange` keeps the state of a session.
"""

from __future__ import annotations

from dataclasses import replace

from ice.types import Description, Transport
from sdp.attributes import bundle, connection_attr, extmap_attr, feedback_attr
from sdp.attributes import direction as directions
from sdp.attributes.connection_attr import Agreement, TcpSetup
from sdp.attributes.extmap_attr import Extension
from sdp.attributes.feedback_attr import ReportBlock
from sdp.attributes.rtp_attr import AudioFormat
from sdp.diagnostics import Diagnostic
from sdp.negotiation import (
    default_destination,
    format_match,
    format_parameters,
    header_extensions,
    ice_decision,
    key_agreement,
    remote_audio,
    section,
)
from sdp.negotiation.agreed import has_no_default, negotiated_media
from sdp.negotiation.key_agreement import Addresses, KeyAnswer
from sdp.negotiation.keying import DtlsTerms
from sdp.negotiation.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.syntax import protocols
from sdp.syntax.grammar import is_ipv6
from sdp.syntax.model import Media, Origin, SessionDescription
from sdp.syntax.protocols import Keying

_NO_ADDRESS = "127.0.0.1"
_WITHOUT_ICE = "media without ICE is not taken here"


def origin_of(local: LocalMedia, *, session_id: int, version: int) -> Origin:
    """The o= line of a new session of ours."""
    host = local.address.host if local.address is not None else _NO_ADDRESS
    if local.tcp is not None:
        host = local.tcp.host
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
    audio = offered_section(local)
    # Offers with SAVPF are for browsers, which have theirs in a group (RFC 8829 §5.2.1).
    mid = bundle.mid_of(audio) if local.keying.policy.feedback else None
    return section.description(
        [audio],
        origin=origin_of(local, session_id=session_id, version=version),
        ice=local.ice,
        groups=() if mid is None else (bundle.group_line(bundle.Group(mids=(mid,))),),
    )


def offered_section(local: LocalMedia, in_force: tuple[Extension, ...] | None = None) -> Media:
    """Our audio section in an offer; over TCP once a TCP pair is selected (RFC 8839 §4.4.1.2.2).

    `in_force` are the header extensions that the session has so far, None in its first offer.
    """
    tcp = section.existing_connection(local) if local.ice is not None else None
    if local.tcp is not None:
        tcp = local.tcp.offer
    transport = Transport.TCP if tcp is not None else Transport.UDP
    protocol = key_agreement.offered_protocol(local.keying, transport)
    numbers = {candidate.component for candidate in local.ice.candidates} if local.ice is not None else {1, 2}
    if local.selected and local.ice is not None:
        numbers = {pair.component for pair in local.selected}
    mid = local.mid if local.ice is not None else None
    mux_only = local.rtcp_mux and local.rtcp_mux_only
    # RFC 8858 §4.2: nothing for a second component then.
    components = 1 if mux_only else max(numbers, default=1)
    plan = section.SectionPlan(
        proto=protocol.name,
        formats=local.formats,
        direction=local.direction,
        ice=local.ice,
        mux=local.rtcp_mux,
        rtcp=local.rtcp_mux or components == 2,
        components=components,
        is_offer=True,
        tcp=None if local.keying.policy.offers is Keying.DTLS else tcp,
        mid=mid,
        mux_only=mux_only,
        extensions=header_extensions.offered(local, protocol, mid, in_force),
        report_blocks=feedback_attr.OUR_BLOCKS if local.extended_reports and not local.terse else None,
        keys=key_agreement.offered_lines(local.keying),
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
            outcome = _accept(index, remote, local, _earlier(previous, index))
            if not isinstance(outcome, str):
                accepted = outcome
                sections.append(outcome[0])
                continue
            reason = outcome
        if media.port != 0 or bundle.is_bundle_only(offer, media):
            reasons.append(reason)
            diagnostics.append(media.diagnostic(f"stream refused: {reason}"))
        sections.append(section.refused(media))
    shown = accepted[2] if accepted is not None else None
    # RFC 3264 §6: the time of the answer is that of the offer.
    groups = () if accepted is None else bundle.answered(offer, [accepted[1].index])
    description = section.description(sections, origin=origin, ice=shown, times=offer.times, groups=groups)
    if accepted is None:
        reason = "; ".join(dict.fromkeys(reasons)) or "the offer has no live stream"
        return Answer(
            description=description,
            negotiated=None,
            reason=reason,
            lacks_ice=bool(reasons) and all(each.startswith(_WITHOUT_ICE) for each in reasons),
            stopped=previous is not None and not reasons and bool(offer.media),
            diagnostics=tuple(diagnostics),
        )
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
        # Of a group that we do not take anything else of, bundle-only has no transport (RFC 9143 §7.3.1).
        return "offered with port 0"
    if media.media != "audio":
        return f"no support for {media.media}"
    protocol = protocols.lookup(media.proto)
    if protocol is None:
        return f"no support for {media.proto}"
    if local.tcp is not None:
        fits = protocols.goes_over_tcp(protocol)
        return "" if fits else f"this call has its media over TCP without ICE, not {protocol.name}"
    plain_feedback = protocol.feedback and protocol.keying is Keying.NONE
    if plain_feedback or protocol.keying is Keying.TLS:
        return f"no support for {protocol.name}"
    over_tcp = section.existing_connection(local) is not None
    if protocol.transport is Transport.TCP and not over_tcp:
        # Media over TCP comes by ICE candidates beside a UDP default, not by the profile.
        return f"{protocol.name} is taken for a connection that ICE has made, not for a new one"
    return ""


def _earlier(previous: SessionDescription | None, index: int) -> tuple[Extension, ...]:
    """The header extensions that the session has in use, whose ids stay (RFC 8285 §7)."""
    if previous is None or index >= len(previous.media):
        return ()
    return extmap_attr.read(previous, previous.media[index])[0].listed


def _accept(
    index: int, remote: RemoteAudio, local: LocalMedia, earlier: tuple[Extension, ...]
) -> tuple[Media, NegotiatedMedia, Description | None] | str:
    """Section of the answer, the result and our shown ICE description; or why the stream is refused."""
    formats = format_match.match(remote.formats, local.formats, limit=remote.limit_bps)
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
    if ice.remote is None and local.ice_required:
        return f"{_WITHOUT_ICE}, and {ice.reason}"
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    if ice.remote is None and (defaults.rtp is None or defaults.rtp.is_name):
        return "the address is a name and there is no ICE"
    if ice.remote is None and has_no_default(remote):
        return f"the offer has no default address, and {ice.reason}"
    if ice.remote is None and local.address is None and local.tcp is None:
        return "there is no ICE, and no UDP address here for plain RTP"
    # Our answer says the same, so both have switched it off.
    components = ice_decision.components(
        remote, ice.remote, local.ice, muxed=muxed, switched_off=not remote.rtcp.used
    )
    way = directions.answer(remote.direction, local.direction)
    keys = _answer_keys(remote, local, with_ice=ice.remote is not None)
    if isinstance(keys, str):
        return keys
    tcp, agreement = _answer_setup(remote, local)
    if isinstance(keys.keys, DtlsTerms):
        # RFC 8842 §5: a=setup is the role in DTLS then.
        tcp, agreement = None, None
    # The answer repeats the offer's numbers and its order (RFC 3264 §6.1).
    ours = tuple(_answered_format(audio, local) for audio in formats.common)
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
        mid=remote.mid,
        feedback=feedback_attr.answer(
            remote.feedback, local.feedback, [audio.payload_type for audio in formats.common]
        ),
        extensions=header_extensions.answered(index, remote, local, way, earlier),
        report_blocks=_answered_blocks(remote, local),
        keys=keys.lines,
    )
    negotiated = negotiated_media(
        index,
        remote,
        formats=formats,
        receive=ours,
        way=way,
        ice=ice,
        muxed=muxed,
        components=components,
        tcp=agreement,
        keys=keys.keys,
        extended_reports=local.extended_reports,
        extensions=plan.extensions.listed,
    )
    return section.audio_section(local, plan), negotiated, ice.shown


def _answer_keys(remote: RemoteAudio, local: LocalMedia, *, with_ice: bool) -> KeyAnswer | str:
    if remote.protocol is None:
        return "there is no protocol"
    addresses = Addresses()
    if not with_ice and local.address is not None:
        addresses = key_agreement.addresses(local.address, remote.session, remote.media)
    return key_agreement.answer(
        remote.protocol, remote.keys, remote.tcp.setup, local.keying, addresses=addresses
    )


def _answered_blocks(remote: RemoteAudio, local: LocalMedia) -> tuple[ReportBlock, ...] | None:
    """RFC 3611 §5.2: what we ask for in turn, nothing where the offer asks for none."""
    return feedback_attr.OUR_BLOCKS if local.extended_reports and remote.report_blocks else None


def _answered_format(offered: AudioFormat, local: LocalMedia) -> AudioFormat:
    ours = format_match.counterpart(offered, local.formats)
    return replace(ours, payload_type=offered.payload_type, fmtp=format_parameters.answer(offered, ours))


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
    if remote.protocol is None or remote.protocol.transport is not Transport.TCP:
        return None, None
    if local.tcp is not None:
        able = connection_attr.answer_to(
            remote.tcp,
            can_dial=local.tcp.can_dial and _can_be_dialled(remote),
            can_listen=local.tcp.can_listen,
            has_connection=local.tcp.has_connection,
        )
        return able, connection_attr.agree(remote.tcp, able)
    if existing is None:
        return None, None
    able = connection_attr.answer_to(
        remote.tcp,
        can_dial=existing.setup is connection_attr.Setup.ACTIVE,
        can_listen=existing.setup is connection_attr.Setup.PASSIVE,
        has_connection=True,
    )
    return able, connection_attr.agree(remote.tcp, able)


def _can_be_dialled(remote: RemoteAudio) -> bool:
    """True where the section names an IP address and a port to connect to."""
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=False)
    return defaults.rtp is not None and defaults.rtp.address is not None
