"""Our answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import Transport, TransportAddress
from sdp.connection_attr import Agreement, ConnectionUse, Opener
from sdp.direction import Direction
from sdp.model import Media, Time
from sdp.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.offer_answer import answer, build_offer
from sdp.parser import parse
from sdp.writer import write
from tests.sdp import bodies
from tests.sdp.bodies import crlf
from tests.sdp.local import (
    EVENTS,
    HOST,
    ICE,
    LOCAL,
    OPUS,
    PCMA,
    PCMU,
    PEER,
    PEER_ICE,
    tcp_pair,
    udp_pair,
)

HEAD = "v=0\no=peer 9 9 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0"


def reply(offer: str, local: LocalMedia = LOCAL) -> Answer:
    """Our answer, which is good SDP and has the m= lines of the offer."""
    parsed = parse(offer)
    result = answer(parsed, local, session_id=1, version=1)
    assert parse(write(result.description), strict=True) == result.description
    assert [m.media for m in result.description.media] == [m.media for m in parsed.media]
    return result


def accepted(offer: str, local: LocalMedia = LOCAL) -> tuple[Media, NegotiatedMedia]:
    result = reply(offer, local)
    assert result.negotiated is not None
    return result.description.media[result.negotiated.index], result.negotiated


def plain(*lines: str, head: str = HEAD, media: str = "audio 4000 RTP/AVP 0 8") -> str:
    return crlf("\n".join([head, f"m={media}", *lines]))


def names(media: Media) -> list[str]:
    return [attribute.name for attribute in media.attributes]


def ports(result: Answer) -> list[int]:
    return [media.port for media in result.description.media]


# --- streams ----------------------------------------------------------------------------------------------


@pytest.mark.req("OA-1", "OA-33")
def test_streams_keep_their_place() -> None:
    offer = plain("m=video 4002 RTP/AVP 99", "a=rtpmap:99 H264/90000", "m=audio 4004 RTP/AVP 0")
    result = reply(offer)
    assert ports(result) == [5000, 0, 0]
    assert result.description.media[1].formats == ("99",)
    assert result.description.media[1].proto == "RTP/AVP"
    assert [d.line for d in result.diagnostics if "refused" in d.reason] == [7, 9]


@pytest.mark.req("OA-1", "OA-9")
def test_second_stream_is_taken_where_the_first_cannot() -> None:
    offer = plain("m=audio 4004 RTP/AVP 8", media="audio 4000 TCP/RTP/AVP 0")
    result = reply(offer)
    assert ports(result) == [0, 5000]
    assert result.negotiated is not None
    assert (result.negotiated.index, result.negotiated.format) == (1, PCMA)


@pytest.mark.req("OA-1")
def test_offer_without_streams() -> None:
    result = reply(crlf(HEAD))
    assert (result.description.media, result.negotiated) == ((), None)


@pytest.mark.req("OA-9", "OA-13")
@pytest.mark.parametrize(
    ("media", "reason"),
    [
        ("audio 4000 RTP/AVP 3 18", "no codec in common"),
        ("audio 0 RTP/AVP 0", "no live stream"),
        ("video 4000 RTP/AVP 31", "no support for video"),
        ("audio 4000 RTP/SAVP 0", "no support for RTP/SAVP"),
        ("audio 4000 RTP/AVPF 0", "no support for RTP/AVPF"),
        ("audio 4000 UDP/TLS/RTP/SAVPF 0", "no support for UDP/TLS/RTP/SAVPF"),
        ("audio 4000 TCP/RTP/AVP 0", "TCP/RTP/AVP"),
        ("audio 4000 udp 0", "no support for udp"),
        ("application 4000 UDP/DTLS/SCTP webrtc-datachannel", "no support for application"),
    ],
)
def test_nothing_acceptable(media: str, reason: str) -> None:
    result = reply(plain(media=media))
    assert result.negotiated is None
    assert reason in result.reason
    assert ports(result) == [0]
    assert result.description.media[0].proto == media.split()[2]


@pytest.mark.req("PROTO-3")
def test_profiles_are_never_mixed() -> None:
    for proto in ("RTP/SAVPF", "RTP/AVPF", "RTP/SAVP"):
        section = reply(plain(media=f"audio 4000 {proto} 0")).description.media[0]
        assert (section.port, section.proto) == (0, proto)
    section, _ = accepted(plain(media="audio 4000 rtp/avp 0"))
    assert section.proto == "rtp/avp"


@pytest.mark.req("SDP-8866-9")
def test_multicast_is_refused() -> None:
    result = reply(plain("c=IN IP4 233.252.0.1/127"))
    assert (result.negotiated, result.reason) == (None, "multicast")


def test_name_without_ice_is_refused() -> None:
    assert "name" in reply(plain("c=IN IP4 host.example.com")).reason


def test_plain_peer_without_udp_here() -> None:
    assert "no UDP address" in reply(plain(), replace(LOCAL, address=None)).reason


@pytest.mark.req("OA-14")
def test_times_are_those_of_the_offer_and_origin_is_ours() -> None:
    result = reply(plain(head=HEAD.replace("t=0 0", "t=3724394400 3724398000")))
    assert result.description.times == (Time(start=3724394400, stop=3724398000),)
    origin = result.description.origin
    assert (origin.session_id, origin.version, origin.address) == (1, 1, HOST)


# --- formats ----------------------------------------------------------------------------------------------


@pytest.mark.req("OA-5", "OA-17")
def test_formats_are_a_subset_in_the_order_of_the_offer() -> None:
    local = replace(LOCAL, formats=(OPUS, PCMU, PCMA))
    section, negotiated = accepted(plain(media="audio 4000 RTP/AVP 8 22 0 3"), local)
    assert section.formats == ("8", "0")
    assert negotiated.format == PCMA
    assert negotiated.formats == (PCMA, PCMU)


@pytest.mark.req("OA-16", "DTMF-SDP-3", "DTMF-SDP-4")
def test_numbers_of_the_offer_are_copied() -> None:
    offer = plain(
        "a=rtpmap:96 OPUS/48000/2", "a=rtpmap:97 telephone-event/8000", "a=fmtp:97 0-11",
        media="audio 4000 RTP/AVP 96 0 97",
    )  # fmt: skip
    section, negotiated = accepted(offer, replace(LOCAL, formats=(OPUS, PCMU, EVENTS)))
    assert section.formats == ("96", "0", "97")
    assert (negotiated.format.payload_type, negotiated.format.name) == (96, "OPUS")
    assert [f.payload_type for f in negotiated.formats] == [96, 0, 97]
    assert [str(a) for a in section.all("fmtp")] == ["a=fmtp:97 0-15"]
    assert [str(a) for a in section.all("rtpmap")] == [
        "a=rtpmap:96 opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=rtpmap:97 telephone-event/8000",
    ]  # fmt: skip
    # The events share no clock with Opus.
    assert negotiated.telephone_event is None


def test_event_format_that_we_may_send() -> None:
    _, negotiated = accepted(bodies.PBX_PLAIN_OFFER)
    assert negotiated.telephone_event is not None
    assert (negotiated.telephone_event.payload_type, negotiated.telephone_event.fmtp) == (101, "0-16")


@pytest.mark.req("DTMF-SDP-1", "DTMF-SDP-2")
def test_events_alone_are_no_codec_and_need_a_clock() -> None:
    offer = plain("a=rtpmap:101 telephone-event/8000", media="audio 4000 RTP/AVP 101 13")
    assert reply(offer, replace(LOCAL, formats=LOCAL.formats)).reason == "no codec in common"
    section, _ = accepted(bodies.PBX_ICE_OFFER)
    assert section.formats == ("0", "8", "101")


@pytest.mark.req("RTCP-2")
def test_number_barred_by_mux() -> None:
    offer = plain("a=rtpmap:72 PCMU/8000", "a=rtcp-mux", media="audio 4000 RTP/AVP 72 8")
    section, _ = accepted(offer)
    assert section.formats == ("8",)


@pytest.mark.req("OA-21")
def test_packet_time_of_the_peer() -> None:
    section, negotiated = accepted(plain("a=ptime:30"))
    assert negotiated.ptime_ms == 30
    assert [str(a) for a in section.all("ptime")] == ["a=ptime:20"]
    assert accepted(plain("a=ptime:60", "a=maxptime:40"))[1].ptime_ms == 40
    assert accepted(plain())[1].ptime_ms == 20


# --- directions -------------------------------------------------------------------------------------------


@pytest.mark.req("OA-3", "OA-4", "OA-5")
@pytest.mark.parametrize(
    ("offer", "wish", "expected", "held"),
    [
        ("sendrecv", Direction.SENDRECV, Direction.SENDRECV, False),
        ("sendonly", Direction.SENDRECV, Direction.RECVONLY, True),
        ("recvonly", Direction.SENDRECV, Direction.SENDONLY, False),
        ("inactive", Direction.SENDRECV, Direction.INACTIVE, True),
        ("sendonly", Direction.SENDONLY, Direction.INACTIVE, True),
        ("sendrecv", Direction.SENDONLY, Direction.SENDONLY, False),
    ],
)
def test_direction(offer: str, wish: Direction, expected: Direction, held: bool) -> None:
    section, negotiated = accepted(plain(f"a={offer}"), replace(LOCAL, direction=wish))
    assert expected.value in names(section)
    assert (negotiated.direction, negotiated.held) == (expected, held)
    assert section.formats == ("0", "8")
    assert section.port == 5000


@pytest.mark.req("OA-26")
@pytest.mark.parametrize("line", ["c=IN IP4 0.0.0.0", "c=IN IP6 ::"])
def test_old_hold_by_address(line: str) -> None:
    section, negotiated = accepted(plain(line))
    assert "sendrecv" in names(section)
    assert (negotiated.direction, negotiated.held) == (Direction.RECVONLY, True)
    assert (negotiated.remote_address, negotiated.remote_rtcp_address) == (None, None)


# --- RTCP -------------------------------------------------------------------------------------------------


@pytest.mark.req("RTCP-2")
@pytest.mark.parametrize(("offered", "able", "muxed"), [
    (True, True, True), (True, False, False), (False, True, False),
])  # fmt: skip
def test_mux(offered: bool, able: bool, muxed: bool) -> None:
    lines = ["a=rtcp-mux"] if offered else []
    section, negotiated = accepted(plain(*lines), replace(LOCAL, rtcp_mux=able))
    assert ("rtcp-mux" in names(section)) is muxed
    assert negotiated.rtcp_mux is muxed
    assert negotiated.remote_rtcp_address == TransportAddress(
        host="198.51.100.9", port=4000 if muxed else 4001
    )


@pytest.mark.req("RTCP-3")
def test_mux_only() -> None:
    offer = plain("a=rtcp-mux", "a=rtcp-mux-only")
    section, negotiated = accepted(offer)
    assert negotiated.rtcp_mux
    assert "rtcp-mux-only" not in names(section)
    refused = reply(offer, replace(LOCAL, rtcp_mux=False))
    assert (ports(refused), refused.reason) == ([0], "rtcp-mux is demanded")


@pytest.mark.req("RTCP-1")
def test_rtcp_of_the_peer() -> None:
    _, negotiated = accepted(plain("a=rtcp:6000 IN IP4 198.51.100.10"))
    assert negotiated.remote_rtcp_address == TransportAddress(host="198.51.100.10", port=6000)


def test_rtcp_switched_off() -> None:
    _, negotiated = accepted(plain("b=RS:0", "b=RR:0"))
    assert (negotiated.rtcp, negotiated.remote_rtcp_address, negotiated.components) == (False, None, 1)


# --- ICE --------------------------------------------------------------------------------------------------


def peer_offer(**changes: object) -> str:
    return write(build_offer(replace(PEER, **changes), session_id=5, version=5))  # type: ignore[arg-type]


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


@pytest.mark.req("SDP-ICE-5", "SDP-ICE-39")
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


def updated(**changes: object) -> str:
    """The peer's updated offer: it accepted our TCP connection."""
    pair = tcp_pair(dialled=False)
    local = replace(pair.local, address=TransportAddress(host="198.51.100.9", port=6000))
    remote = tcp_pair().local
    selected = (replace(pair, local=local, remote=remote),)
    return peer_offer(**({"selected": selected, "controlling": True} | changes))


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


@pytest.mark.req("SDP-ICE-11")
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


@pytest.mark.req("SDP-ICE-10", "SDP-ICE-11")
def test_remote_candidates_over_udp() -> None:
    offer = bodies.BARESIP_OFFER + "a=remote-candidates:1 192.0.2.50 5010 2 192.0.2.50 5011\r\n"
    section, negotiated = accepted(offer, replace(LOCAL, selected=(udp_pair(1, 5010), udp_pair(2, 5011))))
    assert section.port == 5010
    assert [(a.value or "").split(" ")[5] for a in section.all("candidate")] == ["5010", "5011"]
    assert section.first("rtcp") is None
    assert negotiated.diagnostics == ()
    assert [each.address.port for each in negotiated.remote_candidates] == [5010, 5011]


def test_previous_origin_stays() -> None:
    first = build_offer(LOCAL, session_id=77, version=4)
    result = answer(
        parse(plain()), replace(LOCAL, address=None, ice=ICE), session_id=1, version=5, previous=first
    )
    assert result.description.origin == replace(first.origin, version=5)


def test_refusal_by_the_caller() -> None:
    result = answer(parse(plain()), LOCAL, session_id=1, version=1, refusal="not now")
    assert (result.negotiated, result.reason, ports(result)) == (None, "not now", [0])


def test_mux_and_codecs_of_the_answer_stay_within_ours() -> None:
    section, _ = accepted(plain(), replace(LOCAL, formats=(PCMU,)))
    assert section.formats == ("0",)
