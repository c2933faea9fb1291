"""RFC 5245 peers that nominate with their first checks, as browsers do, and a better pair comes later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.messages import PathSelected, StateChanged
from ice.stun.attributes import UseCandidate
from ice.types import FlowId, Role, SessionState, TransportAddress
from tests.ice.single import DIALLER, TCP_PEER, UDP_PEER, Single, remote_tcp, remote_udp

SECOND = replace(DIALLER, port=51001)


def nominated_by_tcp() -> tuple[Single, FlowId]:
    """A controlled agent whose old peer dialled, and nominated with the first check on the connection."""
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp(), ice2=False)
    flow = one.accept()
    one.check(flow, DIALLER, use_candidate=True, priority=1855979519)
    assert one.state() is SessionState.RUNNING, "our own check is still to come"
    one.wait(0.05)
    one.answer(one.requests(flow)[0], flow, DIALLER)
    assert one.state() is SessionState.COMPLETED
    assert one.said(PathSelected)[-1].flow == flow
    return one, flow


@pytest.mark.req("ICE-7.3.1.5-2", "ICETCP-8-7", "ICE-7.3.1.5-1")
def test_media_moves_from_tcp_to_the_udp_pair_that_is_nominated_later() -> None:
    one, flow = nominated_by_tcp()
    one.wait(1.0)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.05)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    assert [event.flow for event in one.said(PathSelected)] == [flow, one.udp]
    assert [event.state for event in one.said(StateChanged)] == [SessionState.RUNNING, SessionState.COMPLETED]
    assert one.agent.accepts_data(flow, DIALLER) == 1, "what is under way on the connection still counts"
    one.wait(2.5)
    assert flow not in one.closed(), "the seconds until all is freed begin anew"
    one.wait(1.0)
    assert flow in one.closed()
    assert one.udp not in one.closed()


@pytest.mark.req("ICE-7.3.1.5-2")
def test_the_order_of_the_answers_decides_nothing() -> None:
    """Both are nominated before any check of ours is answered; the worse one is answered last."""
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp(), ice2=False)
    flow = one.accept()
    one.check(flow, DIALLER, use_candidate=True, priority=1855979519)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.05)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    one.answer(one.requests(flow)[0], flow, DIALLER)
    assert one.said(PathSelected)[-1].flow == one.udp
    assert len(one.said(PathSelected)) == 1


@pytest.mark.req("ICE-7.3.1.5-2", "ICETCP-P-3")
def test_of_two_connections_the_better_one_stays() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(ice2=False)
    worse, better = one.accept(), one.accept(SECOND)
    for flow, remote, priority in ((worse, DIALLER, 1_000_000), (better, SECOND, 1855979519)):
        one.check(flow, remote, use_candidate=True, priority=priority)
        one.wait(0.06)
        one.answer(one.requests(flow)[0], flow, remote)
    assert [event.flow for event in one.said(PathSelected)] == [worse, better]
    one.check(worse, DIALLER, use_candidate=True, priority=1_000_000)
    one.wait(4.0)
    assert one.said(PathSelected)[-1].flow == better
    assert worse in one.closed()
    assert better not in one.closed()


@pytest.mark.req("ICE-7.3.1.5-2")
def test_a_nomination_that_comes_when_all_is_freed_changes_nothing() -> None:
    one, flow = nominated_by_tcp()
    one.wait(3.5)
    assert one.udp in one.closed()
    one.check(one.udp, UDP_PEER, use_candidate=True)
    assert one.said(PathSelected)[-1].flow == flow
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICETCP-8-1", "ICE-8.1.1-1")
@pytest.mark.parametrize("ice2", [True, False])
def test_we_nominate_once_whatever_the_peer_is(ice2: bool) -> None:
    one = Single(Role.CONTROLLING)
    one.remote(remote_udp(), remote_tcp(), ice2=ice2)
    one.wait(0.02)
    dial = one.dials()[0].flow
    one.opened(dial)
    for _ in range(60):
        one.wait(0.02)
        for flow, remote in ((one.udp, UDP_PEER), (dial, TCP_PEER)):
            for request in one.requests(flow)[-1:]:
                mapped = TransportAddress(host="192.0.2.1", port=50000) if flow == dial else None
                one.answer(request, flow, remote, mapped=mapped)
    assert one.state() is SessionState.COMPLETED
    nominations = {m.transaction_id for m in one.requests() if m.get(UseCandidate) is not None}
    assert len(nominations) == 1
