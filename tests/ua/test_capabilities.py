"""OPTIONS that we ask (RFC 3261 §11.1)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.capabilities import Capabilities
from ua.errors import UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan


async def test_another_phone_tells_what_it_can_do() -> None:
    async with pair() as phones:
        told = await phones.alice.options(phones.bob_uri())
    assert told.status == 480, "nobody takes calls there"
    assert {"INVITE", "REFER", "UPDATE"} <= set(told.methods)
    assert "100rel" in told.extensions
    assert "application/sdp" in told.types
    assert told.software == "icephone"


async def test_the_other_side_is_asked_in_a_call() -> None:
    async with pair() as phones:
        call, called = await phones.ring(MediaPlan())
        with pytest.raises(UsageError):
            await call.options()
        await called.accept(MediaPlan())
        await call.established()
        told = await call.options()
    assert told.status == 200
    assert {"INVITE", "BYE"} <= set(told.methods)
    asked = [each for each in phones.messages("bob", "in") if each.startswith("OPTIONS ")]
    assert len(asked) == 1, "it goes where the call is, not to the address that was called"


async def test_what_is_asked_and_an_answer_that_says_nothing() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        asking = asyncio.ensure_future(phone.options(str(peer.uri)))
        request = await peer.receive_request("OPTIONS")
        assert request.headers.first("accept") == "application/sdp"
        peer.answer(request, 404)
        assert await asking == Capabilities(status=404, reason="Not Found")


async def test_no_uri() -> None:
    async with Phone(account("alice"), EventLog()) as phone:
        with pytest.raises(UsageError):
            await phone.options("sip:")
