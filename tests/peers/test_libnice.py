"""Two libnice agents connect to each other."""

from __future__ import annotations

import pytest

from tests.peers.libnice import libnice
from tests.peers.process import PeerError, Programs

pytestmark = pytest.mark.peer("libnice")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_two_agents_exchange_packets(programs: Programs, transport: str) -> None:
    udp, tcp = transport == "udp", transport == "tcp"
    async with (
        libnice(programs, "controlling", udp=udp, tcp=tcp) as one,
        libnice(programs, "controlled", udp=udp, tcp=tcp) as other,
    ):
        assert all(f" {transport.upper()} " in line for line in one.candidates)
        one.set_remote(other.ufrag, other.password, other.candidates)
        other.set_remote(one.ufrag, one.password, one.candidates)
        for agent in (one, other):
            await agent.ready()
            assert agent.pair is not None
            assert f" {transport.upper()} " in agent.pair[1].upper()
        one.send(b"\x80 there")
        await other.got(b"\x80 there")
        other.send(b"\x80 and back")
        await one.got(b"\x80 and back")


async def test_an_agent_that_reaches_nobody_fails(programs: Programs) -> None:
    async with libnice(programs, "controlling", udp=False) as agent:
        agent.set_remote("abcd", "a" * 22, ["candidate:1 1 TCP 1 127.0.0.1 9 typ host tcptype passive"])
        with pytest.raises(PeerError, match="libnice failed"):
            await agent.ready()
