"""Our answers: streams, formats, directions, RTCP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import TransportAddress
from sdp.attributes.direction import Direction
from sdp.negotiation.offer_answer import answer, build_offer
from sdp.syntax.model import Time
from sdp.syntax.parser import parse
from tests.sdp import bodies
from tests.sdp.answering import HEAD, accepted, names, plain, ports, reply
from tests.sdp.bodies import crlf
from tests.sdp.local import (
    EVENTS,
    HOST,
    ICE,
    LOCAL,
    OPUS,
    PCMA,
    PCMU,
)

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


@pytest.mark.req("OA-9")
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


@pytest.mark.req("DTMF-SDP-1")
def test_events_share_the_clock_of_a_codec() -> None:
    fast = replace(EVENTS, payload_type=102, clock_rate=48000)
    section, negotiated = accepted(bodies.PBX_ICE_OFFER, replace(LOCAL, formats=(PCMU, fast, EVENTS)))
    assert section.formats == ("0", "101")
    assert negotiated.telephone_event is not None
    assert negotiated.telephone_event.payload_type == 101


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
