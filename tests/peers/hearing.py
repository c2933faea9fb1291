"""What a call of ours hears of a real phone."""

from __future__ import annotations

import asyncio

from tests.peers.process import until
from ua.call.call import Call


def received(call: Call) -> int:
    """RTP packets that have come."""
    return 0 if call.statistics is None else call.statistics.received.packets


async def hears(call: Call, *, packets: int = 10) -> None:
    """Wait until so many more packets have come."""
    before = received(call)
    await until(lambda: received(call) >= before + packets, f"{packets} packets are heard", 20.0)


async def says(call: Call, *, packets: int) -> None:
    """Wait until so many packets have gone."""

    def sent() -> bool:
        return call.statistics is not None and call.statistics.sent.packets >= packets

    await until(sent, f"{packets} packets are sent", 20.0)


async def falls_silent(call: Call) -> None:
    """Wait until half a second goes by without RTP; what was on its way still comes."""

    async def silent() -> bool:
        before = received(call)
        await asyncio.sleep(0.5)
        return received(call) <= before + 2

    await until(silent, "it falls silent", 10.0)
