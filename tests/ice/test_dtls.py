"""DTLS over the path of a session: it begins when ICE permits, and goes on where the path moves."""

from __future__ import annotations

import asyncio

import pytest

from ice.types import Transport
from tests.ice.loopback import until
from tests.ice.sessions import connect, two
from tests.ice.test_generations_session import restart
from tests.peers.dtls import Dtls


@pytest.mark.req("ICETCP-10-16", "ICETCP-7.1-11")
@pytest.mark.parametrize("left_begins", [True, False])
async def test_one_handshake_lasts_when_the_path_moves_from_tcp_to_udp(left_begins: bool) -> None:
    async with two(udp=False) as (left, right, policy):
        paths = left.session.path(1), right.session.path(1)
        one, other = Dtls(paths[0], client=left_begins), Dtls(paths[1], client=not left_begins)
        for end in (one, other):
            assert not end.begin()
        assert one.hellos == other.hellos == 0, "nothing was sent before there is a valid pair"
        await connect(left, right)
        assert {path.transport for path in paths} == {Transport.TCP}
        async with asyncio.TaskGroup() as both:
            both.create_task(one.handshake())
            both.create_task(other.handshake())
        assert one.peer_fingerprint == other.fingerprint
        assert other.peer_fingerprint == one.fingerprint
        hellos = one.hellos, other.hellos
        assert min(hellos) > 0
        await talk(one, other, b"over TCP")
        policy.udp = "open"
        await restart(left, right)
        assert {path.transport for path in paths} == {Transport.UDP}
        await talk(one, other, b"over UDP")
        assert (one.hellos, other.hellos) == hellos, "there is no second handshake"


async def talk(one: Dtls, other: Dtls, data: bytes) -> None:
    """Send data both ways over the association."""
    one.send(data)
    other.send(data)
    await until(lambda: one.data[-1:] == other.data[-1:] == [data])
