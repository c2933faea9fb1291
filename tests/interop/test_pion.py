"""Our ICE session against pion, which listens for TCP and never dials; and over UDP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ice.types import Role, TcpType, Transport
from tests.interop.sessions import exchange, our_session, packets_both_ways
from tests.peers.pion import pion
from tests.peers.process import Programs

# The first test of all compiles pion.
pytestmark = [pytest.mark.peer("pion"), pytest.mark.timeout(180)]

NOMINATED_S = 10.0


@pytest.mark.req("ICETCP-10-1")
@pytest.mark.parametrize("role", list(Role))
async def test_tcp_with_either_side_nominating(programs: Programs, pion_program: Path, role: Role) -> None:
    async with (
        pion(programs, pion_program, role.other.value, udp=False) as peer,
        our_session(role, udp=False, tcp=True) as session,
    ):
        assert all(" tcp " in line and line.endswith("tcptype passive") for line in peer.candidates)
        exchange(session, peer, dials="we")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.tcptype is TcpType.ACTIVE
        assert pair.remote.tcptype is TcpType.PASSIVE
        await packets_both_ways(session, peer)


@pytest.mark.parametrize("role", list(Role))
async def test_udp_with_either_side_nominating(programs: Programs, pion_program: Path, role: Role) -> None:
    async with (
        pion(programs, pion_program, role.other.value, tcp=False) as peer,
        our_session(role, udp=True, tcp=False) as session,
    ):
        exchange(session, peer, dials="any")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        await packets_both_ways(session, peer)


@pytest.mark.parametrize("role", list(Role))
async def test_all_candidates_at_once_choose_udp(programs: Programs, pion_program: Path, role: Role) -> None:
    async with (
        pion(programs, pion_program, role.other.value) as peer,
        our_session(role, udp=True, tcp=True) as session,
    ):
        exchange(session, peer, dials="any")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is Transport.UDP
        await packets_both_ways(session, peer)
