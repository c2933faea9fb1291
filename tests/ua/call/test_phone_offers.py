"""Where offers and answers may stand: in the INVITE, in the 200, in the ACK, in a 183; again and at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ua.call.media_legs import media_leg
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.errors import NoMediaPath, ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request, Response, make_response

STAY = MediaPlan(source=Tone(hz=440))
LISTEN = MediaPlan(source=Echo())


@asynccontextmanager
async def called(
    log: EventLog, *, offer: bool, **options: object
) -> AsyncIterator[tuple[MediaPeer, Phone, IncomingCall, Request]]:
    """Bob's phone rings with the call of a peer."""
    async with media_peer() as peer, Phone(account("bob", **options), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp() if offer else b"")
        yield peer, phone, await waiting, invite


async def accepted(peer: MediaPeer, call: IncomingCall, invite: Request) -> tuple[Dialog, Response]:
    """The peer's offer was taken; ACK sent."""
    await call.accept(STAY)
    answer = await peer.receive_response(200)
    dialog = Dialog.of_caller(invite, answer)
    peer.ack(dialog, invite)
    await call.established()
    return dialog, answer


def without_ice2(body: bytes) -> bytes:
    """As an agent of RFC 5245 writes it."""
    return b"".join(
        line + b"\r\n" for line in body.split(b"\r\n") if line and not line.startswith(b"a=ice-options")
    )


async def hung_up(peer: MediaPeer, call: IncomingCall) -> ResultCode:
    call.hang_up()
    await peer.finish()
    return (await call.ended()).result


def lines(body: bytes | None) -> list[str]:
    assert body is not None
    return body.decode().split("\r\n")


def refusals(log: EventLog) -> list[str]:
    return [str(entry.data["reason"]) for entry in log.entries if entry.name == "refused"]


# --- the callee offers ------------------------------------------------------------------------------------


@pytest.mark.req("UAS-7", "sdp.md:OA-27")
async def test_an_invite_without_an_offer_gets_ours_in_the_200_and_the_ack_answers() -> None:
    log = EventLog()
    async with called(log, offer=False) as (peer, _, call, invite):
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        offer = lines(session_of(answer))
        assert any(line.startswith("m=audio") and " 0 8 " in line for line in offer)
        assert any(line.startswith("a=candidate:") for line in offer)
        peer.ack(Dialog.of_caller(invite, answer), invite, peer.sdp(formats="8"))
        await call.established()
        await peer.hear(8)
        assert await hung_up(peer, call) is ResultCode.OK


@pytest.mark.parametrize("body", [b"", b"v=1\r\n"])
async def test_an_ack_that_leaves_our_offer_without_an_answer_ends_the_call(body: bytes) -> None:
    log = EventLog()
    async with called(log, offer=False) as (peer, _, call, invite):
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        peer.ack(Dialog.of_caller(invite, answer), invite, body)
        await peer.finish()
        with pytest.raises(NoMediaPath):
            await call.established()
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH


@pytest.mark.req("sip.md:OA-5", "sdp.md:OA-27")
async def test_a_reinvite_without_an_offer_gets_everything_we_can_do() -> None:
    """The call was reduced to one codec; asked for an offer we name all again, under the same numbers."""
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp(formats="0"))
        call = await waiting
        dialog, answer = await accepted(peer, call, invite)
        assert any(line.endswith("RTP/AVP 0") for line in lines(session_of(answer)))
        again = peer.ask(dialog, "INVITE")
        late = await peer.receive_response(200)
        assert any(line.startswith("m=audio") and " 0 8 " in line for line in lines(session_of(late)))
        peer.ack(dialog, again, peer.sdp(formats="8", version=2))
        await peer.hear(8)
        assert call._media is not None
        assert call._media.codec == "PCMA"
        assert await hung_up(peer, call) is ResultCode.OK


async def test_an_ack_without_an_answer_to_a_reinvite_leaves_the_call_as_it_was() -> None:
    log = EventLog()
    async with called(log, offer=True) as (peer, _, call, invite):
        dialog, _ = await accepted(peer, call, invite)
        again = peer.ask(dialog, "INVITE")
        await peer.receive_response(200)
        between = peer.ask(dialog, "INVITE", peer.sdp(version=2))
        assert (await peer.receive_response(491)).cseq == between.cseq
        peer.ack(dialog, again)
        later = peer.ask(dialog, "INVITE", peer.sdp(version=3))
        assert (await peer.receive_response(200)).cseq == later.cseq
        peer.ack(dialog, later)
        assert call.state == "established"
        assert await hung_up(peer, call) is ResultCode.OK
    assert "the ACK left our offer without an answer" in refusals(log)


# --- again ------------------------------------------------------------------------------------------------


@pytest.mark.req("sip.md:OA-5")
async def test_an_unchanged_reinvite_is_a_refresh_and_gets_the_same_answer() -> None:
    log = EventLog()
    async with called(log, offer=True) as (peer, _, call, invite):
        dialog, answer = await accepted(peer, call, invite)
        for _ in range(2):
            again = peer.ask(dialog, "INVITE", peer.sdp())
            refreshed = await peer.receive_response(200)
            peer.ack(dialog, again)
            assert session_of(refreshed) == session_of(answer)
        changed = peer.ask(dialog, "INVITE", peer.sdp("a=sendonly", version=2))
        held = await peer.receive_response(200)
        peer.ack(dialog, changed)
        assert "a=recvonly" in lines(session_of(held))
        first, second = lines(session_of(answer))[1].split(" "), lines(session_of(held))[1].split(" ")
        assert int(second[2]) == int(first[2]) + 1
        assert [*second[:2], *second[3:]] == [*first[:2], *first[3:]]
        assert await hung_up(peer, call) is ResultCode.OK


async def test_malformed_sdp_in_a_reinvite_is_400_and_the_call_goes_on() -> None:
    log = EventLog()
    async with called(log, offer=True) as (peer, _, call, invite):
        dialog, _ = await accepted(peer, call, invite)
        for body in (b"v=0\r\no=\xff\xfe\r\n", b"v=0\r\nm=a\rb\xc3\xa9 x", "v=0\r\nü=1\r\n".encode()):
            again = peer.ask(dialog, "INVITE", body)
            refused = await peer.receive_response(400)
            assert refused.cseq == again.cseq
            peer.ack(dialog, again)
        assert call.state == "established"
        assert await hung_up(peer, call) is ResultCode.OK


@pytest.mark.req("DLG-14")
async def test_a_hold_while_a_second_call_rings_is_answered_and_rings_nobody() -> None:
    log = EventLog()
    async with called(log, offer=True) as (peer, phone, call, invite):
        dialog, _ = await accepted(peer, call, invite)
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        peer.call(phone.addresses[0], peer.sdp())
        second = await waiting
        third = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        await peer.receive_response(180)
        hold = peer.ask(dialog, "INVITE", peer.sdp("a=sendonly", version=2))
        answer = await peer.receive_response(200)
        peer.ack(dialog, hold)
        assert "a=recvonly" in lines(session_of(answer))
        assert (call.state, second.state) == ("established", "ringing")
        assert not third.done()
        second.reject(486)
        await peer.receive_response(486)
        assert await hung_up(peer, call) is ResultCode.OK
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)


@pytest.mark.parametrize("crossing", [True, False])
@pytest.mark.req("GLU-2")
async def test_glare_over_the_updated_offer_ends_with_one_of_the_two(crossing: bool) -> None:
    """A peer of RFC 5245 is told which pair ICE selected and says 491; an offer of its own may cross."""
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone, media_leg() as leg:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answer = await leg.descriptions.answer(session_of(invite) or b"")
        assert isinstance(answer, bytes)
        dialog = peer.accept(invite, without_ice2(answer))
        leg.descriptions.answer_sent()
        await asyncio.gather(leg.start(), call.established())
        updated = await peer.receive_request("INVITE")
        assert "a=remote-candidates:" in (session_of(updated) or b"").decode()
        peer.answer(updated, 491)
        await peer.receive_request("ACK")
        if crossing:
            again = peer.ask(dialog, "INVITE", without_ice2(leg.descriptions.offer()))
            taken = await peer.receive_response(200)
            peer.ack(dialog, again)
            leg.descriptions.apply_answer(session_of(taken) or b"")
            # The peer's offer and our answer have shown the pair: there is nothing left to tell.
            assert await peer.silent(4.1, "INVITE")
        else:
            anew = await peer.receive("INVITE", 4.1)
            assert isinstance(anew, Request)
            answer = await leg.descriptions.answer(session_of(anew) or b"")
            assert isinstance(answer, bytes)
            peer.answer(anew, 200, ("Content-Type", "application/sdp"), body=without_ice2(answer))
            leg.descriptions.answer_sent()
            await peer.receive_request("ACK")
            assert await peer.silent(0.3, "INVITE")
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


# --- a 183 with a description -----------------------------------------------------------------------------


@pytest.mark.req("sip.md:OA-2", "sdp.md:OA-29")
async def test_the_first_answer_of_a_fork_counts() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        content = ("Content-Type", "application/sdp")
        peer.answer(invite, 183, content, tag="other", body=peer.sdp(formats="0", port=9))
        peer.answer(invite, 183, content, body=peer.sdp(formats="8"))
        peer.answer(invite, 183, content, body=peer.sdp(formats="0", version=2))
        peer.accept(invite, peer.sdp(formats="0", version=3))
        await call.established()
        assert call._media is not None
        assert call._media.codec == "PCMA"
        await peer.hear(8)
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.codec == "PCMA"
    assert "the 200 changed the answer of an earlier response" in refusals(log)


async def test_a_200_may_repeat_the_answer_of_the_183_or_leave_it_out() -> None:
    for body in (True, False):
        log = EventLog()
        async with media_peer() as peer, Phone(account("alice"), log) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            peer.answer(invite, 183, ("Content-Type", "application/sdp"), body=peer.sdp())
            peer.accept(invite, peer.sdp() if body else b"")
            await call.established()
            call.hang_up()
            await peer.finish()
            assert (await call.ended()).result is ResultCode.OK
        assert refusals(log) == []


@pytest.mark.parametrize("body", ["", "refused"])
async def test_a_200_that_leaves_no_media_ends_with_ack_and_bye(body: str) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, peer.sdp(port=0) if body else b"")
        await peer.receive_request("ACK")
        bye = await peer.receive_request("BYE")
        peer.send(make_response(bye, 200))
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH


@pytest.mark.parametrize("ours", [True, False])
async def test_what_is_wrong_with_a_description_is_told_once(*, ours: bool) -> None:
    log, bad = EventLog(), "a=ptime:none"
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call: Call
        if ours:
            call = await phone.place(str(peer.uri), STAY)
            dialog = peer.accept(await peer.receive_request("INVITE"), peer.sdp(bad))
            await peer.receive_request("ACK")
        else:
            waiting = asyncio.ensure_future(anext(phone.incoming()))
            await asyncio.sleep(0)
            invite = peer.call(phone.addresses[0], peer.sdp(bad))
            call = incoming = await waiting
            dialog, _ = await accepted(peer, incoming, invite)
        await call.established()
        told = [
            entry.data["text"] for entry in log.entries if (entry.source, entry.name) == ("sdp", "refused")
        ]
        assert told == [bad]
        again = peer.ask(dialog, "INVITE", peer.sdp(bad, version=2))
        await peer.receive_response(200)
        peer.ack(dialog, again)
        told = [
            entry.data["text"] for entry in log.entries if (entry.source, entry.name) == ("sdp", "refused")
        ]
        assert told == [bad, bad], "it is another description"
        call.hang_up()
        await peer.finish()
        await call.ended()
