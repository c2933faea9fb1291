"""Calls that the other side has lost: it answers what we ask within them with 481."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.call.hold import HoldRefused
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan


async def test_a_call_that_the_other_side_has_forgotten_has_failed() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(f"sip:bob@{peer.host}:{peer.port}", MediaPlan())
        peer.accept(await peer.receive_request("INVITE"), peer.sdp())
        await peer.receive_request("ACK")
        await call.established()
        holding = asyncio.ensure_future(call.hold())
        peer.answer(await peer.receive_request("INVITE"), 481, tag="peer")
        with pytest.raises(HoldRefused):
            await holding
        result = await call.ended()
    assert result.result is ResultCode.TIMEOUT
    assert "the other side has lost the call: 481" in (result.error or "")
