"""Floods over UDP: garbage, requests of made-up senders, answers to nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.ua.phones import Pair, account, pair
from tests.ua.sip.hostile.attack import Growth, Spoofer, call_meanwhile
from tests.ua.sip.hostile.messages import invite, ok, options
from ua.config.calls import CallsSettings
from ua.sip.endpoint import SipEndpoint
from ua.sip.transaction.admission import Limits

COUNT = 100_000
CALLS = 10
"""Lines of the phone under fire."""

MEGABYTES = 150
"""Received buffers, 10,000 transactions, the log of what came: all that a flood may take."""


@asynccontextmanager
async def under_fire() -> AsyncIterator[tuple[Pair, SipEndpoint, Spoofer]]:
    """Alice, Bob, and somebody who sends to Bob."""
    bob = account("bob", calls=CallsSettings(max_calls=CALLS))
    async with pair(bob=bob) as phones:
        endpoint = phones.bob._endpoint
        assert endpoint is not None
        address = endpoint.local_addresses["udp"]
        spoofer = Spoofer((address.host, address.port))
        try:
            yield phones, endpoint, spoofer
        finally:
            spoofer.close()


def garbage(seed: int) -> Callable[[int], bytes]:
    """Random bytes, none of them the start of STUN."""
    chance = random.Random(seed)
    lumps = [b"\xff" + chance.randbytes(chance.randrange(1, 1400)) for _ in range(500)]
    return lambda number: lumps[number % len(lumps)]


@pytest.mark.req("LIM-3")
async def test_garbage() -> None:
    async with under_fire() as (phones, endpoint, spoofer):
        growth = Growth()
        await call_meanwhile(phones, spoofer.flood(COUNT, garbage(1), hosts=1))
        assert spoofer.sent > COUNT / 2
        assert endpoint.counters["refused"] > 300
        assert endpoint.counters["internal errors"] == 0
        assert growth.mb < MEGABYTES


@pytest.mark.req("LIM-3", "TXN-23")
@pytest.mark.parametrize("hosts", [1, COUNT], ids=["one host", "as many hosts"])
async def test_options_of_made_up_senders(hosts: int) -> None:
    async with under_fire() as (phones, endpoint, spoofer):
        growth = Growth()
        await call_meanwhile(phones, spoofer.flood(COUNT, options, hosts=hosts), transport="tcp")
        assert endpoint.counters["received"] > 300
        assert endpoint.alive["transactions"] <= Limits().transactions + 100
        assert endpoint.counters["internal errors"] == 0
        assert growth.mb < MEGABYTES


@pytest.mark.req("LIM-3", "TXN-23")
@pytest.mark.parametrize("hosts", [1, COUNT], ids=["one host", "as many hosts"])
async def test_invites_of_made_up_senders(hosts: int) -> None:
    """They may take every line of the phone, but not its memory; calling out works."""
    async with under_fire() as (phones, endpoint, spoofer):
        growth = Growth()
        await call_meanwhile(phones, spoofer.flood(COUNT, invite, hosts=hosts), back=True, transport="tcp")
        assert endpoint.counters["received"] > 300
        assert endpoint.alive["transactions"] <= Limits().transactions + 100
        assert endpoint.alive.get("dialogs", 0) <= CALLS
        assert endpoint.counters["internal errors"] == 0
        assert growth.mb < MEGABYTES


@pytest.mark.req("LIM-3", "LIM-4")
async def test_answers_to_nothing() -> None:
    async with under_fire() as (phones, endpoint, spoofer):
        growth = Growth()
        await call_meanwhile(phones, spoofer.flood(COUNT, ok, hosts=COUNT), transport="tcp")
        assert endpoint.counters["refused"] > 300
        assert endpoint.alive.get("transactions", 0) < 20, "those of the call"
        assert endpoint.counters["internal errors"] == 0
        assert growth.mb < MEGABYTES
