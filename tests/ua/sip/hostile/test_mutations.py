"""A phone under fire: mutated messages by UDP and TCP, and it still answers."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from tests.ua.sip.phones import ALICE, ScriptedPeer, phone
from tests.ua.sip.vectors import IPV6, PEERS, TORTURE, vector

NAMES = TORTURE + IPV6 + PEERS


def mutated(chance: random.Random) -> bytes:
    """A message of the vectors with some damage, still without maddr: answers stay on this host."""
    data = bytearray(vector(chance.choice(NAMES)).replace(b"maddr", b"xaddr"))
    for _ in range(chance.randrange(6)):
        where = chance.randrange(len(data))
        kind = chance.randrange(3)
        if kind == 0:
            data[where] = chance.randrange(256)
        elif kind == 1:
            del data[where : where + chance.randrange(1, 30)]
        else:
            data[where:where] = chance.choice([b"\r\n", b'"', b"<", b",", b";", b"\x00", b"%", b"1" * 40])
        if not data:
            break
    return bytes(data)


@pytest.mark.req("TOR-1")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_mutated_datagrams_do_not_stop_the_phone(seed: int) -> None:
    chance = random.Random(seed)
    async with phone(on_invite=lambda incoming: incoming.reject(486)) as bob, phone() as alice:
        enemy = ScriptedPeer()
        address = bob.endpoint.local_addresses["udp"]
        for number in range(300):
            enemy.send(mutated(chance), (address.host, address.port))
            if number % 20 == 0:
                await asyncio.sleep(0)
        done = await alice.endpoint.request("OPTIONS", bob.uri(), from_=ALICE)
        assert done.response.status == 200
        counters = bob.endpoint.counters
        assert counters["internal errors"] == 0
        assert counters["received"] >= 250
        assert counters["refused"] > 20
        assert len(bob.refusals()) == counters["refused"]
        enemy.close()


@pytest.mark.req("TOR-1")
async def test_mutated_streams_do_not_stop_the_phone() -> None:
    chance = random.Random(4)
    async with phone(on_invite=lambda incoming: incoming.reject(486)) as bob, phone() as alice:
        address = bob.endpoint.local_addresses["tcp"]
        for _ in range(60):
            _, writer = await asyncio.open_connection(address.host, address.port)
            with contextlib.suppress(ConnectionError):
                for _ in range(3):
                    writer.write(mutated(chance))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        done = await alice.endpoint.request("OPTIONS", bob.uri("tcp"), from_=ALICE)
        assert done.response.status == 200
        assert bob.endpoint.counters["internal errors"] == 0
        assert bob.endpoint.counters["refused"] > 20
