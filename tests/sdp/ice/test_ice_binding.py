"""IceBinding: two of them on real loopback."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.messages import CheckSent, Event
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import Role, SessionState, Transport
from sdp.attributes.direction import Direction
from sdp.errors import ExchangeError, NegotiationError
from sdp.negotiation.negotiated import AudioWish
from sdp.silent_path import SilentPath
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.bodies import crlf
from tests.sdp.calls import (
    CONFIG,
    HOLD,
    LOOPBACK,
    WISH,
    WITHOUT_ICE,
    WITHOUT_MUX,
    packet,
    role,
    talk,
    two,
    wants_update,
    without,
)


class OneAddress(HostNetwork):
    """This host with a single address."""

    def host_addresses(self) -> list[HostAddress]:
        return [HostAddress(host="127.0.0.1", interface=LOOPBACK, loopback=True)]


@pytest.mark.req("ICETCP-4.3-1", "SDP-ICE-22")
@pytest.mark.parametrize("udp", [True, False], ids=["udp open", "udp blocked"])
async def test_ice_call_with_mux(udp: bool) -> None:
    async with two(udp=udp) as call:
        ours, theirs = call.exchange()
        assert ours.ice is not None
        assert theirs.negotiated is not None
        assert theirs.negotiated.ice is not None
        assert "m=audio 9 " not in call.offer_text
        assert " RTP/AVP " in call.offer_text
        alice, bob = await call.paths()
        expected = Transport.UDP if udp else Transport.TCP
        for paths in (alice, bob):
            assert paths.rtp is paths.rtcp
            assert paths.rtp.transport is expected
        await talk(alice, bob)
        assert not wants_update(call.alice)
        assert not wants_update(call.bob)


@pytest.mark.req("SDP-ICE-21", "ICETCP-4.5-12")
@pytest.mark.parametrize("udp", [True, False], ids=["udp open", "udp blocked"])
async def test_ice_call_without_mux(udp: bool) -> None:
    async with two(udp=udp) as call:
        ours, _ = call.exchange(WITHOUT_MUX)
        assert (ours.components, ours.rtcp_mux) == (2, False)
        alice, bob = await call.paths()
        assert alice.rtp is not alice.rtcp
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-6", "SDP-ICE-23")
@pytest.mark.parametrize(
    ("ours", "theirs"), [(WITHOUT_ICE, WISH), (WISH, WITHOUT_ICE)], ids=["offerer", "answerer"]
)
@pytest.mark.parametrize("mux", [True, False], ids=["mux", "two ports"])
async def test_plain_call(ours: AudioWish, theirs: AudioWish, mux: bool) -> None:
    async with two() as call:
        negotiated, answered = call.exchange(replace(ours, rtcp_mux=mux), theirs)
        assert negotiated.ice is None
        assert negotiated.ice_reason
        assert answered.negotiated is not None
        assert answered.negotiated.ice is None
        assert "ice-" not in call.answer_text
        alice, bob = await call.paths()
        assert (alice.rtp is alice.rtcp) is mux
        await talk(alice, bob)
        assert call.alice.session.state is SessionState.NEW
        # Nothing of ICE comes back later in the call.
        for back in (False, True):
            again, _ = call.exchange(replace(HOLD, rtcp_mux=mux), replace(WISH, rtcp_mux=mux), back=back)
            assert again.ice is None
            assert "ice-" not in call.offer_text + call.answer_text
            assert "a=candidate" not in call.offer_text + call.answer_text


@pytest.mark.req("SDP-ICE-5")
async def test_rewritten_default_gives_a_plain_call() -> None:
    async with two() as call:
        # A box on the way moves the default elsewhere: here to Bob's own port, for want of a relay.
        target = call.bob.session.default_address(1)
        own = call.alice.session.default_address(1)
        negotiated, answered = call.exchange(
            offer=lambda text: text.replace(f"m=audio {own.port} ", f"m=audio {target.port} ")
        )
        assert "a=ice-mismatch" in call.answer_text
        assert negotiated.ice_reason == "the peer saw an ICE mismatch in our offer"
        assert answered.negotiated is not None
        assert answered.negotiated.remote_address == target
        alice, _ = await call.paths()
        assert alice.rtp.remote == target
        assert alice.rtp.send(packet(1))


@pytest.mark.req("SDP-ICE-9", "ICETCP-9.1-1", "ICETCP-9.1-2", "SDP-ICE-29")
async def test_updated_offer_to_a_peer_of_rfc_5245() -> None:
    async with two(udp=False) as call:
        call.exchange(answer=without("ice-options"))
        alice, bob = await call.paths()
        assert wants_update(call.alice)
        assert not wants_update(call.bob)
        checks: list[Event] = []
        call.alice.session.subscribe(checks.append)
        call.exchange()
        pair = alice.rtp.pair
        assert pair is not None
        assert f"m=audio {pair.local.address.port} TCP/RTP/AVP" in call.offer_text
        remote = pair.remote.address
        assert f"a=remote-candidates:1 {remote.host} {remote.port}" in call.offer_text
        assert call.offer_text.count("a=candidate:") == call.answer_text.count("a=candidate:") == 1
        assert "a=connection:existing" in call.answer_text
        assert f"m=audio {remote.port} TCP/RTP/AVP" in call.answer_text
        assert not wants_update(call.alice)
        again = await call.paths()
        assert again[0].rtp is alice.rtp
        await talk(alice, bob)
        assert not [event for event in checks if isinstance(event, CheckSent)]


async def test_no_updated_offer_for_a_browser() -> None:
    """It lists trickle and not ice2, and its media would end with it."""
    async with two(udp=False) as call:
        call.exchange(answer=lambda text: text.replace("a=ice-options:ice2 trickle", "a=ice-options:trickle"))
        await call.paths()
        assert call.alice.exchange.negotiated is not None
        assert not call.alice.exchange.negotiated.peer_ice2
        assert not wants_update(call.alice)


@pytest.mark.req("SDP-ICE-9")
async def test_controlled_side_never_needs_an_updated_offer() -> None:
    async with two(udp=False) as call:
        call.exchange(offer=without("ice-options"))
        await call.paths()
        assert call.bob.exchange.negotiated is not None
        assert not call.bob.exchange.negotiated.peer_ice2
        assert not wants_update(call.bob)


@pytest.mark.req("SDP-ICE-9")
async def test_no_updated_offer_where_the_default_was_selected() -> None:
    async with two(network=OneAddress()) as call:
        call.exchange(answer=without("ice-options"))
        alice, _ = await call.paths()
        assert alice.rtp.pair is not None
        assert alice.rtp.pair.local.address == call.alice.session.default_address(1)
        assert not wants_update(call.alice)


@pytest.mark.req("SDP-ICE-29", "OA-11")
async def test_hold_and_resume_of_either_side_keep_the_path() -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        for back, wish, expected in (
            (False, HOLD, Direction.RECVONLY),
            (False, WISH, Direction.SENDRECV),
            (True, HOLD, Direction.RECVONLY),
            (True, WISH, Direction.SENDRECV),
        ):
            ours, answered = call.exchange(wish, back=back)
            assert answered.negotiated is not None
            assert (ours.direction, answered.negotiated.direction) == (wish.direction, expected)
            assert (await call.paths())[0].rtp is alice.rtp
            assert call.alice.session.state is SessionState.COMPLETED
        await talk(alice, bob)


async def test_rejected_offer_leaves_the_call_as_it_is() -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        call.alice.offer(HOLD)
        call.alice.offer_failed()
        assert call.alice.exchange.negotiated is not None
        assert call.alice.exchange.negotiated.direction is Direction.SENDRECV
        await talk(alice, bob)
        call.exchange()


async def test_peer_that_changes_half_of_its_credentials_is_refused_and_the_call_goes_on() -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        text = write(call.bob.offer(WISH))
        call.bob.offer_failed()
        offer = parse(text.replace("a=ice-ufrag:", "a=ice-ufrag:x"))
        await call.alice.prepare(offer, WISH)
        answered = call.alice.answer(offer, WISH)
        assert answered.negotiated is None
        assert "only one of" in answered.reason
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-20")
async def test_full_answerer_controls_a_lite_offerer() -> None:
    async with two() as call:
        lite = crlf("a=ice-lite")
        text = write(call.alice.offer(WISH)).replace("t=0 0\r\n", f"t=0 0\r\n{lite}")
        answered = call.bob.answer(parse(text), WISH)
        assert answered.negotiated is not None
        assert role(call.bob) is Role.CONTROLLED
        call.bob.answer_sent()
        assert role(call.bob) is Role.CONTROLLING


async def test_plain_peer_that_moves() -> None:
    async with two() as call:
        call.exchange(theirs=WITHOUT_ICE)
        alice, _ = await call.paths()
        assert alice.rtp.remote == call.bob.session.default_address(1)
        moved = replace(call.bob.session.default_address(1), port=call.bob.session.default_address(2).port)
        text = crlf(
            f"v=0\no=- 2 9 IN IP4 {moved.host}\ns=-\nc=IN IP4 {moved.host}\nt=0 0\n"
            f"m=audio {moved.port} RTP/AVP 0\na=rtcp-mux"
        )
        assert call.alice.answer(parse(text), WISH).negotiated is not None
        call.alice.answer_sent()
        assert alice.rtp.remote == moved


async def test_old_hold_by_address_in_a_plain_call() -> None:
    async with two() as call:
        call.exchange(theirs=WITHOUT_ICE)
        alice, _ = await call.paths()
        before = alice.rtp.remote
        text = crlf("v=0\no=- 2 9 IN IP4 192.0.2.1\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\nm=audio 4000 RTP/AVP 0")
        answered = call.alice.answer(parse(text), WISH)
        call.alice.answer_sent()
        assert answered.negotiated is not None
        assert answered.negotiated.direction is Direction.RECVONLY
        assert alice.rtp.remote == before


async def test_ice_peer_with_rtp_alone_gets_no_rtcp() -> None:
    async with two() as call:
        negotiated, _ = call.exchange(
            WITHOUT_MUX, offer=without(" 2 UDP ", " 2 TCP "), answer=without(" 2 UDP ", " 2 TCP ")
        )
        assert (negotiated.components, negotiated.rtcp) == (1, False)
        alice, bob = await call.paths()
        assert isinstance(alice.rtcp, SilentPath)
        alice.rtcp.set_receiver(None)
        assert not alice.rtcp.send(packet(1, 200))
        assert (alice.rtcp.unsent_packets, alice.rtcp.reliable) == (1, False)
        assert bob.rtp.send(packet(1))


@pytest.mark.req("PROTO-1", "SDP-ICE-8", "ICETCP-4.5-11")
async def test_tcp_alone() -> None:
    async with two(config=replace(CONFIG, udp=False)) as call:
        call.exchange()
        for text in (call.offer_text, call.answer_text):
            assert "m=audio 9 RTP/AVP" in text
            assert "c=IN IP4 0.0.0.0" in text or "c=IN IP6 ::" in text
        alice, bob = await call.paths()
        await talk(alice, bob)


async def test_tcp_alone_and_a_peer_without_ice() -> None:
    plain = crlf("v=0\no=- 2 9 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0")
    async with two(config=replace(CONFIG, udp=False)) as call:
        answered = call.alice.answer(parse(plain), WISH)
        assert (answered.negotiated, "no UDP address" in answered.reason) == (None, True)
        call.alice.offer(WISH)
        with pytest.raises(NegotiationError, match="no UDP address"):
            call.alice.apply_answer(parse(plain))


async def test_misuse() -> None:
    async with two() as call:
        with pytest.raises(ExchangeError):
            await call.alice.paths()
        with pytest.raises(ExchangeError):
            call.alice.answer_sent()
        call.alice.offer(WISH)
        with pytest.raises(ExchangeError):
            call.alice.answer(parse(write(call.bob.offer(WISH))), WISH)
        assert not wants_update(call.alice)
