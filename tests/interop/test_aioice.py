"""Our ICE session against aioice, which knows UDP alone."""

from __future__ import annotations

import asyncio

import pytest

from ice.types import Role, Transport
from tests.interop.sessions import exchange, our_session, packets_both_ways
from tests.peers.aioice import aioice
from tests.peers.process import Programs

NOMINATED_S = 10.0


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "udp-and-tcp"])
@pytest.mark.parametrize("role", list(Role))
async def test_udp_with_either_side_nominating(programs: Programs, role: Role, tcp: bool) -> None:
    """It does not mind our TCP candidates."""
    async with (
        aioice(programs, role.other.value) as peer,
        our_session(role, udp=True, tcp=tcp) as session,
    ):
        assert all(candidate.transport is Transport.UDP for candidate in peer.description.candidates)
        exchange(session, peer, dials="any")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is Transport.UDP
        await packets_both_ways(session, peer)


async def test_a_wrong_password_connects_nobody(programs: Programs) -> None:
    async with (
        aioice(programs, "controlled") as peer,
        our_session(Role.CONTROLLING, udp=True, tcp=False) as session,
    ):
        peer.password = "x" * 22
        exchange(session, peer, dials="any")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.completed(), 1.0)
        assert session.report().selected is None
        assert "ready" not in peer.states
