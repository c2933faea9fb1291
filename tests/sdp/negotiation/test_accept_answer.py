"""Answers to our offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import TransportAddress
from sdp.attributes.connection_attr import Agreement, ConnectionUse, Opener
from sdp.attributes.direction import Direction
from sdp.errors import NegotiationError
from sdp.negotiation.answer_reading import accept_answer
from sdp.negotiation.negotiated import LocalMedia, NegotiatedMedia
from sdp.negotiation.offer_answer import answer, build_offer
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.bodies import crlf
from tests.sdp.local import EVENTS, LOCAL, OPUS, PCMA, PCMU, PEER, PEER_ICE, PLAIN, tcp_pair

HEAD = "v=0\no=peer 9 9 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0"


def accept(text: str, local: LocalMedia = LOCAL) -> NegotiatedMedia:
    return accept_answer(build_offer(local, session_id=1, version=1), parse(text))


def refused(text: str, local: LocalMedia = LOCAL) -> NegotiationError:
    with pytest.raises(NegotiationError) as caught:
        accept(text, local)
    return caught.value


def plain(*lines: str, media: str = "audio 4000 RTP/AVP 0 8") -> str:
    return crlf("\n".join([HEAD, f"m={media}", *lines]))


def by_peer(peer: LocalMedia = PEER, local: LocalMedia = LOCAL) -> tuple[str, NegotiatedMedia]:
    """The answer of the same kind of agent, and what it makes of our offer."""
    offer = parse(write(build_offer(local, session_id=1, version=1)))
    result = answer(offer, peer, session_id=2, version=1)
    assert result.negotiated is not None
    return write(result.description), result.negotiated


# --- streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["audio 0 RTP/AVP 0", "audio 0 TCP/RTP/AVP 19"])
def test_all_streams_refused_is_a_failed_call(media: str) -> None:
    assert "refused every media stream" in refused(plain(media=media)).reason


@pytest.mark.req("OA-1")
def test_number_of_streams_must_fit() -> None:
    for text in (plain("m=audio 4002 RTP/AVP 0"), crlf(HEAD)):
        assert "m= lines" in refused(text).reason


@pytest.mark.req("PROTO-3")
@pytest.mark.parametrize(
    "media", ["audio 4000 RTP/SAVP 0", "audio 4000 TCP/RTP/AVP 0", "video 4000 RTP/AVP 0"]
)
def test_media_and_profile_must_stay(media: str) -> None:
    error = refused(plain(media=media))
    assert (error.line, "turns audio RTP/AVP" in error.reason) == (6, True)


def test_no_codec_of_the_offer() -> None:
    assert "no codec" in refused(plain(media="audio 4000 RTP/AVP 3")).reason
    assert "no codec" in refused(plain(media="audio 4000 RTP/AVP 101")).reason


def test_no_address_and_no_ice() -> None:
    assert "no IP address" in refused(plain("c=IN IP4 host.example.com")).reason


def test_ice_agent_without_default_address_when_ice_is_not_used() -> None:
    no_default = bodies.LINPHONE_ANSWER.replace("c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0")
    assert "no IP address" in refused(no_default, PLAIN).reason


def test_plain_peer_and_no_udp_here() -> None:
    ice = replace(LOCAL.ice, candidates=()) if LOCAL.ice else None
    assert "no UDP address" in refused(plain(), replace(LOCAL, ice=ice)).reason


# --- formats ----------------------------------------------------------------------------------------------


@pytest.mark.req("OA-16", "OA-17")
def test_we_send_with_the_number_of_the_answer_and_receive_with_ours() -> None:
    local = replace(LOCAL, formats=(OPUS, PCMU, EVENTS))
    negotiated = accept(
        plain(
            "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000", media="audio 4000 RTP/AVP 96 0 97"
        ),
        local,
    )
    assert (negotiated.format.name, negotiated.format.payload_type) == ("opus", 96)
    assert [f.payload_type for f in negotiated.formats] == [111, 0, 101]


@pytest.mark.req("OA-17", "OA-5")
def test_first_usable_format_of_the_answer_is_sent() -> None:
    assert accept(plain(media="audio 4000 RTP/AVP 3 8 0")).format == PCMA
    assert accept(plain(media="audio 4000 RTP/AVP 0 8")).format == PCMU


@pytest.mark.req("DTMF-SDP-4")
def test_events_of_the_answer() -> None:
    negotiated = accept(
        plain("a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-11", media="audio 4000 RTP/AVP 0 96")
    )
    assert negotiated.telephone_event is not None
    assert (negotiated.telephone_event.payload_type, negotiated.telephone_event.fmtp) == (96, "0-11")
    assert accept(plain()).telephone_event is None


def test_dynamic_number_without_rtpmap_means_what_the_offer_said() -> None:
    negotiated = accept(plain(media="audio 4000 RTP/AVP 111"), replace(LOCAL, formats=(OPUS, PCMU)))
    assert negotiated.format == OPUS
    assert any("the offer's is taken" in d.reason for d in negotiated.diagnostics)


@pytest.mark.req("OA-21")
def test_packet_time_of_the_answer() -> None:
    assert accept(plain("a=ptime:40", "a=maxptime:30")).ptime_ms == 30


# --- direction --------------------------------------------------------------------------------------------


@pytest.mark.req("OA-3", "OA-4")
@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (Direction.SENDRECV, "sendrecv", Direction.SENDRECV),
        (Direction.SENDRECV, "sendonly", Direction.RECVONLY),
        (Direction.SENDRECV, "recvonly", Direction.SENDONLY),
        (Direction.SENDRECV, "inactive", Direction.INACTIVE),
        (Direction.SENDONLY, "recvonly", Direction.SENDONLY),
        (Direction.SENDONLY, "inactive", Direction.INACTIVE),
    ],
)
def test_direction(ours: Direction, theirs: str, expected: Direction) -> None:
    negotiated = accept(plain(f"a={theirs}"), replace(LOCAL, direction=ours))
    assert (negotiated.direction, negotiated.held) == (expected, theirs in ("sendonly", "inactive"))
    assert negotiated.diagnostics == ()


def test_direction_that_answers_nothing() -> None:
    negotiated = accept(plain("a=sendonly"), replace(LOCAL, direction=Direction.SENDONLY))
    assert negotiated.direction is Direction.INACTIVE
    assert len(negotiated.diagnostics) == 1


@pytest.mark.req("OA-26")
def test_hold_by_address_in_an_answer() -> None:
    negotiated = accept(plain("c=IN IP4 0.0.0.0"))
    assert (negotiated.direction, negotiated.held) == (Direction.RECVONLY, True)
    assert negotiated.remote_address is None


# --- RTCP -------------------------------------------------------------------------------------------------


@pytest.mark.req("RTCP-2")
def test_answer_without_mux_uses_the_second_port() -> None:
    assert accept(plain()).remote_rtcp_address == TransportAddress(host="198.51.100.9", port=4001)
    muxed = accept(plain("a=rtcp-mux"))
    assert (muxed.rtcp_mux, muxed.remote_rtcp_address) == (True, muxed.remote_address)


@pytest.mark.req("RTCP-2")
def test_mux_that_was_not_offered() -> None:
    negotiated = accept(plain("a=rtcp-mux"), replace(LOCAL, rtcp_mux=False))
    assert (negotiated.rtcp_mux, len(negotiated.diagnostics)) == (False, 1)


@pytest.mark.req("RTCP-3")
def test_mux_only_in_an_answer_means_nothing() -> None:
    negotiated = accept(plain("a=rtcp-mux", "a=rtcp-mux-only"))
    assert negotiated.rtcp_mux
    assert len(negotiated.diagnostics) == 1


# --- ICE --------------------------------------------------------------------------------------------------


@pytest.mark.req("SDP-ICE-22", "RTCP-4")
def test_two_agents_agree() -> None:
    text, theirs = by_peer()
    ours = accept(text)
    assert (ours.ice_reason, ours.components, ours.rtcp_mux, ours.peer_ice2) == ("", 1, True, True)
    assert ours.ice is not None
    assert ours.ice.credentials == PEER_ICE.credentials
    assert [c.component for c in ours.ice.candidates] == [1, 1, 1]
    assert theirs.ice == LOCAL.ice
    assert ours.diagnostics == theirs.diagnostics == ()


@pytest.mark.req("SDP-ICE-21")
def test_two_agents_without_mux() -> None:
    text, _ = by_peer(replace(PEER, rtcp_mux=False))
    ours = accept(text)
    assert (ours.components, ours.rtcp_mux) == (2, False)
    assert ours.ice == PEER_ICE


@pytest.mark.req("SDP-ICE-23", "SDP-ICE-5")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (bodies.PBX_PLAIN_OFFER, "the peer does not use ICE"),
        (bodies.BARESIP_MISMATCH_ANSWER, "the peer saw an ICE mismatch in our offer"),
        (bodies.LINPHONE_ANSWER.replace("11100 RTP", "11102 RTP"), "ICE mismatch in the answer"),
    ],
)
def test_answers_that_end_ice(body: str, reason: str) -> None:
    negotiated = accept(body)
    assert negotiated.ice is None
    assert negotiated.ice_reason.startswith(reason)
    assert negotiated.remote_address is not None
    assert negotiated.remote_rtcp_address is not None


@pytest.mark.req("SDP-ICE-1")
@pytest.mark.parametrize(
    "body", [bodies.LINPHONE_ANSWER, bodies.PBX_LOWER_CASE_ANSWER, bodies.RFC6544_ANSWER_2]
)
def test_answers_of_rfc_5245(body: str) -> None:
    negotiated = accept(body)
    assert negotiated.ice is not None
    assert not negotiated.peer_ice2
    assert negotiated.components == (1 if "RS:0" in body else 2)


@pytest.mark.req("ICETCP-4.5-18")
def test_answer_of_rfc_6544_to_its_own_offer() -> None:
    negotiated = accept_answer(parse(bodies.RFC6544_OFFER_1), parse(bodies.RFC6544_ANSWER_1))
    assert negotiated.ice is not None
    assert len(negotiated.ice.candidates) == 3
    assert negotiated.tcp == Agreement(opener=Opener.OFFERER, connection=ConnectionUse.NEW)


def test_ice_that_was_not_offered() -> None:
    negotiated = accept(bodies.LINPHONE_ANSWER, PLAIN)
    assert (negotiated.ice, negotiated.ice_reason) == (None, "ICE is switched off here")
    assert any("not offered" in d.reason for d in negotiated.diagnostics)


@pytest.mark.req("SDP-ICE-32")
def test_remote_candidates_in_an_answer() -> None:
    negotiated = accept(bodies.LINPHONE_ANSWER + "a=remote-candidates:1 192.0.2.1 4\r\n")
    assert negotiated.remote_candidates == ()
    assert len(negotiated.diagnostics) == 1


@pytest.mark.req("ICETCP-4.5-13", "SDP-ICE-5")
def test_name_as_default_with_ice() -> None:
    body = bodies.LINPHONE_ANSWER.replace("c=IN IP4 192.0.2.2", "c=IN IP4 host.example.com")
    negotiated = accept(body)
    assert negotiated.ice is not None
    assert negotiated.remote_address is None


def test_lite_peer() -> None:
    negotiated = accept(bodies.LINPHONE_ANSWER.replace("t=0 0", "t=0 0\r\na=ice-lite"))
    assert negotiated.ice is not None
    assert negotiated.ice.lite


# --- after ICE --------------------------------------------------------------------------------------------


def tcp_answer(setup: str, connection: str) -> str:
    return plain(
        f"a=setup:{setup}",
        f"a=connection:{connection}",
        "a=rtcp-mux",
        "a=ice-ufrag:peer",
        "a=ice-pwd:peerPasswordpeerPassword",
        "a=candidate:p 1 TCP 77 198.51.100.9 6000 typ host tcptype passive",
        media="audio 6000 TCP/RTP/AVP 0",
    )


UPDATED = replace(LOCAL, selected=(tcp_pair(),), controlling=True)


@pytest.mark.req("ICETCP-9.1-2", "4145-3")
def test_answer_that_keeps_the_connection() -> None:
    negotiated = accept(tcp_answer("passive", "existing"), UPDATED)
    assert negotiated.tcp == Agreement(opener=Opener.NOBODY, connection=ConnectionUse.EXISTING)
    assert negotiated.ice is not None


@pytest.mark.req("4145-1")
@pytest.mark.parametrize("setup", ["active", "actpass"])
def test_illegal_setup_fails_the_stream(setup: str) -> None:
    assert "RFC 4145" in refused(tcp_answer(setup, "new"), UPDATED).reason


@pytest.mark.req("ICETCP-9.1-4")
def test_answer_that_wants_a_new_connection() -> None:
    assert "new connection" in refused(tcp_answer("passive", "new"), UPDATED).reason
