"""INVITEs with Replaces from a peer that says exactly what a test wants (RFC 3891)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_refer import called, hang_up
from tests.ua.call.three_phones import TALK
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.state import CallState
from ua.config.sip import TransferPolicy
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import Response


def reached(phone: Phone) -> str:
    return next(each for each in phone.addresses if "transport" not in each)


def value(dialog: Dialog, *, to_tag: str | None = None, more: str = "") -> str:
    """The Replaces that names the phone's side of a dialog of the peer."""
    tag = dialog.remote.tag if to_tag is None else to_tag
    return f"{dialog.call_id};to-tag={tag};from-tag={dialog.local.tag}{more}"


async def final(peer: MediaPeer) -> Response:
    while True:
        message = await peer.receive()
        if isinstance(message, Response) and message.is_final and message.cseq.method == "INVITE":
            return message


def phone_of(policy: TransferPolicy) -> Phone:
    return Phone(account("alice", accept_transfers=policy), EventLog())


@pytest.mark.req("REF-3")
async def test_a_call_takes_the_place_of_another() -> None:
    async with media_peer() as peer, media_peer() as other, phone_of("always") as phone:
        call, dialog = await called(phone, peer)
        invite = other.call(reached(phone), other.sdp(), ("Replaces", value(dialog)))
        answer = await other.receive()
        while isinstance(answer, Response) and answer.status == 100:
            answer = await other.receive()
        assert isinstance(answer, Response)
        assert answer.status == 200, "it does not ring"
        theirs = Dialog.of_caller(invite, answer)
        other.ack(theirs, invite)
        await peer.finish()
        await call.ended()
        new = call.successor
        assert new is not None
        await new.established()
        late = other.call(reached(phone), other.sdp(), ("Replaces", value(dialog)))
        assert (await final(other)).status == 603, "it comes too late"
        assert late.method == "INVITE"
        other.ask(theirs, "BYE")
        await other.receive_response(200)
        await new.ended()


@pytest.mark.req("REF-3")
@pytest.mark.parametrize(
    ("policy", "rows", "status"),
    [
        ("never", [("Referred-By", "<sip:bob@example.com>")], 403),
        ("ask", [], 403),
        ("ask", [("Referred-By", "<sip:mallory@example.com>")], 403),
    ],
)
async def test_a_replacement_that_is_not_authorised(
    policy: TransferPolicy, rows: list[tuple[str, str]], status: int
) -> None:
    async with media_peer() as peer, media_peer() as other, phone_of(policy) as phone:
        call, dialog = await called(phone, peer)
        other.call(reached(phone), other.sdp(), ("Replaces", value(dialog)), *rows)
        assert (await final(other)).status == status
        assert call.state is CallState.ESTABLISHED
        await hang_up(call, peer)


@pytest.mark.req("REF-3")
async def test_a_replacement_that_the_other_side_has_referred() -> None:
    async with media_peer() as peer, media_peer() as other, phone_of("ask") as phone:
        call, dialog = await called(phone, peer)
        by = ("Referred-By", f"<{dialog.local.uri}>")
        invite = other.call(reached(phone), other.sdp(), ("Replaces", value(dialog)), by)
        answer = await final(other)
        assert answer.status == 200
        other.ack(Dialog.of_caller(invite, answer), invite)
        await peer.finish()
        await call.ended()
        assert call.successor is not None
        call.successor.hang_up()
        await other.finish()
        await call.successor.ended()


@pytest.mark.req("REF-3")
async def test_replacements_that_mean_nothing_here() -> None:
    async with media_peer() as peer, media_peer() as other, phone_of("always") as phone:
        call, dialog = await called(phone, peer)
        for row, status in (
            (value(dialog, to_tag="nobody"), 481),
            (value(dialog, more=";early-only"), 486),
            (dialog.call_id, 400),
            (value(dialog) + ", " + value(dialog), 400),
        ):
            other.call(reached(phone), other.sdp(), ("Replaces", row))
            assert (await final(other)).status == status
        other.call(reached(phone), other.sdp(formats="18"), ("Replaces", value(dialog)))
        assert (await final(other)).status == 488, "what cannot be accepted"
        assert call.state is CallState.ESTABLISHED, "leaves the old call untouched"
        await hang_up(call, peer)


@pytest.mark.req("REF-3")
async def test_a_call_of_ours_that_still_rings_is_replaced() -> None:
    log = EventLog()
    rings = asyncio.Event()
    log.subscribe(lambda entry: rings.set() if entry.data.get("state") == "ringing" else None)
    alice = account("alice", accept_transfers="always")
    async with media_peer() as peer, media_peer() as other, Phone(alice, log) as phone:
        call = await phone.place(str(peer.uri), TALK)
        ringing = await peer.receive_request("INVITE")
        peer.answer(ringing, 180, tag="early")
        await rings.wait()
        early = Dialog.of_callee(ringing, "early")
        invite = other.call(reached(phone), other.sdp(), ("Replaces", value(early, more=";early-only")))
        answer = await final(other)
        assert answer.status == 200
        other.ack(Dialog.of_caller(invite, answer), invite)
        peer.answer(await peer.receive_request("CANCEL"), 200)
        peer.answer(ringing, 487, tag="early")
        await call.ended()
        assert call.successor is not None
        call.successor.hang_up()
        await other.finish()
        await call.successor.ended()


@pytest.mark.req("REF-3")
async def test_a_call_that_rings_here_is_not_replaced() -> None:
    async with media_peer() as peer, media_peer() as other, phone_of("always") as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(reached(phone), peer.sdp())
        answer = await peer.receive_response(180)
        call = await ringing
        early = Dialog.of_caller(invite, answer)
        other.call(reached(phone), other.sdp(), ("Replaces", value(early)))
        assert (await final(other)).status == 481
        call.reject(486)
        await call.ended()
