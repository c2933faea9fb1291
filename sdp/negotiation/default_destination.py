"""The default destination of a stream (m=, c= and a=rtcp) and its check against the candidates.

Where the default is not among the candidates, something between the two agents rewrote the description
but not the candidates: an ICE mismatch (RFC 8839 §4.2.5).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ice.types import Description, Transport, TransportAddress
from sdp.attributes.rtcp_attr import Rtcp
from sdp.syntax import grammar, protocols
from sdp.syntax.model import Media, SessionDescription

UNSPECIFIED_IPV4 = "0.0.0.0"  # noqa: S104 - written in SDP, never bound
UNSPECIFIED_IPV6 = "::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one component is sent without ICE: an IP literal or a name, and a port."""

    host: str
    port: int

    @property
    def is_name(self) -> bool:
        """True for a name instead of an IP address."""
        return grammar.ip_literal(self.host) is None

    @property
    def is_unspecified(self) -> bool:
        """True for 0.0.0.0 and ::, which mean "no address" or an old way to hold (RFC 3264 §8.4)."""
        return self.host in (UNSPECIFIED_IPV4, UNSPECIFIED_IPV6)

    @property
    def address(self) -> TransportAddress | None:
        """The address that plain RTP can be sent to, None for a name, a group or no address."""
        literal = grammar.ip_literal(self.host)
        if literal is None or self.is_unspecified or not 0 < self.port <= grammar.MAX_PORT:
            return None
        if ipaddress.ip_address(literal).is_multicast:
            return None
        return TransportAddress(host=literal, port=self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The default destinations of one m= section.

    Attributes:
        transport: of the proto; None for a proto that carries no RTP.
        rtp: component 1; None without a usable c= line.
        rtcp: component 2, or component 1 again when muxed; None where RTCP is not used.
    """

    transport: Transport | None
    rtp: Destination | None
    rtcp: Destination | None


def read(session: SessionDescription, media: Media, rtcp: Rtcp, *, muxed: bool) -> Defaults:
    """The default destinations of `media`.

    RTCP goes to a=rtcp, else to the next higher port (RFC 3605 §2.1); with rtcp-mux agreed (`muxed`) to
    the RTP port.
    """
    protocol = protocols.lookup(media.proto)
    transport = None if protocol is None else protocol.transport
    connection = session.connection_of(media)
    if connection is None or connection.nettype != "IN":
        return Defaults(transport=transport, rtp=None, rtcp=None)
    rtp = Destination(host=connection.address, port=media.port)
    second: Destination | None
    if not rtcp.used:
        second = None
    elif muxed:
        second = rtp
    elif rtcp.port is not None:
        second = Destination(host=rtcp.port.host or rtp.host, port=rtcp.port.port)
    else:
        second = Destination(host=rtp.host, port=rtp.port + 1)
    return Defaults(transport=transport, rtp=rtp, rtcp=second)


def mismatch(defaults: Defaults, description: Description, *, rtcp_signalled: bool) -> str:
    """Why the defaults do not fit the candidates, empty where they do (RFC 8839 §4.2.5).

    0.0.0.0 and :: are no mismatch (with port 9 by the rule, with another port as an old way to hold), and
    neither is a name. RTCP is compared where the peer has candidates for it or names its port by a=rtcp
    (`rtcp_signalled`); a peer with candidates for RTP alone runs one component.
    """
    if defaults.rtp is not None and not _listed(defaults.rtp, 1, defaults.transport, description):
        return f"the default {defaults.rtp.host} port {defaults.rtp.port} is not among the candidates"
    rtcp = defaults.rtcp
    if rtcp is None or rtcp == defaults.rtp:
        return ""
    if not rtcp_signalled and all(candidate.component == 1 for candidate in description.candidates):
        return ""
    if not _listed(rtcp, 2, defaults.transport, description):
        return f"the RTCP default {rtcp.host} port {rtcp.port} is not among the candidates"
    return ""


def _listed(
    destination: Destination, component: int, transport: Transport | None, description: Description
) -> bool:
    if destination.is_unspecified or destination.is_name:
        return True
    for candidate in description.candidates:
        if candidate.component != component or candidate.transport is not transport:
            continue
        if candidate.address.host != destination.host:
            continue
        if candidate.address.port == destination.port:
            return True
    return False
