"""Everything that a peer's audio section says, read once."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdp.attributes import (
    bandwidth,
    bundle,
    connection_attr,
    direction,
    extmap_attr,
    feedback_attr,
    ice_attr,
    rtcp_attr,
    rtp_attr,
)
from sdp.attributes.connection_attr import TcpSetup
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import Extensions
from sdp.attributes.feedback_attr import Feedback, ReportBlock
from sdp.attributes.ice_attr import IceReading
from sdp.attributes.rtcp_attr import Rtcp
from sdp.attributes.rtp_attr import AudioFormat, PacketTimes
from sdp.diagnostics import Diagnostic
from sdp.negotiation import key_agreement
from sdp.negotiation.key_agreement import KeyLines
from sdp.syntax import protocols
from sdp.syntax.model import Media, SessionDescription
from sdp.syntax.protocols import RtpProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAudio:
    """One audio section of the peer.

    Attributes:
        session: the description that it stands in.
        media: the section.
        protocol: of its m= line, None for one that carries no RTP.
        formats: usable formats in its order.
        times: ptime and maxptime.
        direction: as the peer sees it.
        rtcp: everything about RTCP.
        ice: everything about ICE.
        tcp: a=setup and a=connection with their defaults.
        keys: a=crypto, a=fingerprint and a=tls-id.
        diagnostics: lines that were refused.
        mid: identification tag (RFC 5888 §4), None where there is none.
        feedback: RTCP feedback that it asks for (RFC 4585 §4.2).
        extensions: RTP header extensions (RFC 8285).
        report_blocks: extended reports that it asks for (RFC 3611 §5.1), None where it says nothing.
    """

    session: SessionDescription
    media: Media
    protocol: RtpProtocol | None
    formats: tuple[AudioFormat, ...]
    times: PacketTimes
    direction: Direction
    rtcp: Rtcp
    ice: IceReading
    tcp: TcpSetup
    keys: KeyLines
    diagnostics: tuple[Diagnostic, ...]
    mid: str | None = None
    feedback: tuple[Feedback, ...] = ()
    extensions: Extensions = field(default_factory=Extensions)
    report_blocks: tuple[ReportBlock, ...] | None = None

    @property
    def limit_bps(self) -> int | None:
        """Bit/s that the peer takes, None for no limit (RFC 3264 §5.1)."""
        return bandwidth.limit_bps(self.session, self.media)

    @property
    def holds_by_address(self) -> bool:
        """True for c=0.0.0.0 or :: outside ICE's "no default": the hold of RFC 2543 (RFC 3264 §8.4)."""
        connection = self.session.connection_of(self.media)
        return connection is not None and connection.literal in ("0.0.0.0", "::")  # noqa: S104 - compared


def read(session: SessionDescription, media: Media, *, is_answer: bool) -> RemoteAudio:
    """Read one audio section of an offer or answer; faults become diagnostics."""
    rtcp, rtcp_remarks = rtcp_attr.read(session, media)
    formats, format_remarks = rtp_attr.formats(media, muxed=rtcp.mux)
    times, time_remarks = rtp_attr.packet_times(media)
    ice = ice_attr.read(session, media, is_answer=is_answer)
    protocol = protocols.lookup(media.proto)
    tcp, tcp_remarks = connection_attr.read(session, media, is_answer=is_answer)
    keys, key_remarks = key_agreement.read(session, media)
    remarks = [*rtcp_remarks, *format_remarks, *time_remarks, *ice.diagnostics, *tcp_remarks, *key_remarks]
    feedback, feedback_remarks = feedback_attr.read(media, protocol)
    extensions, extension_remarks = extmap_attr.read(session, media)
    blocks, block_remarks = feedback_attr.report_blocks(session, media)
    remarks += [*feedback_remarks, *extension_remarks, *block_remarks]
    if rtcp.mux_only and is_answer:
        # RFC 8858 §4.3
        remarks.append(media.diagnostic("a=rtcp-mux-only means nothing in an answer; ignored"))
    way = direction.read(session, media)
    if way is Direction.INACTIVE and ice.description is None and media.first("candidate") is not None:
        remarks.append(media.diagnostic("a=inactive in an old draft's description may mean passive"))
    return RemoteAudio(
        session=session,
        media=media,
        protocol=protocol,
        formats=formats,
        times=times,
        direction=way,
        rtcp=rtcp,
        ice=ice,
        tcp=tcp,
        keys=keys,
        diagnostics=tuple(remarks),
        mid=bundle.mid_of(media),
        feedback=feedback,
        extensions=extensions,
        report_blocks=blocks,
    )
