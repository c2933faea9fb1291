"""Keys that are sent back."""

from __future__ import annotations

import asyncio

from tests.ua.call.keys import talking, until_digits
from tests.ua.phones import pair
from ua.pbx.errands import Errands
from ua.pbx.read_back import ReadBack


async def test_what_comes_in_one_go_is_sent_back_in_one_go() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        errands = Errands()
        ReadBack(answered, errands, pause_s=0.5)
        await call.send_dtmf("12")
        await call.send_dtmf("3", by="info")
        await until_digits(call, "123")
        async with asyncio.timeout(15):
            while errands:  # noqa: ASYNC110 - they tell nobody
                await asyncio.sleep(0.01)
        sent = [
            (entry.data["keys"], entry.data["way"])
            for entry in phones.log.entries
            if entry.name == "digits_sent" and entry.party == "bob"
        ]
        assert sent == [("12", "rfc4733"), ("3", "info")]
        await errands.close()


async def test_nobody_keeps_it_busy_for_ever() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        errands = Errands()
        ReadBack(answered, errands, pause_s=0.2, most=2)
        for keys in ("123", "4"):
            await call.send_dtmf(keys)
            await asyncio.sleep(0.5)
        await until_digits(call, "12")
        await asyncio.sleep(0.5)
        assert call.digits == "12"
        await errands.close()


async def test_a_call_that_ends_meanwhile_is_left_alone() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        errands = Errands()
        ReadBack(answered, errands, pause_s=0.3)
        await call.send_dtmf("1")
        await until_digits(answered, "1")
        call.hang_up()
        await answered.ended()
        await asyncio.sleep(0.5)
        assert len(errands) == 0
