"""Calls between phones that registered with the PBX."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.pbx.line import DOMAIN, line
from ua.errors import ResultCode
from ua.plan import Echo, MediaPlan, Tone

TONE = MediaPlan(source=Tone(hz=440), duration_s=0.6)


@pytest.mark.req("PBX-4")
async def test_two_phones_register_and_talk() -> None:
    async with line() as pbx, pbx.phone("alice") as alice, pbx.phone("bob") as bob:
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        call = await alice.place(f"sip:bob@{DOMAIN}", TONE)
        answered = await asyncio.wait_for(ringing, 5)
        await answered.accept(MediaPlan(source=Echo()))
        await call.established()
        result = await call.ended()
        assert result.result is ResultCode.OK
        await answered.ended()
        await pbx.idle()
        print(result)
        print("\n".join(pbx.messages("pbx", "in")))
