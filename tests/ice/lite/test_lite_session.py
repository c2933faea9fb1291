"""A lite session on real loopback: with a full session of ours, with another lite one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.errors import IceFailed
from ice.messages import CheckSent, FlowOpened, FlowOpening, RoleChanged
from ice.types import Description, Role, SessionState, TcpType, Transport
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG, connect, exchange_packets, two

LITE = replace(CONFIG, lite=True)


def ipv4(description: Description) -> Description:
    """The description of a host with IPv4 alone."""
    return replace(
        description, candidates=tuple(c for c in description.candidates if ":" not in c.address.host)
    )


def both_families(description: Description) -> Description:
    assert len({":" in c.address.host for c in description.candidates}) == 2
    return description


@pytest.mark.req("ICE-8.2-1", "ICETCP-4.4-2", "ICE-6.1.1-1")
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("components", [1, 2])
@pytest.mark.parametrize("offers", [True, False], ids=["lite offers", "full offers"])
async def test_full_and_lite(udp: bool, components: int, offers: bool) -> None:
    sides = (LITE, CONFIG) if offers else (CONFIG, LITE)
    async with two(udp=udp, components=components, config=sides[0], answerer=sides[1]) as (left, right, _):
        await connect(left, right)
        lite, full = (left, right) if offers else (right, left)
        assert lite.session.role is Role.CONTROLLED
        assert full.session.role is Role.CONTROLLING
        assert lite.of(CheckSent) == []
        assert lite.of(FlowOpening) == []
        for component in range(1, components + 1):
            path = lite.session.path(component)
            assert path.transport is (Transport.UDP if udp else Transport.TCP)
            await exchange_packets(left, right, component)
        assert lite.session.report().reason.endswith("this side is ICE lite")
        # RFC 8445 §8.3.2: what is not needed is gone at once; a listener stays for a lost connection.
        assert lite.session.open_sockets == components * (1 if udp else 2)


@pytest.mark.req("ICETCP-11.1-4", "ICETCP-11.1-2")
async def test_a_lost_connection_is_dialled_again_by_the_full_side_and_answered() -> None:
    async with two(udp=False, answerer=LITE) as (full, lite, _):
        await connect(full, lite)
        await exchange_packets(full, lite, 1)
        (flow,) = [event.flow for event in lite.of(FlowOpened)]
        connection = lite.session._flows.connection(flow)
        assert connection is not None
        lite.received[1].clear()
        full.received[1].clear()
        connection.close()
        await until(lambda: len(lite.of(FlowOpened)) == 2 and full.session.path(1).send(b"\x80once"))
        await until(lambda: b"\x80once" in lite.received[1])
        await until(lambda: lite.session.path(1).send(b"\x80back"))
        await until(lambda: b"\x80back" in full.received[1])
        assert lite.of(FlowOpening) == []


@pytest.mark.req("CON-4")
async def test_consent_of_the_full_side_is_answered() -> None:
    eager = replace(CONFIG, consent_interval_s=0.02, consent_timeout_s=0.5)
    async with two(config=eager, answerer=LITE) as (full, lite, _):
        await connect(full, lite)
        await asyncio.sleep(0.7)
        assert full.session.state is SessionState.COMPLETED
        assert lite.of(CheckSent) == []


@pytest.mark.req("ICE-8.2-2", "ICE-6.1.1-1")
async def test_both_lite_with_one_pair_each() -> None:
    async with two(config=replace(LITE, tcp=False), components=2) as (left, right, _):
        left.session.set_remote(ipv4(right.description))
        right.session.set_remote(ipv4(left.description))
        await left.session.completed()
        await right.session.completed()
        assert not left.session.both_lite.update_due
        assert (left.session.role, right.session.role) == (Role.CONTROLLING, Role.CONTROLLED)
        assert left.of(CheckSent) + right.of(CheckSent) == []
        assert left.of(RoleChanged) + right.of(RoleChanged) == []
        await exchange_packets(left, right, 1)
        await exchange_packets(left, right, 2)
        assert left.session.path(1).pair is not None
        assert left.session.report().reason == "UDP without checks: both sides are ICE lite"


async def test_both_lite_and_tcp_without_proof_goes_by_udp() -> None:
    async with two(config=LITE) as (left, right, _):
        left.session.set_remote(ipv4(right.description))
        right.session.set_remote(ipv4(left.description))
        await left.session.completed()
        await exchange_packets(left, right, 1)
        assert left.session.path(1).transport is Transport.UDP


@pytest.mark.req("ICE-8.2-2", "ICE-6.2-1")
async def test_both_lite_with_several_pairs() -> None:
    async with two(config=LITE, components=2) as (left, right, _):
        left.session.set_remote(both_families(right.description))
        right.session.set_remote(both_families(left.description))
        # RFC 8445 §12.1.1: the valid list has its pairs, media may flow.
        await exchange_packets(left, right, 1)
        await exchange_packets(left, right, 2)
        assert (left.session.state, right.session.state) == (SessionState.RUNNING, SessionState.RUNNING)
        assert (left.session.both_lite.update_due, right.session.both_lite.update_due) == (True, False)
        right.session.both_lite.take(left.session.both_lite.selection)
        assert right.session.state is SessionState.COMPLETED
        left.session.both_lite.update_answered()
        assert left.session.state is SessionState.COMPLETED
        assert not left.session.both_lite.update_due
        left.received[1].clear()
        right.received[1].clear()
        await exchange_packets(left, right, 1)


@pytest.mark.req("ICETCP-6.1-1", "ICETCP-4.4-2")
@pytest.mark.parametrize("late", [False, True], ids=["dial in parallel", "dial before the answer"])
async def test_both_lite_over_tcp(late: bool) -> None:
    trusting = replace(LITE, udp=False, lite_unproved_tcp=True)
    async with two(config=trusting, components=2) as (left, right, _):
        right.session.set_remote(ipv4(left.description))
        left.session.set_remote(ipv4(right.description))
        assert left.session.both_lite.update_due
        if late:
            await until(lambda: left.session.path(2).pair is not None)
        told = left.session.both_lite.selection
        right.session.both_lite.take(told)
        left.session.both_lite.update_answered()
        async with asyncio.timeout(10):
            await left.session.completed()
            await right.session.completed()
        await exchange_packets(left, right, 1)
        await exchange_packets(left, right, 2)
        assert len(left.of(FlowOpened)) == len(right.of(FlowOpened)) == 2, "one connection per component"
        assert right.of(FlowOpening) == []


@pytest.mark.req("ICETCP-12-6")
async def test_tcp_between_lite_agents_is_refused_unless_asked_for() -> None:
    async with two(config=replace(LITE, udp=False)) as (left, right, _):
        left.session.set_remote(right.description)
        with pytest.raises(IceFailed, match="nothing would prove who is at the other end"):
            await left.session.completed()
        assert left.of(FlowOpening) == []


async def test_a_lite_description_has_no_active_candidate() -> None:
    async with two(udp=False, config=replace(LITE, udp=False)) as (left, _, _):
        assert {c.tcptype for c in left.description.candidates} == {TcpType.PASSIVE}
