"""Two phones tell each other how they are heard (RFC 3611)."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.net.firewall import FirewallPolicy
from tests.ua.call.test_media_leg import ACCOUNT, exchange, wire
from ua.plan import MediaPlan, Silence, Tone

WAIT_S = 20.0


@pytest.mark.req("XR-3")
async def test_each_learns_how_it_is_heard_where_both_want_it() -> None:
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=MediaPlan(source=Tone(hz=440)))
        bob = await between.leg(offers=False, plan=MediaPlan(source=Silence()))
        await exchange(alice, bob)
        await asyncio.gather(alice.start(), bob.start())
        for _ in range(round(WAIT_S / 0.1)):
            await asyncio.sleep(0.1)
            if all(leg.statistics and leg.statistics.peer_mos for leg in (alice, bob)):
                break
        scores = [leg.statistics.peer_mos for leg in (alice, bob) if leg.statistics is not None]
    assert all(score is not None and 1 <= score <= 5 for score in scores)


@pytest.mark.req("XR-3")
async def test_who_does_not_do_them_is_told_nothing() -> None:
    account = dataclasses.replace(ACCOUNT, media=dataclasses.replace(ACCOUNT.media, rtcp_xr=False))
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=MediaPlan(source=Tone(hz=440)), account=account)
        offer = alice.descriptions.offer()
        assert b"rtcp-xr" not in offer
        bob = await between.leg(offers=False, plan=MediaPlan(source=Silence()))
        answer = await bob.descriptions.answer(offer)
        assert isinstance(answer, bytes)
        assert b"rtcp-xr" not in answer
