"""Media other than RTP: never offered, never accepted (RFC 6544 §4.5, RFC 8122)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import TransportAddress
from sdp.attributes.connection_attr import ConnectionUse, Setup, TcpSetup
from sdp.attributes.direction import Direction
from sdp.negotiation import keying
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.keying import KeyingPolicy
from sdp.negotiation.negotiated import LocalMedia, TcpSide
from sdp.syntax import protocols
from sdp.syntax.parser import parse
from sdp.syntax.protocols import Keying
from sdp.syntax.writer import write
from tests.sdp.answering import HEAD, reply
from tests.sdp.bodies import crlf
from tests.sdp.keyed import OURS
from tests.sdp.local import EVENTS, ICE, OPUS, PCMA, PCMU, address, tcp_pair, udp_pair

OVER_TLS = (
    "message 7394 TCP/TLS/MSRP *",
    "application 50000 TCP/TLS/BFCP *",
    "application 9 TCP/TLS chat",
    "application 54111 TCP/DTLS/SCTP webrtc-datachannel",
    "application 54111 UDP/DTLS/SCTP webrtc-datachannel",
    "application 54111 TCP/DTLS/BFCP *",
    "image 54111 TCP/TLS t38",
    "audio 54111 TCP/TLS/MRCPv2 1",
    "audio 54111 TCP/TLS iax",
)
CANDIDATE = "candidate:1 1 TCP 2105458943 198.51.100.9 7394 typ host tcptype passive"

formats = st.lists(st.sampled_from([PCMU, PCMA, OPUS]), min_size=1, unique=True).map(
    lambda chosen: (*chosen, EVENTS)
)
policies = st.builds(
    KeyingPolicy,
    offers=st.sampled_from([Keying.NONE, Keying.SRTP, Keying.DTLS]),
    accepts=st.frozensets(st.sampled_from([Keying.NONE, Keying.SRTP, Keying.DTLS])),
    best_effort=st.booleans(),
    feedback=st.booleans(),
    fingerprints=st.just((OURS,)),
)


@st.composite
def tcp_sides(draw: st.DrawFn) -> TcpSide:
    return TcpSide(
        offer=TcpSetup(setup=draw(st.sampled_from(Setup)), connection=draw(st.sampled_from(ConnectionUse))),
        host="192.0.2.50",
        can_dial=draw(st.booleans()),
        can_listen=draw(st.booleans()),
        has_connection=draw(st.booleans()),
    )


@st.composite
def locals_(draw: st.DrawFn) -> LocalMedia:
    """Our side with any settings: with ICE or without, over UDP or TCP, protected or not."""
    tcp = draw(st.none() | tcp_sides())
    ice = None if tcp is not None else draw(st.sampled_from([None, ICE]))
    pairs = [(), (udp_pair(),), (tcp_pair(),)] if ice is not None else [()]
    return LocalMedia(
        formats=draw(formats),
        direction=draw(st.sampled_from(Direction)),
        ice=ice,
        address=draw(st.sampled_from([address(5000), TransportAddress(host="2001:db8::5", port=5000)])),
        rtcp_mux=draw(st.booleans()),
        rtcp_mux_only=draw(st.booleans()),
        selected=draw(st.sampled_from(pairs)),
        controlling=draw(st.booleans()),
        mid=draw(st.sampled_from([None, "a"])),
        tcp=tcp,
        keying=keying.begin(draw(policies), lambda count: bytes(count)),
    )


@pytest.mark.req("ICETCP-4.5-15")
@given(
    local=locals_(),
    media=st.sampled_from(OVER_TLS),
    setup=st.sampled_from(Setup),
    profile=st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/RTP/AVP", None]),
    first=st.booleans(),
)
def test_media_over_tls_that_is_no_rtp_is_refused_whatever_else_is_accepted(
    local: LocalMedia, media: str, setup: Setup, profile: str | None, first: bool
) -> None:
    """RFC 6544 §4.5 says what the SDP of such media looks like; we have none, so nothing has to look so.

    The item is met because its case cannot arise: no stream of this kind is ever accepted (here) or offered
    (below). Whoever adds such media breaks one of both tests, and has RFC 8122 to do.
    """
    fingerprint = "a=fingerprint:sha-256 " + ":".join(f"{each:02X}" for each in OURS.digest)
    lines = [f"m={media}", f"a=setup:{setup}", "a=connection:new", fingerprint, f"a={CANDIDATE}"]
    lines += ["a=ice-ufrag:peer", "a=ice-pwd:peerPasswordpeerPassword"]
    audio = [] if profile is None else [f"m=audio 4000 {profile} 0 8", f"a=setup:{setup}", fingerprint]
    both = (lines, audio) if first else (audio, lines)
    offer = crlf("\n".join([HEAD, *both[0], *both[1]]))
    index = 0 if first or not audio else 1
    result = reply(offer, local)
    refused = result.description.media[index]
    assert (refused.media, refused.port, refused.proto) == (media.split()[0], 0, media.split()[2])
    assert not refused.attributes
    assert result.negotiated is None or result.negotiated.index != index


@pytest.mark.req("ICETCP-4.5-15")
@given(local=locals_(), later=locals_())
def test_nothing_but_rtp_is_ever_offered(local: LocalMedia, later: LocalMedia) -> None:
    """Neither first offers nor later ones name other media, or TLS instead of SRTP (RFC 6544 §4.5)."""
    exchange = MediaExchange(session_id=1)
    for each in (local, replace(later, keying=local.keying)):
        described = parse(write(exchange.offer(each)))
        assert [media.media for media in described.media] == ["audio"]
        for media in described.media:
            protocol = protocols.lookup(media.proto)
            assert protocol is not None, "a proto that carries RTP"
            assert protocol.keying is not Keying.TLS
        exchange.reject()
