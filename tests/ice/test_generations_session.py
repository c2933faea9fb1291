"""ICE restarts of sessions on real loopback sockets (RFC 8445 §9, RFC 6544 §9.2, RFC 8839 §4.4)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from ice.errors import GatheringFailed, IceFailed
from ice.messages import PathLost, PathSelected, StateChanged
from ice.net.network import DatagramReceiver, HostAddress, UdpSocket
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Role, SessionState, Transport
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG, NOMINATION_S, Side, connect, exchange_packets, rtp, two

QUICK = replace(CONFIG, release_after_s=0.2)


def _has(received: list[bytes], count: int) -> bool:
    return len(received) >= count


async def restart(offerer: Side, answerer: Side) -> None:
    """The offerer begins; the answerer sees it by the description."""
    offer = await offerer.session.restart()
    assert answerer.session.is_restart(offer)
    answer = await answerer.session.restart()
    answerer.session.set_remote(offer)
    assert offerer.session.is_restart(answer)
    offerer.session.set_remote(answer)
    async with asyncio.timeout(NOMINATION_S):
        await offerer.session.completed()
        await answerer.session.completed()


@pytest.mark.req("ICE-9-1", "ICE-9-2", "USE-17")
@pytest.mark.parametrize("udp", [True, False])
async def test_packets_flow_before_during_and_after(udp: bool) -> None:
    async with two(udp=udp, config=QUICK) as (left, right, _policy):
        await connect(left, right)
        paths = left.session.path(1), right.session.path(1)
        await exchange_packets(left, right, 1)
        before = paths[0].pair
        number, going = 1000, True

        async def talk() -> None:
            nonlocal number
            while going:
                assert paths[0].send(rtp(number))
                assert paths[1].send(rtp(number))
                number += 1
                await asyncio.sleep(0.005)

        talking = asyncio.create_task(talk())
        await restart(left, right)
        await restart(right, left)
        await asyncio.sleep(0.5)
        going = False
        await talking
        sent = [rtp(n) for n in range(1000, number)]
        for side in (left, right):
            received = side.received[1]
            await until(partial(_has, received, 50 + len(sent)))
            assert sorted(received[50:]) == sorted(sent)
            assert not side.of(PathLost)
        assert (left.session.path(1), right.session.path(1)) == paths
        assert paths[0].pair is not None
        assert before is not None
        assert paths[0].pair.id > before.id
        assert paths[0].transport is (Transport.UDP if udp else Transport.TCP)


@pytest.mark.req("ICE-9-1")
async def test_credentials_and_sockets_are_new_and_the_role_is_not() -> None:
    async with two(config=QUICK) as (left, right, _policy):
        await connect(left, right)
        first = left.session.local_description
        await restart(left, right)
        second = left.session.local_description
        assert first.credentials.ufrag != second.credentials.ufrag
        assert first.credentials.password != second.credentials.password
        assert left.session.role is Role.CONTROLLING
        assert right.session.role is Role.CONTROLLED
        await until(lambda: left.session.open_sockets == right.session.open_sockets == 1)
        told = {c.address for c in second.candidates}
        pair = left.session.path(1).pair
        assert pair is not None
        assert pair.local.address in told


@pytest.mark.req("SEC-1")
async def test_credentials_cannot_be_foreseen() -> None:
    """Another pair for each session and each restart, and no generator that can be seeded makes them."""
    seen = []
    for _ in range(2):
        random.seed(1)
        session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
        seen.append((await session.gather()).credentials)
        for _ in range(3):
            random.seed(1)
            seen.append((await session.restart()).credentials)
        await session.close()
    assert len({credentials.ufrag for credentials in seen}) == len(seen)
    assert len({credentials.password for credentials in seen}) == len(seen)
    for credentials in seen:
        # RFC 8445 §5.3: 24 and 128 bits, at 6 for each character.
        assert len(credentials.ufrag) >= 4
        assert len(credentials.password) >= 22


async def test_a_session_before_its_first_answer_can_begin_anew() -> None:
    async with two(config=QUICK) as (left, right, _policy):
        old = left.session.local_description
        new = await left.session.restart()
        assert new.credentials != old.credentials
        await connect(left, right)
        await exchange_packets(left, right, 1)


async def test_a_refused_restart_changes_nothing() -> None:
    async with two(config=QUICK) as (left, right, _policy):
        await connect(left, right)
        await until(lambda: left.session.open_sockets == 1)
        before, changes = left.session.local_description, len(left.of(PathSelected))
        await left.session.restart()
        assert left.session.local_description != before
        left.session.abandon_restart()
        assert left.session.local_description == before
        assert left.session.open_sockets == 1
        await left.session.completed()
        await exchange_packets(left, right, 1)
        assert len(left.of(PathSelected)) == changes
        with pytest.raises(ValueError, match="waits"):
            left.session.abandon_restart()
        await restart(right, left)


async def test_a_restart_without_a_path_is_told_and_media_goes_on() -> None:
    config = replace(QUICK, patience_s=0.5)
    async with two(config=config) as (left, right, _policy):
        await connect(left, right)
        mine, theirs = await left.session.restart(), await right.session.restart()
        left.session.set_remote(replace(theirs, candidates=()))
        right.session.set_remote(replace(mine, candidates=()))
        for side in (left, right):
            with pytest.raises(IceFailed, match="no path"):
                await side.session.completed()
            assert side.session.state is SessionState.COMPLETED
            assert side.session.report().reason == side.of(PathSelected)[0].reason
        await exchange_packets(left, right, 1)
        await restart(left, right)
        await left.session.completed()


class Unsteady(HostNetwork):
    """A host whose interfaces may go away, or take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.up = True
        self.ready = asyncio.Event()
        self.ready.set()

    def host_addresses(self) -> Sequence[HostAddress]:
        return super().host_addresses() if self.up else ()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        await self.ready.wait()
        return await super().bind_udp(host, port, on_datagram)


async def test_a_restart_that_can_gather_nothing_changes_nothing() -> None:
    network = Unsteady()
    left = Side(Role.CONTROLLING, network, QUICK, 1)
    right = Side(Role.CONTROLLED, HostNetwork(), QUICK, 1)
    try:
        await left.session.gather()
        await right.session.gather()
        await connect(left, right)
        network.up = False
        with pytest.raises(GatheringFailed):
            await left.session.restart()
        await left.session.completed()
        await exchange_packets(left, right, 1)
        network.up = True
        await restart(left, right)
    finally:
        await left.session.close()
        await right.session.close()


async def test_nobody_restarts_twice_at_once_nor_too_early() -> None:
    network = Unsteady()
    session = Session(network=network, config=CONFIG, role=Role.CONTROLLING)
    with pytest.raises(RuntimeError, match="gather"):
        await session.restart()
    await session.gather()
    network.ready.clear()
    first = asyncio.ensure_future(session.restart())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="gather"):
        await session.restart()
    network.ready.set()
    await first
    with pytest.raises(ValueError, match="components"):
        await session.restart(components=2)
    await session.close()
    with pytest.raises(RuntimeError, match="close"):
        await session.restart()


async def test_close_during_a_restart_leaves_nothing() -> None:
    network = Unsteady()
    left = Side(Role.CONTROLLING, network, QUICK, 1)
    right = Side(Role.CONTROLLED, HostNetwork(), QUICK, 1)
    await left.session.gather()
    await right.session.gather()
    await connect(left, right)
    network.ready.clear()
    restarting = asyncio.ensure_future(left.session.restart())
    await asyncio.sleep(0)
    await left.session.close()
    network.ready.set()
    with pytest.raises(GatheringFailed):
        await restarting
    assert left.session.open_sockets == 0
    await right.session.restart()
    await right.session.close()
    assert right.session.open_sockets == 0


async def test_who_waits_for_a_restart_waits_for_its_end() -> None:
    async with two(config=QUICK) as (left, right, _policy):
        await connect(left, right)
        offer = await left.session.restart()
        waiting = asyncio.ensure_future(left.session.completed())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        answer = await right.session.restart()
        right.session.set_remote(offer)
        left.session.set_remote(answer)
        async with asyncio.timeout(NOMINATION_S):
            await waiting
        states = [event.state for event in left.of(StateChanged)]
        assert states == [
            SessionState.RUNNING,
            SessionState.COMPLETED,
            SessionState.RUNNING,
            SessionState.COMPLETED,
        ]


async def test_many_restarts_leave_no_more_than_one() -> None:
    async with two(udp=False, config=replace(QUICK, release_after_s=0.0)) as (left, right, _policy):
        await connect(left, right)
        for _ in range(10):
            await restart(left, right)
        await until(lambda: left.session.open_sockets + right.session.open_sockets == 3)
        await exchange_packets(left, right, 1)
        assert len(left.session.report().pairs) < 20
