"""INFO packages: what is told, what is sent, what a refused re-INVITE leaves (RFC 6086)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_refer import hang_up
from tests.ua.call.three_phones import TALK
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.errors import CallRejected, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import Request


async def called(phone: Phone, peer: MediaPeer, *packages: str) -> tuple[Call, Dialog, Request]:
    call = await phone.place(str(peer.uri), TALK)
    invite = await peer.receive_request("INVITE")
    rows = [("Content-Type", "application/sdp"), *(("Recv-Info", package) for package in packages)]
    peer.answer(invite, 200, *rows, body=peer.sdp())
    await peer.receive_request("ACK")
    await call.established()
    return call, Dialog.of_callee(invite, "peer"), invite


@pytest.mark.req("INF-2", "GLU-4")
async def test_an_info_goes_to_those_who_want_it() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, _, invite = await called(phone, peer, "Foo, bar")
        assert invite.headers.all("recv-info") == ("trickle-ice",)
        assert "trickle-ice" in invite.headers.tokens("supported")
        sending = asyncio.ensure_future(call.send_info("foo", b"<foo/>", "application/foo"))
        info = await peer.receive_request("INFO")
        assert info.headers.first("info-package") == "foo"
        assert info.headers.first("content-disposition") == "Info-Package"
        assert (info.content_type, info.body) == ("application/foo", b"<foo/>")
        peer.answer(info, 200)
        await sending
        with pytest.raises(UsageError, match="Recv-Info"):
            await call.send_info("trickle-ice", b"", "application/foo")
        sending = asyncio.ensure_future(call.send_info("bar", b"x", "application/bar"))
        peer.answer(await peer.receive_request("INFO"), 469)
        with pytest.raises(CallRejected):
            await sending
        await hang_up(call, peer)


@pytest.mark.req("INF-2")
@pytest.mark.parametrize("taken", [True, False])
async def test_a_refused_re_invite_rolls_the_packages_back(taken: bool) -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog, _ = await called(phone, peer, "old")
        kind = ("Content-Type", "application/sdp" if taken else "text/plain")
        again = peer.ask(dialog, "INVITE", peer.sdp(version=2), ("Recv-Info", "new"), kind)
        answer = await peer.receive_response(200 if taken else 415)
        if taken:
            assert answer.headers.all("recv-info") == ("trickle-ice",)
        peer.ack(dialog, again)
        with pytest.raises(UsageError, match="Recv-Info"):
            await call.send_info("old" if taken else "new", b"x", "application/x")
        sending = asyncio.ensure_future(call.send_info("new" if taken else "old", b"x", "application/x"))
        peer.answer(await peer.receive_request("INFO"), 200)
        await sending
        await hang_up(call, peer)


@pytest.mark.req("INF-2")
@pytest.mark.parametrize("asked", [True, False])
async def test_packages_are_told_to_those_who_tell_theirs(asked: bool) -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        coming = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        uri = next(each for each in phone.addresses if "transport" not in each)
        invite = peer.call(uri, peer.sdp(), *([("Recv-Info", "")] if asked else []))
        call = await coming
        await call.accept(TALK)
        answer = await peer.receive_response(200)
        assert answer.headers.all("recv-info") == (("trickle-ice",) if asked else ())
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await call.established()
        await hang_up(call, peer)
