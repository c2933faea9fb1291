"""Our lite session against full agents of others, which do all the asking: aioice, libnice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

import pytest

from ice.config import IceConfig
from ice.messages import CheckSent, Event, FlowOpening
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Role, TcpType, Transport
from tests.interop.sessions import exchange, packets_both_ways
from tests.peers.aioice import aioice
from tests.peers.ice_peer import IcePeer
from tests.peers.libnice import libnice
from tests.peers.process import Programs

NOMINATED_S = 10.0


@asynccontextmanager
async def lite_session(*, udp: bool) -> AsyncIterator[tuple[Session, list[Event]]]:
    config = IceConfig(loopback=True, interfaces=("lo",), udp=udp, lite=True)
    session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLED)
    events: list[Event] = []
    session.subscribe(events.append)
    try:
        await session.gather()
        yield session, events
    finally:
        await session.close()


async def call(peers: AbstractAsyncContextManager[IcePeer], *, udp: bool) -> Session:
    """Both come to a path, packets go both ways, and nothing was asked from our side."""
    async with peers as peer, lite_session(udp=udp) as (session, events):
        exchange(session, peer, dials="any" if udp else "they")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        await packets_both_ways(session, peer)
        assert session.role is Role.CONTROLLED
        assert not any(isinstance(event, CheckSent | FlowOpening) for event in events)
        return session


@pytest.mark.req("ICE-8.2-1")
async def test_aioice_over_udp(programs: Programs) -> None:
    session = await call(aioice(programs, "controlling"), udp=True)
    assert session.path(1).transport is Transport.UDP


@pytest.mark.peer("libnice")
@pytest.mark.req("ICE-8.2-1", "ICETCP-4.4-2", "ICETCP-6.2-10")
@pytest.mark.parametrize("nomination", ["regular", "aggressive"])
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
async def test_libnice(programs: Programs, udp: bool, nomination: Literal["regular", "aggressive"]) -> None:
    session = await call(libnice(programs, "controlling", udp=udp, nomination=nomination), udp=udp)
    pair = session.report().selected
    assert pair is not None
    assert pair.local.transport is (Transport.UDP if udp else Transport.TCP)
    assert pair.local.tcptype is (None if udp else TcpType.PASSIVE)
