"""Our full agent and a lite peer: it controls, asks, and nominates once; in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.messages import CheckSent, OpenTcp, PathSelected
from ice.stun.attributes import IceControlled, IceControlling, UseCandidate
from ice.stun.message import MessageClass, StunMessage, parse
from ice.types import Role, SessionState, TcpType, Transport
from tests.ice.single import TCP_PEER, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import Link, PairNetwork, mirrored

LITE = IceConfig(lite=True)


def network(*, lite_offers: bool = False, components: int = 1, **more: object) -> PairNetwork:
    """A full A and a lite B."""
    roles = (Role.CONTROLLED, Role.CONTROLLING) if lite_offers else (Role.CONTROLLING, Role.CONTROLLED)
    return PairNetwork(config_b=LITE, roles=roles, components=components, **more)  # type: ignore[arg-type]


def requests(net: PairNetwork, side: str) -> list[StunMessage]:
    sent = [parse(packet.data) for packet in net.capture if packet.side == side]
    return [message for message in sent if message.message_class is MessageClass.REQUEST]


@pytest.mark.req("ICE-6.1.1-1", "SDP-ICE-20", "ICE-8.2-1")
@pytest.mark.parametrize("lite_offers", [True, False])
@pytest.mark.parametrize("udp", [True, False])
@pytest.mark.parametrize("components", [1, 2])
def test_the_full_agent_controls_whoever_began(lite_offers: bool, udp: bool, components: int) -> None:
    net = network(lite_offers=lite_offers, udp=udp, components=components)
    net.gather(components=components)
    net.start(b_later_s=0.025 if not lite_offers else 0.0)
    net.run_to_end()
    assert (net.a.agent.role, net.b.agent.role) == (Role.CONTROLLING, Role.CONTROLLED)
    assert {net.a.agent.state, net.b.agent.state} == {SessionState.COMPLETED}
    assert all(mirrored(net, component) for component in range(1, components + 1))
    assert requests(net, "b") == []
    checks = requests(net, "a")
    assert all(check.get(IceControlling) is not None for check in checks)
    assert all(check.get(IceControlled) is None for check in checks)


@pytest.mark.req("ICE-8.1.1-2", "ICETCP-8-1")
@pytest.mark.parametrize("udp", [True, False])
def test_nomination_is_regular_and_happens_once(udp: bool) -> None:
    net = network(udp=udp)
    net.gather()
    net.start()
    net.run(30)
    nominations = [check for check in requests(net, "a") if check.get(UseCandidate) is not None]
    assert len(nominations) == 1
    assert requests(net, "a")[0].get(UseCandidate) is None
    assert len(net.b.said(PathSelected)) == 1


def test_no_check_of_its_own_is_waited_for() -> None:
    """Two round trips: the check and the nomination; over TCP the connection before them."""
    for udp, floor in ((True, 0.1), (False, 0.15)):
        net = network(udp=udp)
        net.gather(udp=udp)
        net.start()
        began = net.now
        net.run_to_end()
        (path,) = net.a.said(PathSelected)
        assert path.at - began == pytest.approx(floor, abs=0.02)


def test_a_lite_peer_with_passive_tcp_alone_is_dialled() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp(), lite=True)
    assert one.agent.role is Role.CONTROLLING
    (dial,) = one.dials()
    assert dial.remote == TCP_PEER
    one.opened(dial.flow)
    one.answer(one.requests(dial.flow)[0], dial.flow, TCP_PEER)
    one.wait(0.2)
    nominating = one.requests(dial.flow)[-1]
    assert nominating.get(UseCandidate) is not None
    one.answer(nominating, dial.flow, TCP_PEER)
    assert one.state() is SessionState.COMPLETED
    assert one.pair(Transport.TCP).local.tcptype is TcpType.ACTIVE


def test_a_lite_peer_that_checks_is_answered_and_does_not_take_the_role() -> None:
    """Some lite servers send checks; they control nothing."""
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp(), lite=True)
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLED)
    assert one.answers()[0].message_class is MessageClass.SUCCESS
    assert one.agent.role is Role.CONTROLLING


def test_a_firewall_in_front_of_the_full_side_does_not_matter() -> None:
    """What a lite agent is good for: everybody can reach it, and nobody has to be reached."""
    net = network(b_to_a=Link(tcp=False))
    net.gather()
    net.start()
    net.run_to_end()
    assert {net.a.agent.state, net.b.agent.state} == {SessionState.COMPLETED}
    assert not any(isinstance(command, OpenTcp) for command in net.b.commands)
    assert net.b.said(CheckSent) == []


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.booleans()] * 4), st.booleans(), st.integers(1, 2))
def test_there_is_a_path_exactly_where_the_lite_side_can_be_reached(
    open_: tuple[bool, ...], refuse: bool, components: int
) -> None:
    udp_out, udp_back, tcp_out, tcp_back = open_
    net = network(
        components=components,
        a_to_b=Link(udp=udp_out, tcp=tcp_out, refuse=refuse),
        b_to_a=Link(udp=udp_back, tcp=tcp_back, refuse=refuse),
    )
    net.gather(components=components)
    net.start()
    net.run(120)
    expected = SessionState.COMPLETED if (udp_out and udp_back) or tcp_out else SessionState.FAILED
    assert {net.a.agent.state, net.b.agent.state} == {expected}
    if expected is SessionState.COMPLETED:
        assert all(mirrored(net, component) for component in range(1, components + 1))


@pytest.mark.parametrize("loss", [0.1, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_lost_datagrams_are_made_up_for(loss: float, seed: int) -> None:
    net = network(seed=seed, a_to_b=Link(loss=loss), b_to_a=Link(loss=loss))
    net.gather()
    net.start()
    net.run_to_end()
    assert {net.a.agent.state, net.b.agent.state} == {SessionState.COMPLETED}
    assert mirrored(net)
