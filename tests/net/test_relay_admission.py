"""A relay of TCP lets us in only when its owner has our description; we may come earlier."""

from __future__ import annotations

import pytest

from ice.checks.relay_admission import MOST_RETRIES, RETRIES_S
from ice.messages import FlowClosed, FlowOpening
from ice.types import Role, SessionState, TcpType
from tests.net.ice_host import IceHost
from tests.net.small import guarded
from tests.net.test_tcp_relays import NO_UDP_IN, NOTHING, TCP_ONLY, Scene, exchange, kept


def _relay_and_dialler(scene: Scene) -> tuple[IceHost, IceHost]:
    """A has nothing but a relay, B can dial it."""
    hidden = scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN))
    a = scene.agent(hidden, Role.CONTROLLING, NOTHING, relayed=True)
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    return a, b


@pytest.mark.parametrize("late_s", [0.0, 0.3, 2.0, 8.0])
def test_whoever_comes_before_the_permission_comes_again(late_s: float) -> None:
    scene = Scene()
    a, b = _relay_and_dialler(scene)
    for_a, for_b = kept(b, TcpType.ACTIVE), kept(a, TcpType.PASSIVE)
    b.set_remote(for_b)
    scene.clock.run(late_s)
    a.set_remote(for_a)
    told_at = scene.clock.now
    scene.clock.run(60, until=lambda: a.ended and b.ended)
    assert {a.agent.state, b.agent.state} == {SessionState.COMPLETED}
    # One attempt may have come just too early, and the longest wait follows.
    assert scene.clock.now - told_at < max(RETRIES_S) + 1
    assert bool(b.said(FlowClosed)) is (late_s > 0)
    exchange(scene, a, b)


def test_it_is_given_up_in_the_end() -> None:
    scene = Scene()
    a, b = _relay_and_dialler(scene)
    b.set_remote(kept(a, TcpType.PASSIVE))
    scene.clock.run(60, until=lambda: b.ended)
    assert b.agent.state is SessionState.FAILED
    assert len(b.said(FlowOpening)) == len(RETRIES_S) + 1 < MOST_RETRIES
    assert "closed by the peer" in b.agent.pairs[0].reason


def test_where_nobody_listens_there_is_one_attempt() -> None:
    scene = Scene()
    a, b = _relay_and_dialler(scene)
    for_b = kept(a, TcpType.PASSIVE)
    place = for_b.candidates[0].address
    del scene.turn.host.listeners[place]
    b.set_remote(for_b)
    scene.clock.run(60, until=lambda: b.ended)
    assert len(b.said(FlowOpening)) == 1


def test_what_fails_late_is_not_tried_again() -> None:
    scene = Scene()
    a = scene.agent(scene.host("192.0.2.1"), Role.CONTROLLING, NOTHING, relayed=True)
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, NOTHING, relayed=True)
    for_a = kept(b, TcpType.PASSIVE)
    # Nothing leads to our relay any more: our Connect gets no answer.
    a.host.set_up("192.0.2.1", up=False)
    a.set_remote(for_a)
    scene.clock.run(100, until=lambda: a.ended)
    assert a.agent.state is SessionState.FAILED
    assert len(a.said(FlowOpening)) == 1
