"""Sessions on real loopback: two of them in one process, from gathering to close."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ice.errors import GatheringFailed, IceFailed
from ice.messages import (
    CandidateAdded,
    Event,
    PathLost,
    PathSelected,
    RoleChanged,
    StateChanged,
)
from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import (
    Credentials,
    Role,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, NOMINATION_S, Side, connect, exchange_packets, only, rtp, two

# --- the whole way ---


@pytest.mark.parametrize("components", [1, 2])
@pytest.mark.parametrize("udp", [True, False], ids=["open", "blocked"])
@pytest.mark.req("ICETCP-3-2", "ICETCP-4.5-12", "ICETCP-10-14")
async def test_two_sessions_complete_and_carry_packets(udp: bool, components: int) -> None:
    async with two(udp=udp, components=components) as (left, right, policy):
        await connect(left, right)
        expected = Transport.UDP if udp else Transport.TCP
        for component in range(1, components + 1):
            ours, theirs = left.session.path(component), right.session.path(component)
            assert ours.transport is theirs.transport is expected
            assert ours.reliable is not udp
            assert ours.pair is not None
            assert theirs.pair is not None
            assert ours.pair.component == component
            assert ours.pair.remote.address == theirs.pair.local.address
            assert ours.pair.local.address == theirs.pair.remote.address
            await exchange_packets(left, right, component)
        # RTP and RTCP never share a connection without rtcp-mux.
        addresses = [left.session.path(c).pair.local.address for c in range(1, components + 1)]  # type: ignore[union-attr]
        assert len(set(addresses)) == components
        report = left.session.report()
        assert report.state is SessionState.COMPLETED
        assert report.role is Role.CONTROLLING
        assert report.nominated_ms is not None
        assert report.nominated_ms < 2000 * components
        assert report.selected is not None
        assert report.selected.local.transport is expected
        assert report.reason
        assert report.unvalidated_packets == 0
        assert report.path_changes == ()
        assert (policy.udp_dropped > 0) is not udp
        assert len(left.of(PathSelected)) == components
        assert left.of(StateChanged)[-1].state is SessionState.COMPLETED


@pytest.mark.parametrize("udp", [True, False], ids=["open", "blocked"])
@pytest.mark.req("ICETCP-8-3", "ICETCP-11.1-1")
async def test_what_is_not_used_is_released_and_the_path_stays(udp: bool) -> None:
    config = replace(CONFIG, release_after_s=0.1)
    async with two(udp=udp, config=config) as (left, right, _policy):
        await connect(left, right)
        # The passive side of a selected connection keeps its listener: the peer may have to dial again.
        kept = 1 if udp else 2
        await until(lambda: left.session.open_sockets <= kept and right.session.open_sockets <= kept)
        await exchange_packets(left, right, 1)


@pytest.mark.parametrize("role", list(Role))
async def test_the_side_that_can_only_be_dialled(role: Role) -> None:
    """One side has no passive candidate to dial, whoever controls."""
    async with two(udp=False) as (left, right, _policy):
        passive, active = (left, right) if role is Role.CONTROLLING else (right, left)
        passive.session.set_remote(only(active.description, TcpType.ACTIVE))
        active.session.set_remote(only(passive.description, TcpType.PASSIVE))
        async with asyncio.timeout(NOMINATION_S):
            await left.session.completed()
            await right.session.completed()
        pair = passive.session.path(1).pair
        assert pair is not None
        assert pair.local.tcptype is TcpType.PASSIVE
        await exchange_packets(left, right, 1)


async def test_rtcp_mux_drops_the_second_component() -> None:
    async with two(components=2) as (left, right, _policy):
        before = left.session.open_sockets
        left.session.limit_components(1)
        right.session.limit_components(1)
        assert left.session.open_sockets == before // 2
        await connect(left, right)
        await exchange_packets(left, right, 1)
        assert not left.session.path(2).send(rtp(0))
        with pytest.raises(ValueError, match="components"):
            left.session.limit_components(3)


async def test_two_controlling_sides_settle_it() -> None:
    network = HostNetwork()
    left = Side(Role.CONTROLLING, network, CONFIG, 1)
    right = Side(Role.CONTROLLING, network, CONFIG, 1)
    await left.session.gather()
    await right.session.gather()
    await connect(left, right)
    assert {left.session.role, right.session.role} == set(Role)
    await exchange_packets(left, right, 1)
    await left.session.close()
    await right.session.close()


async def test_a_role_given_before_the_description() -> None:
    async with two() as (left, right, _policy):
        left.session.set_role(Role.CONTROLLED)
        right.session.set_role(Role.CONTROLLING)
        await connect(left, right)
        assert (left.session.role, right.session.role) == (Role.CONTROLLED, Role.CONTROLLING)
        with pytest.raises(RuntimeError, match="fixed"):
            left.session.set_role(Role.CONTROLLING)


# --- loss ---


@pytest.mark.req("ICETCP-11.1-3", "ICETCP-11.1-4")
async def test_a_lost_connection_is_dialled_again() -> None:
    async with two(udp=False) as (left, right, _policy):
        await connect(left, right)
        first = left.session.path(1).pair
        assert first is not None
        event = left.of(PathSelected)[-1]
        connection = left.session._flows.connection(event.flow)
        assert connection is not None
        # The network breaks it: both ends hear of the end, neither wanted it.
        connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        await until(lambda: len(left.of(PathSelected)) == 2 and len(right.of(PathSelected)) == 2)
        await exchange_packets(left, right, 1)
        second = left.session.path(1).pair
        assert second is not None
        # Whoever dialled has another port now, and both sides name the same connection.
        assert (second.local.address, second.remote.address) != (first.local.address, first.remote.address)
        theirs = right.session.path(1).pair
        assert theirs is not None
        assert (theirs.remote.address, theirs.local.address) == (second.local.address, second.remote.address)
        assert left.session.report().path_changes


@pytest.mark.req("CON-3")
async def test_nothing_is_sent_without_consent() -> None:
    config = replace(CONFIG, tcp=False, consent_interval_s=0.05, consent_timeout_s=0.3)
    async with two(config=config) as (left, right, policy):
        await connect(left, right)
        policy.udp = "blocked"
        await until(lambda: bool(left.of(PathLost)))
        path = left.session.path(1)
        assert not path.send(rtp(1))
        assert path.unsent_packets == 1
        assert left.session.report().path_changes == tuple(left.of(PathLost))
        # What the path was can still be told.
        assert path.transport is Transport.UDP


async def test_no_path_is_an_error_with_a_reason() -> None:
    config = replace(CONFIG, tcp=False, patience_s=0.3, check_timeout_s=0.3)
    async with two(udp=False, config=config) as (left, right, _policy):
        right.session.set_remote(left.description)
        left.session.set_remote(right.description)
        async with asyncio.timeout(10):
            with pytest.raises(IceFailed) as caught:
                await left.session.completed()
        assert "UDP" in str(caught.value)
        assert left.session.state is SessionState.FAILED
        assert left.session.report().reason == str(caught.value)
        assert left.session.report().nominated_ms is None
        # Asking again gives the same answer.
        with pytest.raises(IceFailed):
            await left.session.completed()


# --- the descriptions ---


@pytest.mark.req("ICE-5.3-2")
async def test_credentials_are_long_enough_and_never_the_same() -> None:
    seen = set()
    for _ in range(5):
        session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
        credentials = (await session.gather()).credentials
        assert len(credentials.ufrag) >= 4
        assert len(credentials.password) >= 22
        seen |= {credentials.ufrag, credentials.password}
        await session.close()
    assert len(seen) == 10


async def test_a_full_description_is_capped_and_no_hidden_socket_stays() -> None:
    config = replace(CONFIG, max_candidates=4)
    async with two(components=2, config=config) as (left, right, _policy):
        assert len(left.description.candidates) == 4
        with_sockets = [c for c in left.description.candidates if c.tcptype is not TcpType.ACTIVE]
        assert left.session.open_sockets == len(with_sockets)
        assert right.session.open_sockets == len(with_sockets)
        assert len(left.of(CandidateAdded)) >= 4


async def test_the_default_address_is_udp_and_ipv4() -> None:
    async with two() as (left, _right, _policy):
        address = left.session.default_address(1)
        assert address.host == HOST
        assert address in [c.address for c in left.description.candidates if c.transport is Transport.UDP]
        with pytest.raises(ValueError, match="component 2"):
            left.session.default_address(2)


# --- misuse and the end ---


async def test_misuse_raises() -> None:
    session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
    with pytest.raises(RuntimeError, match="gather"):
        _ = session.local_description
    with pytest.raises(ValueError, match="component 2"):
        session.path(2)
    description = await session.gather()
    with pytest.raises(RuntimeError, match="twice"):
        await session.gather()
    session.set_remote(description)
    other = replace(description, credentials=Credentials(ufrag="another", password="of-another-generation"))
    assert session.is_restart(other)
    assert not session.is_restart(description)
    with pytest.raises(ValueError, match="restart"):
        session.set_remote(other)
    await session.close()
    with pytest.raises(RuntimeError, match="close"):
        session.set_remote(description)
    with pytest.raises(RuntimeError, match="close"):
        await session.restart()
    with pytest.raises(RuntimeError, match="close"):
        await session.gather()


async def test_close_ends_everything_and_everybody_who_waits() -> None:
    async with two(udp=False) as (left, right, _policy):
        waiting = asyncio.ensure_future(left.session.completed())
        left.session.set_remote(right.description)
        await asyncio.sleep(0)
        await left.session.close()
        with pytest.raises(IceFailed, match="closed"):
            await waiting
        await left.session.close()
        assert left.session.open_sockets == 0
        assert left.session.state is SessionState.CLOSED
        assert left.of(StateChanged)[-1].state is SessionState.CLOSED


@pytest.mark.parametrize("turns", range(0, 12, 3))
async def test_close_in_the_middle_of_dialling(turns: int) -> None:
    async with two(udp=False, components=2) as (left, right, _policy):
        left.session.set_remote(right.description)
        right.session.set_remote(left.description)
        for _ in range(turns):
            await asyncio.sleep(0.005)
        await left.session.close()
        assert left.session.open_sockets == 0


async def test_dialling_is_given_up_at_the_end() -> None:
    network = _DeadNetwork()
    left = Side(Role.CONTROLLING, network, CONFIG, 1)
    right = Side(Role.CONTROLLED, HostNetwork(), CONFIG, 1)
    await left.session.gather()
    await right.session.gather()
    left.session.set_remote(only(right.description, TcpType.PASSIVE))
    await until(lambda: network.dialling > 0)
    await left.session.close()
    await right.session.close()
    assert network.dialling == 0


class _DeadNetwork(HostNetwork):
    """Nobody ever answers a connection attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.dialling = 0

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        self.dialling += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.dialling -= 1
        raise AssertionError("unreachable")


async def test_the_report_survives_the_close() -> None:
    async with two() as (left, right, _policy):
        await connect(left, right)
        before = left.session.report()
        await left.session.close()
        after = left.session.report()
        assert after.state is SessionState.CLOSED
        assert after.pairs
        assert after.selected is not None
        assert before.selected is not None
        assert after.selected.local == before.selected.local
        assert after.nominated_ms == before.nominated_ms
        assert after.reason == before.reason
        path = left.session.path(1)
        assert path.transport is Transport.UDP
        assert not path.send(rtp(1))


async def test_close_during_gathering_leaves_nothing() -> None:
    session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
    await session.close()
    with pytest.raises(RuntimeError):
        await session.gather()
    slow = _SlowNetwork()
    session = Session(network=slow, config=CONFIG, role=Role.CONTROLLING)
    gathering = asyncio.ensure_future(session.gather())
    await slow.asked.wait()
    await session.close()
    slow.go.set()
    with pytest.raises(GatheringFailed, match="closed"):
        await gathering


class _SlowNetwork(HostNetwork):
    """Binds only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def bind_udp(
        self, host: str, port: int, on_datagram: Callable[[bytes, TransportAddress], None]
    ) -> Any:
        self.asked.set()
        await self.go.wait()
        return await super().bind_udp(host, port, on_datagram)


async def test_a_failing_subscriber_stops_nothing() -> None:
    caught: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(context))
    async with two() as (left, right, _policy):

        def fail(_event: Event) -> None:
            raise LookupError("a fault of the application")

        unsubscribe = left.session.subscribe(fail)
        await connect(left, right)
        assert caught
        assert isinstance(caught[0]["exception"], LookupError)
        unsubscribe()
        unsubscribe()
        await exchange_packets(left, right, 1)


async def test_a_subscriber_may_act_on_the_session() -> None:
    async with two() as (left, right, _policy):
        sent: list[bool] = []

        def act(event: Event) -> None:
            if isinstance(event, PathSelected):
                sent.append(left.session.path(event.component).send(rtp(7)))

        left.session.subscribe(act)
        await connect(left, right)
        assert sent == [True]
        await until(lambda: right.received[1] == [rtp(7)])


async def test_events_keep_their_order_when_a_subscriber_acts() -> None:
    """What acting leads to comes after what was already told."""
    session = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
    events: list[Event] = []

    def act(event: Event) -> None:
        if isinstance(event, CandidateAdded):
            session.set_role(Role.CONTROLLED)

    session.subscribe(act)
    session.subscribe(events.append)
    await session.gather()
    kinds = [type(event) for event in events]
    assert kinds.count(RoleChanged) == 1
    assert kinds.count(CandidateAdded) >= 3
    assert kinds[-1] is RoleChanged
    await session.close()
