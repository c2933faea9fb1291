"""Our offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import TcpType, Transport
from sdp.attributes.direction import Direction
from sdp.negotiation.offer_answer import build_offer
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.bodies import crlf
from tests.sdp.local import HOST, ICE, LOCAL, PLAIN, tcp, tcp_pair, udp_pair


def offer(local: object = LOCAL) -> list[str]:
    description = build_offer(local, session_id=7, version=3)  # type: ignore[arg-type]
    text = write(description)
    assert parse(text, strict=True) == description
    return text.split("\r\n")


def values(lines: list[str], prefix: str) -> list[str]:
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


@pytest.mark.req("SDP-8866-18", "ICETCP-4.3-1", "SDP-ICE-22", "SDP-ICE-7", "RTCP-4", "SDP-ICE-21", "TRI-7")
def test_first_offer() -> None:
    description = build_offer(LOCAL, session_id=7, version=3)
    assert write(description) == crlf(f"""
v=0
o=- 7 3 IN IP4 {HOST}
s=-
c=IN IP4 {HOST}
t=0 0
a=ice-options:ice2
a=ice-pacing:20
m=audio 5000 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
a=rtcp:5001
a=rtcp-mux
a=ice-ufrag:ourU
a=ice-pwd:ourPasswordourPassword
a=candidate:u 1 UDP 2130706431 {HOST} 5000 typ host
a=candidate:u 2 UDP 2130706430 {HOST} 5001 typ host
a=candidate:a 1 TCP 2128609279 {HOST} 9 typ host tcptype active
a=candidate:a 2 TCP 2128609278 {HOST} 9 typ host tcptype active
a=candidate:p 1 TCP 2128609279 {HOST} 6000 typ host tcptype passive
a=candidate:p 2 TCP 2128609278 {HOST} 6001 typ host tcptype passive
a=end-of-candidates
""")
    assert parse(write(description), strict=True) == description


def test_offer_without_ice() -> None:
    lines = offer(PLAIN)
    assert not [line for line in lines if "ice" in line or "candidate" in line or "setup" in line]
    assert values(lines, "m=") == ["audio 5000 RTP/AVP 0 8 101"]
    assert "a=rtcp-mux" in lines
    # RTCP is on the next port: no line is needed.
    assert values(lines, "a=rtcp:") == []


@pytest.mark.req("RTCP-1", "SDP-ICE-4")
def test_rtcp_line_only_where_rtcp_is_not_on_the_next_port() -> None:
    plain = replace(PLAIN, rtcp_mux=False)
    assert values(offer(plain), "a=rtcp") == []
    assert plain.rtcp_address is not None
    moved = replace(plain, rtcp_address=replace(plain.rtcp_address, port=5007))
    assert values(offer(moved), "a=rtcp:") == ["5007"]
    elsewhere = replace(plain, rtcp_address=replace(plain.rtcp_address, host="192.0.2.51"))
    assert values(offer(elsewhere), "a=rtcp:") == ["5001 IN IP4 192.0.2.51"]
    with_ice = replace(LOCAL, rtcp_mux=False)
    assert values(offer(with_ice), "a=rtcp") == []


@pytest.mark.req("PROTO-1", "ICETCP-4.5-11", "SDP-ICE-8")
def test_no_udp_candidate_gives_no_default() -> None:
    only_tcp = tuple(c for c in ICE.candidates if c.transport is Transport.TCP)
    lines = offer(replace(LOCAL, ice=replace(ICE, candidates=only_tcp), address=None, rtcp_address=None))
    assert values(lines, "m=") == ["audio 9 RTP/AVP 0 8 101"]
    assert values(lines, "c=") == ["IN IP4 0.0.0.0"]
    assert values(lines, "a=rtcp:") == []
    assert len(values(lines, "a=candidate:")) == 4
    ipv6 = replace(ICE, candidates=(tcp(9, TcpType.ACTIVE, host="2001:db8::1"),))
    assert values(offer(replace(LOCAL, ice=ipv6, address=None)), "c=") == ["IN IP6 ::"]


@pytest.mark.req("SDP-ICE-22")
def test_candidate_less_offer() -> None:
    lines = offer(replace(LOCAL, ice=replace(ICE, candidates=())))
    assert values(lines, "m=") == ["audio 9 RTP/AVP 0 8 101"]
    assert values(lines, "c=") == ["IN IP4 0.0.0.0"]
    assert values(lines, "a=ice-ufrag:") == ["ourU"]


@pytest.mark.req("SDP-ICE-14")
@pytest.mark.parametrize("direction", Direction)
def test_direction_is_always_written_and_ice_stays(direction: Direction) -> None:
    lines = offer(replace(LOCAL, direction=direction))
    assert f"a={direction.value}" in lines
    assert len(values(lines, "a=candidate:")) == 6


@pytest.mark.req("ICETCP-9.1-1", "ICETCP-9.1-2", "ICETCP-9.1-3", "SDP-ICE-4", "SDP-ICE-10")
def test_updated_offer_over_tcp() -> None:
    lines = offer(replace(LOCAL, selected=(tcp_pair(),), controlling=True))
    assert values(lines, "m=") == ["audio 50123 TCP/RTP/AVP 0 8 101"]
    assert values(lines, "a=candidate:") == [
        f"p 1 TCP 1860173823 {HOST} 50123 typ prflx raddr {HOST} rport 9 tcptype active"
    ]
    assert values(lines, "a=remote-candidates:") == ["1 198.51.100.9 6000"]
    assert values(lines, "a=setup:") == ["active"]
    assert values(lines, "a=connection:") == ["existing"]
    assert values(lines, "a=ice-pwd:") == ["ourPasswordourPassword"]


@pytest.mark.req("ICETCP-9.1-2", "SDP-ICE-32")
def test_updated_offer_of_the_side_that_was_dialled() -> None:
    lines = offer(replace(LOCAL, selected=(tcp_pair(dialled=False),), controlling=False))
    assert values(lines, "m=") == ["audio 6000 TCP/RTP/AVP 0 8 101"]
    assert values(lines, "a=setup:") == ["passive"]
    assert values(lines, "a=remote-candidates:") == []


@pytest.mark.req("SDP-ICE-4", "SDP-ICE-10")
def test_updated_offer_over_udp_with_two_components() -> None:
    local = replace(LOCAL, selected=(udp_pair(1, 5010), udp_pair(2, 5013)), controlling=True, rtcp_mux=False)
    lines = offer(local)
    assert values(lines, "m=") == ["audio 5010 RTP/AVP 0 8 101"]
    assert values(lines, "a=rtcp:") == ["5013"]
    assert len(values(lines, "a=candidate:")) == 2
    assert values(lines, "a=remote-candidates:") == ["1 198.51.100.9 7000 2 198.51.100.9 7000"]
    assert values(lines, "a=setup:") == []
