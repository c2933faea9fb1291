"""Calls that are handed over, between three phones (RFC 5589)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.three_phones import TALK, three, uri
from ua.call.hold import Hold
from ua.call.state import CallState
from ua.errors import ResultCode, UsageError


@pytest.mark.req("EXT-4", "REF-1", "REF-5", "DLG-12")
async def test_a_blind_transfer() -> None:
    async with three() as phones:
        call, at_bob = await phones.connect(phones.alice, phones.bob)
        ringing = asyncio.ensure_future(phones.next_call(phones.carol))
        transfer = asyncio.ensure_future(call.transfer(uri(phones.carol)))
        at_carol = await ringing
        assert at_bob.state is CallState.ESTABLISHED, "both calls stand until the new one has an answer"
        assert (call.hold_state, at_bob.hold_state) == (Hold.HOLDING, Hold.HELD)
        await at_carol.accept(TALK)
        result = await transfer
        assert (result.done, result.status) == (True, 200)
        assert (await call.ended()).result is ResultCode.OK
        assert (await at_bob.ended()).result is ResultCode.OK
        new = at_bob.successor
        assert new is not None
        assert new.state is CallState.ESTABLISHED
        await at_carol.established()
        (invite,) = phones.sent("bob", "INVITE")
        assert "\r\nReferred-By: <sip:alice@example.com>\r\n" in invite.replace("referred-by", "Referred-By")
        (accepted,) = phones.sent("bob", "SIP/2.0 202")
        assert "REFER" in accepted
        notifies = phones.sent("bob", "NOTIFY")
        assert [text.rpartition("\r\n\r\n")[2] for text in notifies] == [
            "SIP/2.0 100 Trying\r\n",
            "SIP/2.0 200 OK\r\n",
        ]
        assert "terminated;reason=noresource" in notifies[1]


@pytest.mark.req("REF-1", "REF-2")
async def test_a_transfer_that_fails_leaves_the_call() -> None:
    async with three() as phones:
        call, at_bob = await phones.connect(phones.alice, phones.bob)
        ringing = asyncio.ensure_future(phones.next_call(phones.carol))
        transfer = asyncio.ensure_future(call.transfer(uri(phones.carol)))
        (await ringing).reject(486)
        result = await transfer
        assert (result.done, result.status) == (False, 486)
        assert call.state is CallState.ESTABLISHED
        assert at_bob.state is CallState.ESTABLISHED
        assert (call.hold_state, at_bob.hold_state) == (Hold.NONE, Hold.NONE)


@pytest.mark.req("REF-1")
@pytest.mark.parametrize("policy", ["never", "ask"])
async def test_a_transfer_without_consent(policy: str) -> None:
    async with three("never" if policy == "never" else "ask") as phones:
        call, _ = await phones.connect(phones.alice, phones.bob)
        result = await call.transfer(uri(phones.carol))
        assert (result.done, result.status) == (False, 603)
        assert phones.sent("bob", "INVITE") == []
        assert phones.sent("bob", "NOTIFY") == []
        assert call.state is CallState.ESTABLISHED


@pytest.mark.req("REF-1", "REF-2")
async def test_a_transfer_that_the_user_decides() -> None:
    async with three("ask") as phones:
        call, at_bob = await phones.connect(phones.alice, phones.bob)
        requests = phones.bob.transfers()
        asked = asyncio.ensure_future(anext(requests))
        await asyncio.sleep(0)
        transfer = asyncio.ensure_future(call.transfer(uri(phones.carol)))
        request = await asked
        assert (request.call, request.target) == (at_bob, uri(phones.carol))
        assert request.referred_by == "sip:alice@example.com"
        assert len(phones.sent("bob", "SIP/2.0 202")) == 1, "the answer does not wait for the user"
        request.decline()
        assert (await transfer).status == 603
        with pytest.raises(UsageError):
            await request.accept()
        # the second REFER of the dialog: its NOTIFYs name it
        asked = asyncio.ensure_future(anext(requests))
        ringing = asyncio.ensure_future(phones.next_call(phones.carol))
        transfer = asyncio.ensure_future(call.transfer(uri(phones.carol)))
        new = await (await asked).accept()
        await (await ringing).accept(TALK)
        assert (await transfer).done
        assert at_bob.successor is new
        (second,) = (text for text in phones.sent("alice", "REFER")[1:])
        number = second.lower().partition("cseq: ")[2].partition(" ")[0]
        events = [
            text.lower().partition("event: ")[2].partition("\r\n")[0] for text in phones.sent("bob", "NOTIFY")
        ]
        assert events == ["refer", "refer", f"refer;id={number}", f"refer;id={number}"]


@pytest.mark.req("EXT-4", "REF-3", "REF-4", "REF-5")
async def test_an_attended_transfer() -> None:
    async with three("ask") as phones:
        to_bob, at_bob = await phones.connect(phones.alice, phones.bob)
        to_carol, at_carol = await phones.connect(phones.alice, phones.carol)
        asked = asyncio.ensure_future(anext(phones.bob.transfers()))
        await asyncio.sleep(0)
        transfer = asyncio.ensure_future(to_bob.transfer_to(to_carol))
        request = await asked
        assert request.replaces
        assert (to_bob.hold_state, to_carol.hold_state) == (Hold.HOLDING, Hold.HOLDING)
        await request.accept()
        assert (await transfer).done
        for call in (to_bob, to_carol, at_bob, at_carol):
            assert (await call.ended()).result is ResultCode.OK
        assert at_bob.successor is not None
        assert at_carol.successor is not None
        await at_carol.successor.established()
        assert at_carol.successor.state is CallState.ESTABLISHED
        assert not [text for text in phones.sent("carol", "SIP/2.0 180") if at_carol.successor.id in text]
        assert len(phones.sent("carol", "BYE")) == 1, "the replaced call ends with BYE"


@pytest.mark.req("EXT-4")
async def test_a_transfer_to_a_phone_that_rings() -> None:
    async with three() as phones:
        to_bob, at_bob = await phones.connect(phones.alice, phones.bob)
        incoming = phones.carol.incoming()
        ringing = asyncio.ensure_future(anext(incoming))
        await asyncio.sleep(0)
        to_carol = await phones.alice.place(uri(phones.carol), TALK)
        await ringing
        again = asyncio.ensure_future(anext(incoming))
        transfer = asyncio.ensure_future(to_bob.transfer_to(to_carol))
        at_carol = await again
        assert to_carol.state is CallState.ENDED
        await at_carol.accept(TALK)
        assert (await transfer).done
        (refer,) = phones.sent("alice", "REFER")
        assert "eplaces=" not in refer, "a call that the target has not answered cannot be replaced there"
        assert at_bob.successor is not None


async def test_what_cannot_be_transferred() -> None:
    async with three() as phones:
        call, at_bob = await phones.connect(phones.alice, phones.bob)
        for target in ("carol", "tel:+15550100"):
            with pytest.raises(UsageError):
                await call.transfer(target)
        call.hang_up()
        await at_bob.ended()
        await call.ended()
        with pytest.raises(UsageError):
            await call.transfer(uri(phones.carol))
