"""ICE restarts by offer and answer, on real loopback (RFC 8839 §4.4)."""

from __future__ import annotations

import asyncio

import pytest

from ice.types import Credentials, SessionState, Transport
from sdp.errors import ExchangeError, NegotiationError
from sdp.ice.binding import IceBinding
from sdp.syntax.model import SessionDescription
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.bodies import crlf
from tests.sdp.calls import WISH, Call, talk, two, without


def credentials(binding: IceBinding) -> Credentials:
    return binding.session.local_description.credentials


def state(binding: IceBinding) -> SessionState:
    return binding.session.state


def left_ice(binding: IceBinding) -> bool:
    return binding.left_ice


async def answered(call: Call, offer: SessionDescription) -> SessionDescription:
    """Bob's answer to a further offer of Alice."""
    await call.bob.prepare(offer, WISH)
    answer = call.bob.answer(offer, WISH)
    assert answer.negotiated is not None, answer.reason
    call.bob.answer_sent()
    return parse(write(answer.description))


async def completed(call: Call) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(call.alice.session.completed(), call.bob.session.completed())


@pytest.mark.req("SDP-ICE-13", "ICE-9-1", "SEC-1")
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
async def test_restart_changes_credentials_and_sockets_and_media_goes_on(udp: bool) -> None:
    async with two(udp=udp) as call:
        call.exchange()
        alice, bob = await call.paths()
        before = credentials(call.alice), credentials(call.bob)
        old = alice.rtp.pair
        await call.alice.restart()
        await talk(alice, bob)
        offer = call.alice.offer(WISH)
        assert " RTP/AVP " in write(offer)
        assert "remote-candidates" not in write(offer)
        answer = await answered(call, offer)
        await talk(alice, bob)
        call.alice.apply_answer(answer)
        await completed(call)
        after = credentials(call.alice), credentials(call.bob)
        everybody = (*before, *after)
        assert len({each.ufrag for each in everybody}) == len({each.password for each in everybody}) == 4
        # RFC 8445 §5.3: 24 and 128 bits, in characters of 6 bits.
        assert all(len(each.ufrag) >= 4 and len(each.password) >= 22 for each in everybody)
        await talk(alice, bob)
        assert old is not None
        assert alice.rtp.pair is not None
        assert alice.rtp.pair.local.address != old.local.address
        assert alice.rtp.transport is (Transport.UDP if udp else Transport.TCP)
        # And what follows is an offer like any, in the new session.
        call.exchange(back=True)
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-16", "SDP-ICE-13")
@pytest.mark.parametrize("how", ["refused", "answered badly"])
async def test_restart_that_the_peer_does_not_take_never_was(how: str) -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        before = credentials(call.alice)
        path = alice.rtp.pair
        await call.alice.restart()
        call.alice.offer(WISH)
        with pytest.raises(ExchangeError):
            await call.alice.restart()
        if how == "refused":
            call.alice.offer_failed()
        else:
            same = call.bob.exchange.local
            assert same is not None
            with pytest.raises(NegotiationError, match="does not restart ICE"):
                call.alice.apply_answer(same)
        assert credentials(call.alice) == before
        assert state(call.alice) is SessionState.COMPLETED
        await talk(alice, bob)
        call.exchange()
        assert alice.rtp.pair == path


async def test_restart_that_nobody_offered_makes_room_for_the_next() -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        await call.alice.restart()
        await call.alice.restart()
        call.alice.apply_answer(await answered(call, call.alice.offer(WISH)))
        await completed(call)
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-15")
async def test_answer_without_ice_is_followed_by_an_offer_that_restarts_and_plain_rtp() -> None:
    async with two() as call:
        call.exchange()
        alice, _ = await call.paths()
        before = credentials(call.alice)
        call.alice.offer(WISH)
        plain = parse(
            crlf(
                "v=0\no=- 9 9 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
                "m=audio 4000 RTP/AVP 0\na=rtcp-mux"
            )
        )
        call.alice.apply_answer(plain)
        assert left_ice(call.alice)
        await call.alice.restart()
        again = call.alice.offer(WISH)
        assert credentials(call.alice) != before
        assert f"a=ice-ufrag:{credentials(call.alice).ufrag}" in write(again)
        call.alice.apply_answer(plain)
        assert not left_ice(call.alice)
        assert str(alice.rtp.remote) == "127.0.0.1:4000"
        assert alice.rtp.pair is None


async def test_offer_without_ice_in_a_call_with_ice_is_taken() -> None:
    async with two() as call:
        call.exchange()
        alice, bob = await call.paths()
        text = without("ice-", "candidate")(write(call.alice.offer(WISH)))
        await answered(call, parse(text))
        assert bob.rtp.pair is None
        assert alice.rtp.pair is not None
        assert bob.rtp.remote == alice.rtp.pair.local.address


@pytest.mark.req("SDP-ICE-11")
async def test_answer_waits_for_checks_that_the_offer_has_overtaken() -> None:
    async with two() as call:
        offer_text = write(call.alice.offer(WISH))
        answer = call.bob.answer(parse(offer_text), WISH)
        answer_text = write(answer.description)
        call.alice.apply_answer(parse(answer_text))
        # Bob has not begun: his side of the checks comes later than Alice's updated offer.
        default = call.alice.session.default_address(1)
        mine = call.bob.session.default_address(1)
        updated = offer_text.replace(
            "a=ice-pwd", f"a=remote-candidates:1 {mine.host} {mine.port}\r\na=ice-pwd", 1
        )
        assert f"m=audio {default.port} " in updated
        call.bob.answer_sent()
        assert state(call.bob) is SessionState.RUNNING
        await call.bob.prepare(parse(updated), WISH)
        assert state(call.bob) is SessionState.COMPLETED
