"""Calls on hold: by us, by the other side, by both, with music; with phones and with a peer by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sdp.attributes import direction
from sdp.attributes.direction import Direction
from sdp.syntax import parser
from tests.ua.call.media_legs import next_version
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.call.hold import Hold, HoldRefused
from ua.call.outgoing import OutgoingCall
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import Request

STAY = MediaPlan(source=Tone(hz=440))


def asked(request: Request) -> Direction:
    """The direction that a description asks for."""
    description = parser.parse(request.body)
    return direction.read(description, description.media[0])


def version(request: Request) -> int:
    return parser.parse(request.body).origin.version


async def becomes(call: Call, state: Hold) -> None:
    async with asyncio.timeout(10):
        while call.hold_state is not state:  # noqa: ASYNC110 - read as the user of the library reads it
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - figures have no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def talking(log: EventLog) -> AsyncIterator[tuple[MediaPeer, OutgoingCall, Dialog]]:
    """Alice talks with a peer that has no ICE."""
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        dialog = peer.accept(invite, peer.sdp())
        await peer.receive_request("ACK")
        await call.established()
        yield peer, call, dialog


async def answered(peer: MediaPeer, dialog: Dialog, *lines: str, number: int) -> Request:
    """The next re-INVITE, answered."""
    offer = await peer.receive_request("INVITE")
    peer.answer(
        offer,
        200,
        ("Content-Type", "application/sdp"),
        tag=dialog.id.local_tag,
        body=peer.sdp(*lines, version=number),
    )
    await peer.receive_request("ACK")
    return offer


@pytest.mark.req("sdp.md:OA-4", "sip.md:OA-9", "DLG-11")
async def test_hold_and_resume_ask_for_it_and_a_refusal_changes_nothing() -> None:
    log = EventLog()
    async with talking(log) as (peer, call, dialog):
        with pytest.raises(HoldRefused, match="488"):
            refused = asyncio.ensure_future(call.hold())
            offer = await peer.receive_request("INVITE")
            peer.answer(offer, 488, tag=dialog.id.local_tag)
            await peer.receive_request("ACK")
            await refused
        assert call.hold_state is Hold.NONE
        await peer.hear(0)
        holding = asyncio.ensure_future(call.hold())
        hold = await answered(peer, dialog, "a=recvonly", number=2)
        await holding
        assert (asked(hold), call.hold_state) == (Direction.SENDONLY, Hold.HOLDING)
        # Hold again: nothing is left to ask for.
        await call.hold()
        resuming = asyncio.ensure_future(call.resume())
        resume = await answered(peer, dialog, number=3)
        await resuming
        assert (asked(resume), call.hold_state) == (Direction.SENDRECV, Hold.NONE)
        assert version(resume) == version(hold) + 1
        call.hang_up()
        await peer.finish()
    assert [entry.data["state"] for entry in log.entries if entry.name == "hold"] == ["holding", "none"]


@pytest.mark.req("sdp.md:OA-25")
async def test_both_hold_and_each_ends_its_own() -> None:
    log = EventLog()
    async with talking(log) as (peer, call, dialog):
        held = peer.ask(dialog, "INVITE", peer.sdp("a=sendonly", version=2))
        assert asked_of(await peer.receive_response(200)) is Direction.RECVONLY
        peer.ack(dialog, held)
        await becomes(call, Hold.HELD)
        # Ours is our own wish, whatever the peer does.
        holding = asyncio.ensure_future(call.hold())
        offer = await answered(peer, dialog, "a=inactive", number=3)
        await holding
        assert (asked(offer), call.hold_state) == (Direction.SENDONLY, Hold.BOTH)
        resumed = peer.ask(dialog, "INVITE", peer.sdp("a=sendrecv", version=4))
        assert asked_of(await peer.receive_response(200)) is Direction.SENDONLY
        peer.ack(dialog, resumed)
        await becomes(call, Hold.HOLDING)
        resuming = asyncio.ensure_future(call.resume())
        assert asked(await answered(peer, dialog, number=5)) is Direction.SENDRECV
        await resuming
        assert call.hold_state is Hold.NONE
        call.hang_up()
        await peer.finish()


def asked_of(response: object) -> Direction:
    body = parser.parse(getattr(response, "body", b""))
    return direction.read(body, body.media[0])


@pytest.mark.req("sdp.md:OA-26")
async def test_an_unspecified_address_holds_us_and_we_send_nothing() -> None:
    async with talking(EventLog()) as (peer, call, dialog):
        await peer.hear(0)
        nowhere = peer.sdp(version=2).replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0")
        held = peer.ask(dialog, "INVITE", nowhere)
        await peer.receive_response(200)
        peer.ack(dialog, held)
        await becomes(call, Hold.HELD)
        peer.packets()
        await asyncio.sleep(0.1)
        assert peer.packets() == []
        call.hang_up()
        await peer.finish()


async def test_a_refresh_during_the_hold_of_the_peer_states_our_own_wish() -> None:
    async with talking(EventLog()) as (peer, call, dialog):
        held = peer.ask(dialog, "INVITE", peer.sdp("a=sendonly", version=2))
        await peer.receive_response(200)
        peer.ack(dialog, held)
        await becomes(call, Hold.HELD)
        assert call._leg is not None
        assert call._leg.current_offer is not None
        assert b"a=recvonly" not in call._leg.current_offer()
        assert call._leg.on_refreshed is not None
        call._leg.on_refreshed(None)
        # It was refused: the next offer of ours is not in its way.
        holding = asyncio.ensure_future(call.hold())
        await answered(peer, dialog, "a=inactive", number=3)
        await holding
        call.hang_up()
        await peer.finish()


async def test_music_is_heard_by_who_is_on_hold_and_ice_is_left_alone() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(STAY)
        await ringing.accept(MediaPlan(source=Echo()))
        await asyncio.gather(call.established(), ringing.established())
        before = call._media
        assert before is not None
        path = before.ice_summary()
        await call.hold(Tone(hz=880))
        await becomes(ringing, Hold.HELD)
        assert call.hold_state is Hold.HOLDING
        assert ringing.statistics is not None
        heard = ringing.statistics.received.packets
        sent = ringing.statistics.sent.packets
        await until(
            lambda: ringing.statistics is not None and ringing.statistics.received.packets > heard + 10
        )
        assert ringing.statistics.sent.packets <= sent + 1
        await call.resume()
        await becomes(ringing, Hold.NONE)
        await until(lambda: ringing.statistics is not None and ringing.statistics.sent.packets > sent + 5)
        after = before.ice_summary()
        assert path is not None
        assert after is not None
        assert (after.local, after.remote) == (path.local, path.remote)
        call.hang_up()
        results = await asyncio.gather(call.ended(), ringing.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]
    assert sum(line.startswith("INVITE") for line in phones.messages("alice", "out")) == 3


async def test_a_call_that_does_not_stand_cannot_be_held() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(STAY)
        with pytest.raises(UsageError):
            await call.hold()
        ringing.reject(486)
        await call.ended()
        with pytest.raises(UsageError):
            await call.resume()


async def test_an_offer_in_an_update_is_answered_like_one_in_a_reinvite() -> None:
    async with talking(EventLog()) as (peer, call, dialog):
        peer.ask(dialog, "UPDATE", peer.sdp("a=sendonly", version=2))
        response = await peer.receive_response(200)
        assert (response.cseq.method, asked_of(response)) == ("UPDATE", Direction.RECVONLY)
        await becomes(call, Hold.HELD)
        peer.ask(dialog, "UPDATE", next_version(peer.sdp(formats="99")))
        await peer.receive_response(488)
        assert call.hold_state is Hold.HELD
        call.hang_up()
        await peer.finish()


@pytest.mark.req("sip.md:OA-9")
async def test_a_call_that_stands_is_held_by_re_invite_even_where_update_is_taken() -> None:
    """A person may have to consent there, and UPDATE leaves no time for that (RFC 3311 §5.1)."""
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        allow, kind = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE"), ("Content-Type", "application/sdp")
        peer.answer(invite, 200, kind, allow, body=peer.sdp())
        await peer.receive_request("ACK")
        await call.established()
        holding = asyncio.ensure_future(call.hold())
        offer = await peer.receive()
        assert isinstance(offer, Request)
        assert (offer.method, asked(offer)) == ("INVITE", Direction.SENDONLY)
        peer.answer(offer, 200, kind, allow, body=peer.sdp("a=recvonly", version=2))
        await peer.receive_request("ACK")
        await holding
        call.hang_up()
        await peer.finish()
        await call.ended()
