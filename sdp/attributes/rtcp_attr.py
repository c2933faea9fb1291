"""a=rtcp (RFC 3605), a=rtcp-mux (RFC 5761), a=rtcp-mux-only (RFC 8858) and the use of RTCP at all."""

from __future__ import annotations

from dataclasses import dataclass

from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Bandwidth, Media, SessionDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcpPort:
    """The value of a=rtcp: a port, and an address where it is not that of c=."""

    port: int
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtcp:
    """What a section says about its RTCP.

    Attributes:
        port: a=rtcp, None where RTCP is on the next higher port.
        mux: a=rtcp-mux.
        mux_only: a=rtcp-mux-only.
        used: false where b=RS:0 and b=RR:0 switch RTCP off (RFC 3556).
    """

    port: RtcpPort | None
    mux: bool
    mux_only: bool
    used: bool


def parse_rtcp(value: str) -> RtcpPort:
    """The value of a=rtcp (RFC 3605 §2.1): port, or port and an address; raises ValueFault."""
    parts = grammar.fields(value)
    if len(parts) not in (1, 4):
        raise ValueFault("a=rtcp has neither one nor four fields")
    port = grammar.port(parts[0])
    if len(parts) == 1:
        return RtcpPort(port=port)
    nettype, addrtype, address = parts[1:]
    if nettype != "IN" or addrtype not in ("IP4", "IP6"):
        raise ValueFault("a=rtcp names an unknown network")
    host = grammar.ip_literal(address) or address
    if not grammar.NON_WS.fullmatch(host):
        raise ValueFault("the address of a=rtcp holds a control character")
    return RtcpPort(port=port, host=host)


def format_rtcp(value: RtcpPort) -> str:
    """The value of a=rtcp."""
    if value.host is None:
        return str(value.port)
    return f"{value.port} IN {'IP6' if grammar.is_ipv6(value.host) else 'IP4'} {value.host}"


def read(session: SessionDescription, media: Media) -> tuple[Rtcp, tuple[Diagnostic, ...]]:
    """Everything about RTCP in one m= section; these attributes mean nothing at session level."""
    diagnostics = [
        attribute.diagnostic(f"a={attribute.name} means nothing at session level; ignored")
        for attribute in session.attributes
        if attribute.name in ("rtcp", "rtcp-mux", "rtcp-mux-only")
    ]
    port = None
    for attribute in media.all("rtcp"):
        try:
            port = parse_rtcp(attribute.value or "")
        except ValueFault as error:
            diagnostics.append(attribute.diagnostic(f"{error.reason}; ignored"))
        break
    limits = {bandwidth.type: bandwidth.value for bandwidth in session.bandwidths_of(media)}
    used = not (limits.get("RS") == 0 and limits.get("RR") == 0)
    mux_only = media.first("rtcp-mux-only") is not None
    mux = media.first("rtcp-mux") is not None
    return Rtcp(port=port, mux=mux, mux_only=mux_only, used=used), tuple(diagnostics)


def port_attribute(value: RtcpPort) -> Attribute:
    """The a=rtcp line."""
    return Attribute(name="rtcp", value=format_rtcp(value))


MUX = Attribute(name="rtcp-mux")
MUX_ONLY = Attribute(name="rtcp-mux-only")

SWITCHED_OFF = (Bandwidth(type="RS", value=0), Bandwidth(type="RR", value=0))
"""The b= lines of a side that sends no RTCP (RFC 3556 §2, RFC 4571 §3, RFC 8839 §4.2.2)."""
