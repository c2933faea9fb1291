"""REFER and its NOTIFYs with a peer that says exactly what a test wants (RFC 3515, RFC 4488)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.three_phones import TALK
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.call.hold import Hold
from ua.call.state import CallState
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import Request, Response, make_response

FRAGMENT = ("Content-Type", "message/sipfrag")


async def called(phone: Phone, peer: MediaPeer) -> tuple[Call, Dialog]:
    """A call from the phone to the peer; the peer's side of the dialog."""
    call = await phone.place(str(peer.uri), TALK)
    invite = await peer.receive_request("INVITE")
    dialog = peer.accept(invite, peer.sdp())
    await peer.receive_request("ACK")
    await call.established()
    return call, dialog


def notify(peer: MediaPeer, dialog: Dialog, event: str, state: str, status: str) -> Request:
    body = f"SIP/2.0 {status}\r\n".encode()
    return peer.ask(dialog, "NOTIFY", body, ("Event", event), ("Subscription-State", state), FRAGMENT)


async def next_of(peer: MediaPeer, *methods: str) -> Request:
    """The next request with one of these methods."""
    while True:
        message = await peer.receive()
        if isinstance(message, Request) and message.method in methods:
            return message


async def asked(peer: MediaPeer) -> Request:
    """The REFER; the peer refuses to be held before it."""
    while True:
        request = await next_of(peer, "INVITE", "REFER")
        if request.method == "REFER":
            return request
        peer.answer(request, 488)


async def hang_up(call: Call, peer: MediaPeer) -> None:
    call.hang_up()
    await peer.finish()
    await call.ended()


@pytest.mark.req("REF-2", "SUB-1", "EXT-4")
async def test_a_notify_may_come_before_the_202() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        transfer = asyncio.ensure_future(call.transfer("sip:carol@192.0.2.3"))
        refer = await asked(peer)
        assert refer.headers.first("refer-to") == "<sip:carol@192.0.2.3>"
        assert refer.headers.first("referred-by") == "<sip:alice@example.com>"
        assert len(refer.contacts) == 1
        notify(peer, dialog, "refer", "active;expires=60", "100 Trying")
        await peer.receive_response(200)
        peer.answer(refer, 202)
        notify(peer, dialog, "refer", "terminated;reason=noresource", "200 OK")
        await peer.receive_response(200)
        await peer.finish()
        assert (await transfer).done
        await call.ended()


@pytest.mark.req("EXT-4")
async def test_the_call_is_held_until_the_transfer_is_through() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        transfer = asyncio.ensure_future(call.transfer("sip:carol@192.0.2.3"))
        for direction in ("sendonly", "sendrecv"):
            again = await peer.receive_request("INVITE")
            assert f"a={direction}".encode() in again.body
            version = 2 if direction == "sendonly" else 3
            answer = peer.sdp("a=recvonly" if direction == "sendonly" else "a=sendrecv", version=version)
            peer.answer(again, 200, ("Content-Type", "application/sdp"), body=answer)
            await peer.receive_request("ACK")
            if direction == "sendonly":
                peer.answer(await peer.receive_request("REFER"), 202)
                notify(peer, dialog, "refer", "terminated;reason=noresource", "486 Busy Here")
                await peer.receive_response(200)
        assert (await transfer).status == 486
        assert call.hold_state is Hold.NONE
        await hang_up(call, peer)


@pytest.mark.req("DLG-12", "REF-2")
async def test_the_subscription_outlives_the_call() -> None:
    """The peer hangs up before it tells what became of the transfer: the dialog stays for the NOTIFY."""
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        transfer = asyncio.ensure_future(call.transfer("sip:carol@192.0.2.3"))
        peer.answer(await asked(peer), 202)
        peer.ask(dialog, "BYE")
        await peer.receive_response(200)
        await call.ended()
        notify(peer, dialog, "refer", "active;expires=60", "180 Ringing")
        await peer.receive_response(200)
        peer.ask(dialog, "INFO")
        await peer.receive_response(481)
        notify(peer, dialog, "refer", "terminated;reason=noresource", "200 OK")
        await peer.receive_response(200)
        assert (await transfer).done
        notify(peer, dialog, "refer", "terminated;reason=noresource", "200 OK")
        await peer.receive_response(481)


@pytest.mark.req("REF-2", "DLG-12")
async def test_a_refer_that_is_refused_makes_no_subscription() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        transfer = asyncio.ensure_future(call.transfer("sip:carol@192.0.2.3"))
        peer.answer(await asked(peer), 405)
        result = await transfer
        assert (result.done, result.status) == (False, 405)
        notify(peer, dialog, "refer", "terminated", "200 OK")
        await peer.receive_response(481)
        assert call.state is CallState.ESTABLISHED
        await hang_up(call, peer)


@pytest.mark.req("REF-2")
async def test_a_second_refer_is_told_apart_by_its_number() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        for number in (1, 2):
            transfer = asyncio.ensure_future(call.transfer(f"sip:carol{number}@192.0.2.3"))
            refer = await asked(peer)
            peer.answer(refer, 202)
            event = f"refer;id={refer.cseq.number}"
            notify(peer, dialog, f"refer;id={refer.cseq.number + 7}", "active", "200 OK")
            await peer.receive_response(481)
            notify(peer, dialog, event, "terminated;reason=noresource", "404 Not Found")
            await peer.receive_response(200)
            assert (await transfer).status == 404
        await hang_up(call, peer)


async def test_a_notify_that_cannot_be_read_is_refused() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        transfer = asyncio.ensure_future(call.transfer("sip:carol@192.0.2.3"))
        peer.answer(await asked(peer), 202)
        state = ("Subscription-State", "active")
        for status, rows, body in (
            (400, [state, FRAGMENT], b"nonsense"),
            (400, [FRAGMENT], b"SIP/2.0 200 OK\r\n"),
            (415, [state, ("Content-Type", "text/plain")], b"SIP/2.0 200 OK\r\n"),
        ):
            peer.ask(dialog, "NOTIFY", body, ("Event", "refer"), *rows)
            await peer.receive_response(status)
        notify(peer, dialog, "refer", "terminated;reason=giveup", "100 Trying")
        result = await transfer
        assert (result.done, result.status) == (False, 100)
        assert "giveup" in result.reason
        await hang_up(call, peer)


def refer(peer: MediaPeer, dialog: Dialog, *rows: tuple[str, str]) -> Request:
    return peer.ask(dialog, "REFER", b"", *rows)


@pytest.mark.req("REF-1", "REF-5")
@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], 400),
        ([("Refer-To", "<sip:a@192.0.2.3>, <sip:b@192.0.2.3>")], 400),
        (
            [("Refer-To", "<sip:a@192.0.2.3>"), ("Referred-By", "<sip:a@a>"), ("Referred-By", "<sip:b@b>")],
            400,
        ),
        ([("Refer-To", "<tel:+15550100>")], 416),
        ([("Refer-To", "<sip:a@192.0.2.3;method=BYE>")], 603),
    ],
)
async def test_a_refer_that_we_refuse(rows: list[tuple[str, str]], status: int) -> None:
    async with media_peer() as peer, Phone(account("alice", accept_transfers="always"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        refer(peer, dialog, *rows)
        await peer.receive_response(status)
        assert await peer.silent(0.1, "NOTIFY")
        assert call.state is CallState.ESTABLISHED
        await hang_up(call, peer)


@pytest.mark.req("REF-2", "REF-5", "SUB-2", "EXT-4")
async def test_the_subscription_of_a_refer_is_refreshed_and_ended() -> None:
    """Ending it does not end the call that it tells of."""
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice", accept_transfers="always"), log) as phone:
        call, dialog = await called(phone, peer)
        by = '"Peer" <sip:peer@example.com>;x=1'
        sent = refer(peer, dialog, ("Refer-To", f"<{peer.uri}>"), ("Referred-By", by))
        requests: dict[str, Request] = {}
        while len(requests) < 2:
            request = await next_of(peer, "NOTIFY", "INVITE")
            requests[request.method] = request
            if request.method == "NOTIFY":
                peer.send(make_response(request, 200))
        first, invite = requests["NOTIFY"], requests["INVITE"]
        assert first.headers.first("event") == "refer"
        assert first.headers.first("subscription-state") == "active;expires=300"
        assert first.body == b"SIP/2.0 100 Trying\r\n"
        assert invite.headers.first("referred-by") == by
        peer.answer(invite, 180, tag="new")
        number = sent.cseq.number
        peer.ask(dialog, "SUBSCRIBE", b"", ("Event", f"refer;id={number}"), ("Expires", "100"))
        second = await next_of(peer, "NOTIFY")
        assert second.headers.first("subscription-state") == "active;expires=100"
        peer.send(make_response(second, 200))
        peer.ask(dialog, "SUBSCRIBE", b"", ("Event", "refer;id=99999"), ("Expires", "100"))
        await peer.receive_response(403)
        peer.ask(dialog, "SUBSCRIBE", b"", ("Event", "refer"), ("Expires", "0"))
        last = await next_of(peer, "NOTIFY")
        assert last.headers.first("subscription-state") == "terminated;reason=timeout"
        peer.send(make_response(last, 481))
        assert await peer.silent(0.1, "CANCEL")
        new = peer.accept(invite, peer.sdp(), tag="new")
        await peer.receive_request("ACK")
        assert call.successor is not None
        await call.successor.established()
        assert await peer.silent(0.1, "NOTIFY")
        await hang_up(call, peer)
        peer.ask(new, "BYE")
        await peer.receive_response(200)
        await call.successor.ended()


@pytest.mark.req("REF-6")
async def test_a_refer_without_subscription() -> None:
    async with media_peer() as peer, Phone(account("alice", accept_transfers="always"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        refer(peer, dialog, ("Refer-To", f"<{peer.uri}>"), ("Refer-Sub", "false"))
        answer = await peer.receive("200")
        assert isinstance(answer, Response)
        assert answer.headers.first("refer-sub") == "false"
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 486)
        assert await peer.silent(0.1, "NOTIFY")
        assert call.state is CallState.ESTABLISHED
        await hang_up(call, peer)


@pytest.mark.req("REF-1", "SUB-2", "SUB-1", "INF-1")
async def test_what_strangers_ask_outside_calls() -> None:
    async with media_peer() as peer, Phone(account("alice", accept_transfers="always"), EventLog()) as phone:
        uri = next(each for each in phone.addresses if "transport" not in each)
        for method, rows, status in (
            ("REFER", [("Refer-To", "<sip:a@192.0.2.3>")], 403),
            ("SUBSCRIBE", [("Event", "refer"), ("Expires", "60")], 403),
            ("SUBSCRIBE", [("Event", "presence"), ("Expires", "60")], 489),
            ("SUBSCRIBE", [], 489),
            ("NOTIFY", [("Event", "refer"), ("Subscription-State", "active")], 481),
            ("INFO", [], 481),
            ("OPTIONS", [("Replaces", "a;to-tag=b;from-tag=c")], 400),
        ):
            request = peer.request_outside(uri, method, *rows)
            answer = await peer.receive_response(status)
            assert answer.cseq == request.cseq
            if status == 489:
                assert "allow-events" in answer.headers
