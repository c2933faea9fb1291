"""Our ICE session against libnice, over TCP: who dials, who nominates, and packets both ways."""

from __future__ import annotations

import asyncio

import pytest

from ice.types import Role, TcpType, Transport
from tests.interop.sessions import Dials, exchange, our_session, packets_both_ways
from tests.peers.libnice import libnice
from tests.peers.process import Programs

pytestmark = pytest.mark.peer("libnice")

NOMINATED_S = 10.0


@pytest.mark.req("ICETCP-10-1")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("dials", ["we", "they"])
async def test_tcp_with_either_side_dialling_and_nominating(
    programs: Programs, role: Role, dials: Dials
) -> None:
    async with (
        libnice(programs, role.other.value, udp=False) as peer,
        our_session(role, udp=False, tcp=True) as session,
    ):
        exchange(session, peer, dials=dials)
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is pair.remote.transport is Transport.TCP
        assert pair.local.tcptype is (TcpType.ACTIVE if dials == "we" else TcpType.PASSIVE)
        assert session.path(1).reliable
        await packets_both_ways(session, peer)


@pytest.mark.parametrize("role", list(Role))
async def test_all_candidates_at_once_choose_udp(programs: Programs, role: Role) -> None:
    async with libnice(programs, role.other.value) as peer, our_session(role, udp=True, tcp=True) as session:
        exchange(session, peer, dials="any")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is Transport.UDP
        await packets_both_ways(session, peer)


@pytest.mark.parametrize(("udp", "dials"), [(True, "any"), (False, "we"), (False, "they")])
async def test_it_nominates_with_its_first_checks(programs: Programs, udp: bool, dials: Dials) -> None:
    """As agents of RFC 5245 may: whatever it nominates, both end on the same pair."""
    async with (
        libnice(programs, "controlling", udp=udp, nomination="aggressive") as peer,
        our_session(Role.CONTROLLED, udp=udp, tcp=True) as session,
    ):
        exchange(session, peer, dials=dials)
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        await packets_both_ways(session, peer)
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is (Transport.UDP if udp else Transport.TCP)
        assert peer.pair is not None
        if udp:
            assert f" {pair.local.address.port} " in peer.pair[1]


async def test_a_wrong_password_connects_nobody(programs: Programs) -> None:
    async with (
        libnice(programs, "controlled", udp=False) as peer,
        our_session(Role.CONTROLLING, udp=False, tcp=True) as session,
    ):
        peer.password = "x" * 24
        exchange(session, peer, dials="we")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.completed(), 1.0)
        assert session.report().selected is None
        assert "ready" not in peer.states
