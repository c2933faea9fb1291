"""What the answer to an offer of ours comes to (RFC 3264 §7, RFC 8839 §4.3.3)."""

from __future__ import annotations

from dataclasses import replace

from ice.types import Transport
from sdp.attributes import connection_attr
from sdp.attributes.connection_attr import Agreement, ConnectionUse
from sdp.attributes.direction import Direction
from sdp.diagnostics import Diagnostic
from sdp.errors import NegotiationError
from sdp.negotiation import format_match, header_extensions, ice_decision, key_agreement, remote_audio
from sdp.negotiation.agreed import has_no_default, negotiated_media
from sdp.negotiation.key_agreement import Addresses
from sdp.negotiation.keying import DtlsTerms, Keys
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.syntax.model import Media, SessionDescription


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
    formats = format_match.match(theirs.formats, ours.formats, limit=theirs.limit_bps)
    if formats is None:
        raise NegotiationError("the answer has no codec of the offer", media.line)
    muxed = ours.rtcp.mux and theirs.rtcp.mux
    if ours.rtcp.mux_only and not muxed:
        raise NegotiationError("rtcp-mux-only was offered, rtcp-mux not answered (RFC 8858 §4.4)", media.line)
    if theirs.rtcp.mux and not ours.rtcp.mux:
        remarks.append(media.diagnostic("a=rtcp-mux was not offered; ignored"))
    keys = _keys(ours, theirs)
    agreement = None if isinstance(keys, DtlsTerms) else _agreement(ours, theirs)
    way = ours.direction.limited_to(theirs.direction.reverse)
    if way is not ours.direction and not _direction_allowed(ours.direction, theirs.direction):
        remarks.append(media.diagnostic("the direction does not answer the offer's; the common part is used"))
    ice = ice_decision.as_offerer(ours, theirs, remarks, muxed=muxed)
    negotiated = negotiated_media(
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
        keys=keys,
        extended_reports=ours.report_blocks is not None,
        extensions=header_extensions.accepted(ours, theirs, remarks),
    )
    if negotiated.ice is None and ours.holds_by_address:
        raise NegotiationError(f"there is no UDP address here for plain RTP, and {ice.reason}", media.line)
    held = theirs.holds_by_address and not has_no_default(theirs)
    if negotiated.ice is None and negotiated.remote_address is None and not held:
        raise NegotiationError(f"the answer names no IP address to send to, and {ice.reason}", media.line)
    diagnostics = (*given.diagnostics, *theirs.diagnostics, *remarks, *negotiated.diagnostics)
    return replace(negotiated, diagnostics=diagnostics)


def _keys(ours: RemoteAudio, theirs: RemoteAudio) -> Keys | None:
    with_ice = ours.ice.description is not None and theirs.ice.description is not None
    addresses = Addresses()
    if not with_ice:
        addresses = Addresses(
            local=key_agreement.destination(ours.session, ours.media),
            remote=key_agreement.destination(theirs.session, theirs.media),
        )
    return key_agreement.accept(
        theirs.protocol, ours.keys, theirs.keys, theirs.tcp.setup, addresses=addresses, line=theirs.media.line
    )


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
    with_ice = ours.ice.description is not None
    if (
        with_ice
        and agreement.connection is ConnectionUse.NEW
        and ours.tcp.connection is ConnectionUse.EXISTING
    ):
        raise NegotiationError(
            "the peer wants a new connection instead of the one ICE made", theirs.media.line
        )
    return agreement
