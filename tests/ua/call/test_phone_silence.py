"""A peer that says nothing at all: who hangs up does not wait for it (RFC 3261 §9.1)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_offers import STAY
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone


@pytest.mark.req("TXN-4")
async def test_hanging_up_on_a_silent_peer_ends_the_call_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with media_peer() as peer:
        async with Phone(account("alice"), EventLog()) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            begun = loop.time()
            call.hang_up()
            result = await call.ended()
            assert loop.time() - begun < 10.0
            assert result.result is ResultCode.INTERRUPTED
            # Who speaks after all gets the CANCEL.
            assert await peer.silent(0.2, "CANCEL")
            peer.answer(invite, 180)
            cancel = await peer.receive_request("CANCEL")
            peer.answer(cancel, 200)
            peer.answer(invite, 487)
            await peer.receive_request("ACK")
        begun = loop.time()
        async with Phone(account("alice"), EventLog()) as phone:
            call = await phone.place(str(peer.uri), STAY)
            await peer.receive_request("INVITE")
            call.hang_up()
            await call.ended()
        assert 2.5 < loop.time() - begun < 20.0, "the phone waits a little for a response when it is closed"
