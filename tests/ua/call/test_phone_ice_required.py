"""A phone that talks with nobody who has no ICE (RFC 8839 §9.3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone

STAY = MediaPlan(source=Tone(hz=440))
LISTEN = MediaPlan(source=Echo())
ICE_ONLY = replace(account("alice"), ice_required=True)


@pytest.mark.req("SDP-ICE-38")
async def test_answer_without_ice_ends_the_call() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(ICE_ONLY, log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        assert invite.headers.tokens("require") == {"ice"}
        peer.accept(invite, peer.sdp())
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH
    assert "without ICE" in (result.error or "")


@pytest.mark.req("SDP-ICE-38")
async def test_offer_without_ice_is_refused_with_421() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(replace(ICE_ONLY, uri="sip:bob@example.com"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(LISTEN)
        refusal = await peer.receive_response(421)
        assert refusal.headers.tokens("require") == {"ice"}
        assert refusal.body == b""
        assert (await call.ended()).sip_code == 421


@pytest.mark.req("SDP-ICE-38", "SDP-ICE-19")
async def test_phones_with_ice_take_a_call_that_requires_it_and_ask_for_it_only_then() -> None:
    for required in (True, False):
        alice, bob = (account(name, ice_required=required) for name in ("alice", "bob"))
        async with pair(alice=alice, bob=bob) as phones:
            ours, theirs = await phones.ring(STAY)
            await theirs.accept(LISTEN)
            await asyncio.gather(ours.established(), theirs.established())
            texts = [str(entry.data["text"]) for entry in phones.log.entries if entry.source == "sip"]
            invite = next(text for text in texts if text.startswith("INVITE"))
            assert ("\r\nRequire: ice\r\n" in invite) is required
            supported = invite.partition("\r\nSupported: ")[2].partition("\r\n")[0].split(", ")
            assert "trickle-ice" in supported
            assert "ice" not in supported
            ours.hang_up()
            await asyncio.gather(ours.ended(), theirs.ended())
