"""Short messages between phones, and with a peer that says what a test wants (RFC 3428)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_refer import called, hang_up
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.errors import UsageError
from ua.events import EventLog
from ua.messages import MAX_BYTES, TextMessage
from ua.phone import Phone


@pytest.mark.req("MSG-1")
async def test_a_message_arrives() -> None:
    async with pair() as phones:
        text = "Grüße: \u2603\r\nzweite Zeile"
        assert (await phones.alice.message(phones.bob_uri(), text)).status == 480, "nobody reads there"
        reading = asyncio.ensure_future(anext(phones.bob.messages()))
        await asyncio.sleep(0)
        outcome = await phones.alice.message(phones.bob_uri(), text)
        assert (outcome.accepted, outcome.status) == (True, 200)
        assert await reading == TextMessage(sender="sip:alice@example.com", text=text)
        assert phones.messages("bob", "out")[-1] == "SIP/2.0 200 OK", "and nothing is sent back by itself"
        (sent,) = (entry for entry in phones.log.entries if entry.name == "text")
        assert sent.data["text"] == text


@pytest.mark.req("MSG-1")
async def test_a_message_on_the_wire() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        sending = asyncio.ensure_future(phone.message(str(peer.uri), "hi"))
        request = await peer.receive_request("MESSAGE")
        assert "contact" not in request.headers
        assert request.headers.first("content-type") == "text/plain;charset=UTF-8"
        peer.answer(request, 202)
        assert (await sending).accepted
        sending = asyncio.ensure_future(phone.message(str(peer.uri), "hi"))
        peer.answer(await peer.receive_request("MESSAGE"), 404)
        outcome = await sending
        assert (outcome.accepted, outcome.status) == (False, 404)


@pytest.mark.req("MSG-1")
async def test_a_message_is_not_too_long() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        with pytest.raises(UsageError, match="too long"):
            await phone.message(str(peer.uri), "x" * MAX_BYTES)
        fits = "x" * 600
        sending = asyncio.ensure_future(phone.message(str(peer.uri), fits))
        peer.answer(await peer.receive_request("MESSAGE"), 200)
        await sending
        with pytest.raises(UsageError):
            await phone.message("bob", "hi")


@pytest.mark.req("MSG-1")
async def test_what_is_no_text() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        reading = asyncio.ensure_future(anext(phone.messages()))
        await asyncio.sleep(0)
        uri = next(each for each in phone.addresses if "transport" not in each)
        peer.request_outside(uri, "MESSAGE", ("Content-Type", "image/png"), body=b"\x89PNG")
        refusal = await peer.receive_response(415)
        assert refusal.headers.first("accept") == "text/plain"
        assert "contact" not in refusal.headers
        peer.request_outside(uri, "MESSAGE", ("Content-Type", "Text/Plain"), body=b"\xff ok")
        await peer.receive_response(200)
        assert (await reading).text == "\ufffd ok"


@pytest.mark.req("MSG-1")
async def test_a_message_in_a_call() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        reading = asyncio.ensure_future(anext(phone.messages()))
        await asyncio.sleep(0)
        peer.ask(dialog, "MESSAGE", b"in a call", ("Content-Type", "text/plain"))
        await peer.receive_response(200)
        assert (await reading).call_id == call.id
        sending = asyncio.ensure_future(call.message("back"))
        request = await peer.receive_request("MESSAGE")
        assert request.to.tag == dialog.local.tag
        assert "contact" not in request.headers
        peer.answer(request, 200)
        assert (await sending).accepted
        await hang_up(call, peer)
