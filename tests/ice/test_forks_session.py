"""A forked offer on real sockets: several sessions on those of one description (RFC 8839 §7.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ice.config import IceConfig
from ice.errors import IceFailed
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Role, SessionState, Transport, TransportAddress
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG, Side, connect, exchange_packets


@asynccontextmanager
async def sides(*configs: IceConfig) -> AsyncIterator[tuple[Side, list[Side]]]:
    """An offerer, and answerers with these policies; all gathered."""
    offerer = Side(Role.CONTROLLING, HostNetwork(), CONFIG, 1)
    answerers = [Side(Role.CONTROLLED, HostNetwork(), config, 1) for config in configs]
    for side in (offerer, *answerers):
        await side.session.gather()
    try:
        yield offerer, answerers
    finally:
        for side in (offerer, *answerers):
            await side.session.close()


def forked(side: Side) -> Side:
    """A fork of a session, with everything that it tells."""
    fork = Side.__new__(Side)
    fork.session = side.session.fork()
    fork.events, fork.received = [], {}
    fork.session.subscribe(fork.events.append)
    fork.listen(1)
    return fork


ONLY_TCP = IceConfig(loopback=True, interfaces=CONFIG.interfaces, udp=False)


@pytest.mark.req("SDP-ICE-18", "ICETCP-8-6")
async def test_two_forks_talk_over_the_sockets_of_one_offer() -> None:
    async with sides(CONFIG, ONLY_TCP) as (offerer, (one, other)):
        first, second = forked(offerer), forked(offerer)
        assert first.description == second.description == offerer.description
        await connect(first, one)
        await exchange_packets(first, one, 1)
        await connect(second, other)
        await exchange_packets(second, other, 1)
        assert first.session.path(1).transport is Transport.UDP
        assert second.session.path(1).transport is Transport.TCP
        assert offerer.session.state is SessionState.NEW
        await offerer.session.close()
        await first.session.close()
        for box in (second.received, other.received):
            box[1].clear()
        await exchange_packets(second, other, 1)
        await second.session.close()
        assert second.session.open_sockets == 0


@pytest.mark.req("SDP-ICE-18")
async def test_checks_and_connections_before_the_answer_are_the_forks() -> None:
    async with sides(CONFIG, ONLY_TCP) as (offerer, answerers):
        for answerer in answerers:
            answerer.session.set_remote(offerer.description)
        await asyncio.sleep(0.2)
        forks = []
        for answerer in answerers:
            fork = forked(offerer)
            forks.append(fork)
            fork.session.set_remote(answerer.description)
        async with asyncio.timeout(10):
            for side in (*forks, *answerers):
                await side.session.completed()
        for fork, answerer in zip(forks, answerers, strict=True):
            await exchange_packets(fork, answerer, 1)
        for fork in forks:
            await fork.session.close()


async def test_the_fork_that_is_kept_can_restart() -> None:
    async with sides(CONFIG, CONFIG) as (offerer, (one, other)):
        first, second = forked(offerer), forked(offerer)
        await connect(first, one)
        await connect(second, other)
        await offerer.session.close()
        await first.session.close()
        await second.session.restart()
        await other.session.restart()
        await connect(second, other)
        for box in (second.received, other.received):
            box[1].clear()
        await exchange_packets(second, other, 1)
        await second.session.close()
        assert second.session.open_sockets == 0


async def test_a_fork_that_finds_nobody_fails_alone() -> None:
    config = IceConfig(loopback=True, interfaces=CONFIG.interfaces, patience_s=0.5)
    offerer = Side(Role.CONTROLLING, HostNetwork(), config, 1)
    await offerer.session.gather()
    async with sides(CONFIG, CONFIG) as (_, (one, gone)):
        first, second = forked(offerer), forked(offerer)
        description = gone.description
        await gone.session.close()
        second.session.set_remote(description)
        await connect(first, one)
        with pytest.raises(IceFailed):
            await second.session.completed()
        await exchange_packets(first, one, 1)
        for side in (first, second, offerer):
            await side.session.close()
        assert offerer.session.open_sockets == 0


async def test_what_forks_share_is_not_taken_from_them() -> None:
    async with sides(CONFIG) as (offerer, (one,)):
        fork = forked(offerer)
        with pytest.raises(RuntimeError, match="forks use the sockets"):
            offerer.session.plain_path(1, TransportAddress(host="192.0.2.1", port=4000))
        await connect(fork, one)
        await fork.session.close()
        offerer.session.plain_path(1, TransportAddress(host="192.0.2.1", port=4000))


async def test_only_a_session_that_has_gathered_forks() -> None:
    session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
    with pytest.raises(RuntimeError, match="after gather"):
        session.fork()
    await session.gather()
    await session.close()
    with pytest.raises(RuntimeError, match="before close"):
        session.fork()
    await until(lambda: session.open_sockets == 0)
