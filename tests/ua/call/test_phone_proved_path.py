"""Both sides of a call hear each other on a pair that is valid, before one is nominated (RFC 8445 §12.1)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ice.loopback import until
from tests.ice.withheld import WithheldNominations
from tests.ua.phones import LOOPBACK, account, pair
from ua.call.call import Call
from ua.errors import NoMediaPath, ResultCode
from ua.plan import Echo, MediaPlan, Tone

TALK, LISTEN = MediaPlan(source=Tone(hz=440)), MediaPlan(source=Echo())
UDP = replace(LOOPBACK, tcp=False)


def hears(call: Call) -> bool:
    figures = call.statistics
    return figures is not None and figures.received.packets > 5


@pytest.mark.req("ICE-12.1-1")
async def test_both_hear_before_any_pair_is_nominated() -> None:
    network = WithheldNominations()
    accounts = {name: account(name, ice=UDP) for name in ("alice", "bob")}
    async with pair(network=network, **accounts) as phones:
        call, ring = await phones.ring(TALK)
        await ring.accept(LISTEN)
        await until(lambda: hears(call) and hears(ring))
        assert (call.state, ring.state) == ("connecting", "connecting")
        assert not any(entry.name == "path_selected" for entry in phones.log.entries)
        network.withheld = False
        await asyncio.gather(call.established(), ring.established())
        call.hang_up()
        results = await asyncio.gather(call.ended(), ring.ended())
    for result in results:
        assert (result.result, result.transport, result.path_changes) == (ResultCode.OK, "udp", ())


@pytest.mark.req("ICE-12.1-2")
async def test_a_call_whose_pair_is_never_nominated_fails_though_both_heard() -> None:
    ice = replace(UDP, patience_s=2.0)
    accounts = {name: account(name, ice=ice) for name in ("alice", "bob")}
    async with pair(network=WithheldNominations(), **accounts) as phones:
        call, ring = await phones.ring(TALK)
        await ring.accept(LISTEN)
        with pytest.raises(NoMediaPath):
            await call.established()
        results = await asyncio.gather(call.ended(), ring.ended())
    assert results[0].result is ResultCode.NO_MEDIA_PATH
