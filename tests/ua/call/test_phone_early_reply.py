"""A phone that rings has answered already: ICE runs meanwhile, and media flows when it is picked up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.ua.call.media_legs import media_leg
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call import early_reply
from ua.call.incoming import IncomingCall
from ua.call.media_leg import MediaLeg
from ua.config.calls import CallsSettings
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request

STAY = MediaPlan(source=Tone(hz=440))
LISTEN = MediaPlan(source=Echo())
RELIABLE = ("Supported", "100rel")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - as who looks on
            await asyncio.sleep(0.01)


@asynccontextmanager
async def ringing(
    *rows: tuple[str, str], offers: bool = True, calls: CallsSettings | None = None
) -> AsyncIterator[tuple[MediaPeer, MediaLeg, Request, asyncio.Future[IncomingCall]]]:
    """A peer with ICE has called Bob."""
    bob = account("bob", calls=calls or CallsSettings())
    async with (
        media_peer() as peer,
        media_leg(offers=offers) as leg,
        Phone(bob, EventLog()) as phone,
    ):
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], leg.descriptions.offer() if offers else b"", *rows)
        yield peer, leg, invite, waiting


async def hung_up(peer: MediaPeer, call: IncomingCall) -> ResultCode:
    call.hang_up()
    await peer.finish()
    return (await call.ended()).result


@pytest.mark.req("SDP-ICE-17", "SDP-ICE-35", "GLU-1")
async def test_two_phones_have_their_path_before_anybody_picks_up() -> None:
    async with pair() as phones:
        call, ring = await phones.ring(STAY)
        log = phones.log
        await until(lambda: any((e.name, e.party) == ("path_selected", "bob") for e in log.entries))
        assert ring.state == "ringing"
        assert call.state == "ringing"
        await ring.accept(LISTEN)
        await asyncio.gather(call.established(), ring.established())
        call.hang_up()
        results = await asyncio.gather(call.ended(), ring.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]
    texts = [str(e.data["text"]) for e in log.entries if e.name == "message" and e.party == "alice"]
    assert [text.split(" ", 2)[1] for text in texts if text.startswith("SIP/2.0 18")] == ["180", "183"]
    assert any(text.startswith("PRACK ") for text in texts)
    accepted = next(text for text in texts if text.startswith("SIP/2.0 200") and " INVITE\r\n" in text)
    # The answer went reliably: it is said once (RFC 3262 §5).
    assert accepted.endswith("Content-Length: 0\r\n\r\n")


async def test_who_takes_the_call_at_once_answers_in_the_200_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_reply, "PICK_UP_S", 60.0)
    async with pair() as phones:
        call, ring = await phones.ring(STAY)
        await ring.accept(LISTEN)
        await asyncio.gather(call.established(), ring.established())
        call.hang_up()
        await asyncio.gather(call.ended(), ring.ended())
    texts = [str(e.data["text"]) for e in phones.log.entries if e.name == "message" and e.party == "alice"]
    assert {text.split(" ", 2)[1] for text in texts if text.startswith("SIP/2.0 1")} <= {"100", "180"}
    assert not any(text.startswith("PRACK ") for text in texts)
    accepted = next(text for text in texts if text.startswith("SIP/2.0 200") and " INVITE\r\n" in text)
    assert "a=candidate:" in accepted


@pytest.mark.req("SDP-ICE-17", "SDP-ICE-35", "GLU-1")
async def test_an_unreliable_answer_is_repeated_until_a_check_comes() -> None:
    async with ringing() as (peer, leg, invite, waiting):
        first = await peer.receive_response(183)
        call = await waiting
        again = await peer.receive_response(183)
        assert first.body == again.body
        assert b"a=candidate:" in first.body
        leg.descriptions.apply_answer(first.body)
        await leg.descriptions.paths()
        # The caller has it: what is still on its way was sent before.
        with pytest.raises(TimeoutError):
            await peer.receive("183", 1.2)
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        assert session_of(answer) == first.body
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await asyncio.gather(leg.start(), call.established())
        await until(lambda: leg.statistics is not None and leg.statistics.received.packets > 5)
        assert await hung_up(peer, call) is ResultCode.OK


@pytest.mark.req("TRI-12")
async def test_an_info_of_the_caller_ends_the_repeats_too() -> None:
    async with ringing() as (peer, _, invite, waiting):
        first = await peer.receive_response(183)
        call = await waiting
        dialog = Dialog.of_caller(invite, first)
        peer.ask(dialog, "INFO", b"", ("Info-Package", "trickle-ice"))
        await peer.receive_response(415)  # it has no candidates, and shows all the same that we are heard
        with pytest.raises(TimeoutError):
            await peer.receive("183", 1.2)
        call.reject(486)
        await peer.receive_response(486)
        await call.ended()


@pytest.mark.req("SDP-ICE-36", "sdp.md:OA-27")
async def test_who_left_the_offer_to_us_gets_it_reliably_and_nobody_is_alerted_before_ice_is_done() -> None:
    async with ringing(RELIABLE, offers=False) as (peer, leg, invite, waiting):
        offered = await peer.receive_response(183)
        assert offered.headers.first("require") == "100rel"
        dialog = Dialog.of_caller(invite, offered)
        answer = await leg.descriptions.answer(offered.body)
        assert isinstance(answer, bytes)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        rack = f"{offered.headers.first('rseq')} {invite.cseq.number} INVITE"
        peer.ask(dialog, "PRACK", answer, ("RAck", rack))
        assert (await peer.receive_response(200)).cseq.method == "PRACK"
        leg.descriptions.answer_sent()
        await leg.descriptions.paths()
        await peer.receive_response(180)
        call = await waiting
        await call.accept(STAY)
        accepted = await peer.receive_response(200)
        assert accepted.cseq.method == "INVITE"
        assert session_of(accepted) is None
        peer.ack(dialog, invite)
        await asyncio.gather(leg.start(), call.established())
        assert await hung_up(peer, call) is ResultCode.OK


async def test_a_caller_without_ice_and_one_who_is_not_to_be_told_get_no_early_answer() -> None:
    for offers, calls in ((False, None), (True, CallsSettings(early_answer=False))):
        bob = account("bob", calls=calls or CallsSettings())
        async with media_peer() as peer, media_leg(offers=True) as leg, Phone(bob, EventLog()) as phone:
            waiting = asyncio.ensure_future(anext(phone.incoming()))
            await asyncio.sleep(0)
            peer.call(phone.addresses[0], leg.descriptions.offer() if offers else peer.sdp())
            await peer.receive_response(180)
            call = await waiting
            with pytest.raises(TimeoutError):
                await peer.receive("183", 0.3)
            call.reject(486)
            await peer.receive_response(486)


async def test_a_call_that_is_cancelled_while_ice_runs_leaves_nothing() -> None:
    async with pair() as phones:
        call, ring = await phones.ring(STAY)
        await asyncio.sleep(0.05)
        call.hang_up()
        caller, callee = await asyncio.gather(call.ended(), ring.ended())
    assert caller.result is ResultCode.INTERRUPTED
    assert callee.sip_code == 487
