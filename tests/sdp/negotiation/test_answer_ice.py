"""Our answers: ICE, and what follows once it has completed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import Transport, TransportAddress
from sdp.attributes.connection_attr import Agreement, ConnectionUse, Opener
from sdp.attributes.direction import Direction
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.answering import HEAD, accepted, names, peer_offer, plain, ports, reply, updated
from tests.sdp.local import (
    HOST,
    ICE,
    LOCAL,
    PEER_ICE,
    tcp_pair,
    udp_pair,
)

# --- ICE --------------------------------------------------------------------------------------------------


@pytest.mark.req("SDP-ICE-22", "SDP-ICE-1", "SDP-ICE-7", "RTCP-4")
def test_ice_with_mux() -> None:
    result = reply(peer_offer())
    negotiated = result.negotiated
    assert negotiated is not None
    assert negotiated.ice == PEER_ICE
    assert (negotiated.peer_ice2, negotiated.ice_reason, negotiated.components) == (True, "", 1)
    assert [str(a) for a in result.description.attributes] == ["a=ice-options:ice2", "a=ice-pacing:20"]
    section = result.description.media[0]
    lines = [a.value or "" for a in section.all("candidate")]
    assert [line.split(" ")[1] for line in lines] == ["1", "1", "1"]
    assert section.first("rtcp") is None
    assert (section.port, section.proto) == (5000, "RTP/AVP")


@pytest.mark.req("SDP-ICE-21", "RTCP-4")
def test_ice_without_mux() -> None:
    section, negotiated = accepted(peer_offer(rtcp_mux=False))
    assert negotiated.components == 2
    assert len(list(section.all("candidate"))) == 6


@pytest.mark.req("SDP-ICE-6", "SDP-ICE-5")
def test_peer_without_ice() -> None:
    result = reply(bodies.PBX_PLAIN_OFFER)
    text = write(result.description)
    assert "ice-" not in text
    assert "candidate" not in text
    assert result.negotiated is not None
    assert (result.negotiated.ice, result.negotiated.ice_reason) == (None, "the peer does not use ICE")
    assert result.negotiated.remote_address == TransportAddress(host="198.51.100.20", port=17208)
    assert result.negotiated.remote_rtcp_address == TransportAddress(host="198.51.100.20", port=17209)


def test_ice_switched_off_here() -> None:
    section, negotiated = accepted(peer_offer(), replace(LOCAL, ice=None))
    assert not [name for name in names(section) if "ice" in name or "candidate" in name]
    assert negotiated.ice_reason == "ICE is switched off here"
    assert negotiated.remote_address == TransportAddress(host="198.51.100.9", port=5000)


@pytest.mark.req("SDP-ICE-5")
def test_rewritten_default_is_a_mismatch() -> None:
    section, negotiated = accepted(peer_offer().replace("c=IN IP4 198.51.100.9", "c=IN IP4 203.0.113.5"))
    assert "ice-mismatch" in names(section)
    assert "candidate" not in names(section)
    assert (section.port, negotiated.ice) == (5000, None)
    assert "mismatch" in negotiated.ice_reason
    assert negotiated.remote_address == TransportAddress(host="203.0.113.5", port=5000)


@pytest.mark.req("SDP-ICE-1", "SDP-ICE-9")
@pytest.mark.parametrize(
    "body", [bodies.BARESIP_OFFER, bodies.SIPP_OFFER, bodies.PBX_ICE_OFFER, bodies.RFC6544_OFFER_2]
)
def test_peers_of_rfc_5245(body: str) -> None:
    _, negotiated = accepted(body)
    assert negotiated.ice is not None
    assert not negotiated.peer_ice2


def test_peer_with_one_component_and_no_mux() -> None:
    section, negotiated = accepted(bodies.SIPP_OFFER)
    assert (negotiated.components, negotiated.rtcp, negotiated.remote_rtcp_address) == (1, False, None)
    assert [a.value.split(" ")[1] for a in section.all("candidate") if a.value] == ["1", "1", "1"]


@pytest.mark.req("ICETCP-4.5-11", "SDP-ICE-8", "PROTO-1")
def test_answer_keeps_the_transport_of_the_offer() -> None:
    only_tcp = tuple(c for c in ICE.candidates if c.transport is Transport.TCP)
    local = replace(LOCAL, ice=replace(ICE, candidates=only_tcp), address=None, rtcp_address=None)
    result = reply(peer_offer(), local)
    section = result.description.media[0]
    assert (section.port, section.proto) == (9, "RTP/AVP")
    assert result.description.connection is not None
    assert result.description.connection.address == "0.0.0.0"
    assert len(list(section.all("candidate"))) == 2


@pytest.mark.req("SDP-ICE-22", "OA-26", "TRI-11")
def test_offer_without_candidates_and_default() -> None:
    offer = peer_offer(ice=replace(PEER_ICE, candidates=()))
    assert "m=audio 9 " in offer
    _, negotiated = accepted(offer)
    assert negotiated.ice is not None
    assert negotiated.remote_address is None
    assert negotiated.direction is Direction.SENDRECV


def test_offer_without_default_where_ice_is_off() -> None:
    offer = peer_offer(ice=replace(PEER_ICE, candidates=()))
    assert "no default address" in reply(offer, replace(LOCAL, ice=None)).reason


@pytest.mark.req("SDP-ICE-33")
def test_equal_fragment_with_different_passwords() -> None:
    offer = peer_offer() + (
        "m=audio 4004 RTP/AVP 0\r\na=ice-ufrag:peer\r\na=ice-pwd:otherPasswordotherPassword\r\n"
    )
    result = reply(offer)
    assert result.negotiated is None
    assert "ice-ufrag" in result.reason


@pytest.mark.req("ICETCP-D05-1", "ICETCP-D05-2")
def test_offer_of_the_2005_draft() -> None:
    result = reply(bodies.DRAFT_2005_OFFER.replace("TCP/RTP/AVP", "RTP/AVP"))
    assert result.negotiated is not None
    assert result.negotiated.ice is None
    assert "candidate" not in write(result.description)
    assert [d.line for d in result.diagnostics] == [8, 7]


@pytest.mark.req("ICETCP-D05-3")
def test_inactive_of_the_2005_draft() -> None:
    offer = bodies.DRAFT_2005_OFFER.replace("TCP/RTP/AVP", "RTP/AVP").replace("holdconn", "inactive")
    result = reply(offer)
    assert "inactive" in names(result.description.media[0])
    assert any("may mean passive" in d.reason for d in result.diagnostics)


@pytest.mark.req("BUN-4")
def test_browser_offer_is_refused_without_an_error() -> None:
    result = reply(bodies.CHROMIUM_OFFER)
    assert (ports(result), result.reason) == ([0], "no support for UDP/TLS/RTP/SAVPF")


def test_refused_lines_are_reported_once_with_their_number() -> None:
    offer = plain("a=candidate:x", "a=ptime:0", "a=rtpmap:x", head=f"{HEAD}\na=rtcp-mux\na=(bad")
    result = reply(offer)
    assert sorted(d.line or 0 for d in result.diagnostics) == [6, 7, 9, 10, 11]
    assert result.negotiated is not None
    assert result.negotiated.diagnostics == result.diagnostics


# --- after ICE --------------------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-9.1-2", "4145-3", "SDP-ICE-10")
def test_updated_offer_over_tcp_is_answered() -> None:
    offer = updated()
    assert "m=audio 6000 TCP/RTP/AVP" in offer
    assert f"a=remote-candidates:1 {HOST} 50123" in offer
    section, negotiated = accepted(offer, replace(LOCAL, selected=(tcp_pair(),)))
    assert (section.port, section.proto) == (50123, "TCP/RTP/AVP")
    lines = [str(a) for a in section.attributes]
    assert "a=setup:active" in lines
    assert "a=connection:existing" in lines
    assert [a.value for a in section.all("candidate")] == [
        f"p 1 TCP 1860173823 {HOST} 50123 typ prflx raddr {HOST} rport 9 tcptype active"
    ]
    assert section.first("remote-candidates") is None
    assert negotiated.tcp == Agreement(opener=Opener.NOBODY, connection=ConnectionUse.EXISTING)
    assert negotiated.ice is not None
    assert negotiated.diagnostics == ()


def test_losing_pair_is_remarked() -> None:
    for selected in ((), (tcp_pair(dialled=False),)):
        result = reply(updated(), replace(LOCAL, selected=selected))
        expected = "not selected here" if selected else "TCP/RTP/AVP is taken"
        assert any(expected in d.reason for d in result.diagnostics)


def test_udp_offer_after_a_tcp_pair_was_selected() -> None:
    result = reply(peer_offer(), replace(LOCAL, selected=(tcp_pair(),)))
    section = result.description.media[0]
    assert (section.port, section.proto) == (9, "RTP/AVP")
    assert len(list(section.all("candidate"))) == 1


@pytest.mark.req("SDP-ICE-10")
def test_remote_candidates_over_udp() -> None:
    offer = bodies.BARESIP_OFFER + "a=remote-candidates:1 192.0.2.50 5010 2 192.0.2.50 5011\r\n"
    section, negotiated = accepted(offer, replace(LOCAL, selected=(udp_pair(1, 5010), udp_pair(2, 5011))))
    assert section.port == 5010
    assert [(a.value or "").split(" ")[5] for a in section.all("candidate")] == ["5010", "5011"]
    assert section.first("rtcp") is None
    assert negotiated.diagnostics == ()
    assert [each.address.port for each in negotiated.remote_candidates] == [5010, 5011]


@pytest.mark.req("SDP-ICE-32")
def test_controlling_side_answers_without_remote_candidates() -> None:
    section, _ = accepted(updated(), replace(LOCAL, selected=(tcp_pair(),), controlling=True))
    assert section.first("remote-candidates") is None
