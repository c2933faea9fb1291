"""Default destinations and their check against the candidates."""

from __future__ import annotations

import pytest

from ice.types import Description, Transport, TransportAddress
from sdp.negotiation import default_destination, remote_audio
from sdp.negotiation.default_destination import Destination
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.syntax.parser import parse
from tests.sdp import bodies
from tests.sdp.bodies import crlf

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0"
CREDENTIALS = "a=ice-ufrag:8hhY\na=ice-pwd:asd88fgpdd777uzjYhagZg"
RTP = "a=candidate:1 1 UDP 77 192.0.2.1 4000 typ host"
RTCP = "a=candidate:1 2 UDP 76 192.0.2.1 4001 typ host"


def audio(text: str, *, is_answer: bool = False) -> RemoteAudio:
    description = parse(text)
    return remote_audio.read(description, description.media[0], is_answer=is_answer)


def section(*lines: str, proto: str = "RTP/AVP", port: int = 4000, host: str = "192.0.2.1") -> RemoteAudio:
    family = "IP6" if ":" in host else "IP4"
    media = f"m=audio {port} {proto} 0\nc=IN {family} {host}"
    return audio(crlf("\n".join([HEAD, media, CREDENTIALS, *lines])))


def mismatch(remote: RemoteAudio, *, muxed: bool = False) -> str:
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    description: Description | None = remote.ice.description
    assert description is not None
    return default_destination.mismatch(
        defaults, description, rtcp_signalled=remote.rtcp.port is not None and not muxed
    )


@pytest.mark.req("RTCP-1")
@pytest.mark.parametrize(
    ("lines", "muxed", "expected"),
    [
        ([], False, ("192.0.2.1", 4001)),
        (["a=rtcp:6000"], False, ("192.0.2.1", 6000)),
        (["a=rtcp:6000 IN IP4 192.0.2.9"], False, ("192.0.2.9", 6000)),
        (["a=rtcp:6000"], True, ("192.0.2.1", 4000)),
    ],
)
def test_where_rtcp_goes(lines: list[str], muxed: bool, expected: tuple[str, int]) -> None:
    remote = section(*lines)
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    assert defaults.rtp == Destination(host="192.0.2.1", port=4000)
    assert defaults.rtcp == Destination(host=expected[0], port=expected[1])


@pytest.mark.req("RTCP-1")
def test_odd_rtp_port_is_used_as_written() -> None:
    remote = section("a=rtcp:6000", port=5001)
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=False)
    assert defaults.rtp == Destination(host="192.0.2.1", port=5001)
    assert defaults.rtcp == Destination(host="192.0.2.1", port=6000)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("192.0.2.1", 4000, TransportAddress(host="192.0.2.1", port=4000)),
        ("2001:db8::1", 4000, TransportAddress(host="2001:db8::1", port=4000)),
        ("192.0.2.1", 0, None),
        ("192.0.2.1", 65536, None),
        ("0.0.0.0", 4000, None),
        ("::", 4000, None),
        ("host.example.com", 4000, None),
        ("233.252.0.1", 4000, None),
    ],
)
def test_what_plain_rtp_can_be_sent_to(host: str, port: int, address: TransportAddress | None) -> None:
    assert Destination(host=host, port=port).address == address


@pytest.mark.req("SDP-ICE-5", "SDP-ICE-21")
@pytest.mark.parametrize(
    ("remote", "fits"),
    [
        (section(RTP, RTCP), True),
        (section(RTP, RTCP, port=4002), False),
        (section(RTP, RTCP, host="192.0.2.77"), False),
        (section(RTP, RTCP, "a=rtcp:4001"), True),
        (section(RTP, RTCP, "a=rtcp:5001"), False),
        (section(RTP, RTCP, "a=rtcp:4001 IN IP4 192.0.2.77"), False),
        (section(RTP, RTCP, "a=rtcp:9 IN IP4 0.0.0.0"), True),
        (section(RTP), True),
        (section(RTP, "a=rtcp:4001"), False),
        (section(), False),
        (section(port=9, host="0.0.0.0"), True),
        (section(port=9, host="::"), True),
        (section(RTP, host="host.example.com"), True),
        (section(RTP, proto="TCP/RTP/AVP"), False),
        (section("b=RS:0", "b=RR:0", RTP), True),
    ],
)
def test_mismatch(remote: RemoteAudio, fits: bool) -> None:
    assert (mismatch(remote) == "") is fits


@pytest.mark.req("SDP-ICE-5")
def test_agreed_mux_leaves_rtcp_out() -> None:
    remote = section(RTP, "a=rtcp:5001", "a=rtcp-mux")
    assert mismatch(remote, muxed=False) != ""
    assert mismatch(remote, muxed=True) == ""


@pytest.mark.req("ICETCP-6-1")
def test_active_default() -> None:
    active = "a=candidate:1 1 TCP 77 192.0.2.1 9 typ host tcptype active"
    assert mismatch(section(active, proto="TCP/RTP/AVP", port=9)) == ""
    assert mismatch(section(active.replace("1 9", "1 0"), proto="TCP/RTP/AVP", port=9)) == ""
    assert mismatch(section(active, proto="TCP/RTP/AVP", port=9, host="192.0.2.2")) != ""
    assert mismatch(section(active, port=9)) != ""


@pytest.mark.req("ICETCP-4.5-18")
@pytest.mark.parametrize(
    ("body", "transport", "count"),
    [
        (bodies.RFC6544_OFFER_1, Transport.TCP, 6),
        (bodies.RFC6544_ANSWER_1, Transport.TCP, 3),
        (bodies.RFC6544_OFFER_2, Transport.UDP, 6),
        (bodies.RFC6544_ANSWER_2, Transport.UDP, 3),
    ],
)
def test_bodies_of_rfc_6544(body: str, transport: Transport, count: int) -> None:
    remote = audio(body)
    assert remote.protocol is not None
    assert remote.protocol.transport is transport
    assert remote.ice.description is not None
    assert len(remote.ice.description.candidates) == count
    assert remote.ice.diagnostics == ()
    assert mismatch(remote) == ""


@pytest.mark.parametrize(
    "body",
    [bodies.BARESIP_OFFER, bodies.LINPHONE_ANSWER, bodies.CHROMIUM_OFFER, bodies.PBX_ICE_OFFER,
     bodies.PBX_LOWER_CASE_ANSWER, bodies.SIPP_OFFER],
)  # fmt: skip
def test_bodies_of_real_agents_fit(body: str) -> None:
    assert mismatch(audio(body)) == ""
