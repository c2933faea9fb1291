"""How it ends: nominations of both roles, aggressive peers, failed nominations, freeing what is left over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import CloseFlow, PairNominated, PathLost, PathSelected, RoleChanged, StateChanged
from ice.stun.attributes import IceControlled, IceControlling, Priority, UseCandidate, Username
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise, short_term_key
from ice.types import FlowId, PairState, Role, SessionState, TcpType, Transport, TransportAddress
from tests.ice.single import (
    DIALLER,
    HOST,
    OURS,
    TCP_PEER,
    UDP_PEER,
    Single,
    remote_tcp,
    remote_udp,
)
from tests.net.pair_network import PairNetwork, mirrored

PORT_50000 = TransportAddress(host=HOST, port=50000)


def nominations(one: Single) -> int:
    return sum(request.get(UseCandidate) is not None for request in one.requests())


# --- controlling -----------------------------------------------------------------------------------------


@pytest.mark.req("ICE-8.1.1-2", "ICETCP-8-1", "USE-15", "ICE-7.2.5.3.4-1", "ICE-8.1.1-1")
def test_udp_is_nominated_by_a_second_check() -> None:
    one = Single()
    one.remote(remote_udp())
    one.now += 0.05
    public = TransportAddress(host="203.0.113.7", port=61000)
    one.answer(one.requests()[0], one.udp, UDP_PEER, mapped=public)
    first, second = one.requests()
    assert first.get(UseCandidate) is None
    assert second.get(UseCandidate) is not None
    assert one.state() is SessionState.RUNNING
    assert one.agent.selected(1) is None, "a valid pair is not a nominated one"
    one.now += 0.05
    one.answer(second, one.udp, UDP_PEER, mapped=public)
    assert one.state() is SessionState.COMPLETED
    selected = one.agent.selected(1)
    assert selected is not None
    assert selected.nominated
    (path,) = one.said(PathSelected)
    assert (path.flow, path.remote, path.component) == (one.udp, UDP_PEER, 1)
    assert path.reason == "UDP answered first (round trip 50 ms)"
    assert nominations(one) == 1


@pytest.mark.req("ICETCP-8-1", "ICETCP-8-2")
@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("components", [1, 2])
def test_one_nomination_per_component(blocked: bool, components: int) -> None:
    network = PairNetwork(components=components, udp=not blocked)
    network.gather(components=components)
    network.start()
    network.run(20)
    for component in range(1, components + 1):
        assert mirrored(network, component)
    by_side = {"a": 0, "b": 0}
    for packet in network.capture:
        message = parse(packet.data)
        if message.message_class is MessageClass.REQUEST and message.get(UseCandidate) is not None:
            by_side[packet.side] += 1
    assert by_side == {"a": components, "b": 0}


@pytest.mark.req("ICETCP-8-2", "ICETCP-8-5")
def test_a_connection_is_nominated_when_the_peer_has_checked_it() -> None:
    one = Single()
    one.remote(remote_tcp(), pacing=20)
    flow = one.dials()[0].flow
    one.wait(0.05)
    one.opened(flow)
    one.wait(0.05)
    one.answer(one.requests()[0], flow, TCP_PEER, mapped=PORT_50000)
    assert nominations(one) == 0
    one.wait(0.01)
    one.check(flow, TCP_PEER)
    one.wait(0.0)
    assert nominations(one) == 1
    assert len(one.answers(flow)) == 1
    assert [type(c).__name__ for c in one.commands if getattr(c, "flow", None) == flow][-2:] == [
        "SendFrame",
        "SendFrame",
    ], "the answer leaves before the nomination"


def test_a_peer_that_never_checks_a_connection_is_nominated_after_a_round_trip() -> None:
    one = Single()
    one.remote(remote_tcp(), pacing=20)
    flow = one.dials()[0].flow
    one.wait(0.1)
    one.opened(flow)
    one.wait(0.1)
    one.answer(one.requests()[0], flow, TCP_PEER, mapped=PORT_50000)
    one.wait(0.099)
    assert nominations(one) == 0
    one.wait(0.002)
    assert nominations(one) == 1


@pytest.mark.req("ICE-7.2.5.3.4-1")
def test_a_nomination_that_is_never_answered_fails_the_session() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp(), remote_udp(5002, priority=5))
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(39.4)
    assert one.state() is SessionState.RUNNING
    one.wait(1)
    assert one.state() is SessionState.FAILED
    assert one.agent.pairs[0].state is PairState.FAILED
    assert one.said(StateChanged)[-1].reason == "the nominated pair failed: no answer"


def test_a_connection_lost_before_its_nomination_left_costs_only_its_pair() -> None:
    one = Single()
    one.remote(remote_tcp(), remote_tcp(5003, priority=7), pacing=50)
    first = one.dials()[0].flow
    one.opened(first)
    one.answer(one.requests()[0], first, TCP_PEER, mapped=PORT_50000)
    one.wait(0.05)
    second = one.dials()[1].flow
    one.lost(first)
    one.opened(second)
    other = TransportAddress(host=TCP_PEER.host, port=5003)
    one.check(second, other)
    one.answer(one.requests(second)[0], second, other, mapped=PORT_50000)
    one.wait(0.2)
    one.answer(one.requests(second)[-1], second, other, mapped=PORT_50000)
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICE-7.1.2-1", "ICE-7.2.5.1-1")
def test_a_nomination_that_is_queued_dies_with_the_role() -> None:
    one = Single(tie_breaker=3)
    one.remote(remote_udp(), pacing=50)
    one.now += 0.01
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING, tie_breaker=99)
    assert one.agent.role is Role.CONTROLLED
    assert len(one.said(RoleChanged)) == 1
    one.wait(1)
    assert nominations(one) == 0
    assert not any(r.get(IceControlling) for r in one.requests()[1:])


@pytest.mark.req("ICE-6.1.1-1", "SDP-ICE-20", "ICE-7.3.1.1-1")
def test_towards_a_lite_peer_we_control_and_wait_for_no_check_of_its_own() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp(), lite=True)
    assert one.agent.role is Role.CONTROLLING
    flow = one.dials()[0].flow
    one.opened(flow)
    assert one.requests()[0].get(IceControlling) is not None
    one.wait(0.2)
    one.answer(one.requests()[0], flow, TCP_PEER, mapped=PORT_50000)
    assert nominations(one) == 1


@pytest.mark.req("ICE-8.1.2-1", "USE-4")
def test_the_session_is_completed_when_every_component_is() -> None:
    one = Single(components=2, tcp=False)
    one.remote(remote_udp(), remote_udp(5010, component=2, priority=2130706430))
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.1)
    for request in one.requests(one.udp):
        if request.get(UseCandidate) is not None:
            one.answer(request, one.udp, UDP_PEER)
    assert one.agent.selected(1) is not None
    assert one.state() is SessionState.RUNNING
    one.agent.limit_components(1, one.now)
    one.take()
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICE-12.1-2", "USE-4", "ICE-8.1.2-3")
def test_where_one_component_fails_the_other_may_not_send() -> None:
    one = Single(Role.CONTROLLED, components=2, tcp=False)
    one.remote(remote_udp(), remote_udp(5010, component=2, priority=5))
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.answer(one.requests_to(UDP_PEER)[0], one.udp, UDP_PEER)
    assert [event.component for event in one.said(PathSelected)] == [1]
    for _ in range(9):
        one.wait(5)
        for request in one.requests_to(UDP_PEER)[-2:]:
            one.answer(request, one.udp, UDP_PEER)
    assert one.state() is SessionState.FAILED
    (lost,) = one.said(PathLost)
    assert lost.component == 1
    assert lost.reason.startswith("no path for RTCP: UDP: ")
    sent = len(one.commands)
    one.wait(30)
    assert len(one.commands) == sent


# --- controlled ------------------------------------------------------------------------------------------


@pytest.mark.req("ICE-7.3.1.5-1", "ICE-7.2.5.3.4-2")
def test_a_nomination_after_our_check_counts_at_once() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    assert one.state() is SessionState.RUNNING
    one.check(one.udp, UDP_PEER, use_candidate=True)
    assert one.state() is SessionState.COMPLETED
    assert len(one.said(PairNominated)) == 1
    assert nominations(one) == 0


@pytest.mark.req("ICE-7.3.1.5-1", "ICE-7.2.5.3.4-2")
def test_a_nomination_before_our_check_counts_when_that_succeeds() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, use_candidate=True)
    assert one.state() is SessionState.RUNNING
    one.wait(0.02)
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICE-7.2.5.3.4-2")
def test_a_nominated_pair_whose_check_fails_ends_the_session_when_patience_does() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(39)
    assert one.state() is SessionState.RUNNING
    one.wait(1)
    assert one.state() is SessionState.FAILED
    assert one.said(StateChanged)[-1].reason == "the nominated pair failed: no answer"


@pytest.mark.req("ICE-7.1.2-1")
def test_use_candidate_of_a_controlled_peer_means_nothing() -> None:
    one = Single(Role.CONTROLLING, tcp=False)
    one.remote(remote_udp(), remote_udp(5002, priority=5))
    low = TransportAddress(host=UDP_PEER.host, port=5002)
    message = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.REQUEST,
        transaction_id=bytes(12),
        attributes=(
            Username(value="ours:them"),
            Priority(value=5),
            IceControlled(tie_breaker=5),
            UseCandidate(),
        ),
    )
    data = serialise(message, integrity_key=short_term_key(OURS.password), fingerprint=True)
    one.feed(one.udp, low, data)
    assert len(one.answers()) == 1
    one.wait(0.02)
    one.answer(one.requests_to(low)[0], one.udp, low)
    assert one.agent.selected(1) is None
    one.feed(one.udp, low, data)
    assert one.agent.pairs[1].state is PairState.SUCCEEDED
    assert one.agent.selected(1) is None


def aggressive(*, ice2: bool) -> tuple[Single, TransportAddress]:
    """A controlled agent whose peer nominated the worse of two pairs first."""
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp(), remote_udp(5002, priority=5), ice2=ice2)
    low = TransportAddress(host=UDP_PEER.host, port=5002)
    one.check(one.udp, low, use_candidate=True)
    one.wait(0.02)
    one.answer(one.requests_to(low)[0], one.udp, low)
    assert one.state() is SessionState.COMPLETED
    return one, low


@pytest.mark.req("ICE-7.3.1.5-2", "ICETCP-8-7")
def test_of_several_nominations_of_an_old_peer_the_best_counts() -> None:
    one, low = aggressive(ice2=False)
    one.wait(0.5)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.05)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    selected = one.agent.selected(1)
    assert selected is not None
    assert selected.remote.address == UDP_PEER
    assert [event.remote for event in one.said(PathSelected)] == [low, UDP_PEER]
    one.check(one.udp, low, use_candidate=True)
    one.wait(0.05)
    for request in one.requests_to(low):
        one.answer(request, one.udp, low)
    assert one.agent.selected(1) is not None
    assert one.said(PathSelected)[-1].remote == UDP_PEER, "a worse one changes nothing"
    assert [e.state for e in one.said(StateChanged)] == [SessionState.RUNNING, SessionState.COMPLETED]


@pytest.mark.req("ICE-7.3.1.5-2")
def test_an_old_peer_may_still_nominate_a_connection_that_was_given_up() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp(priority=5), ice2=False)
    flow = one.accept()
    one.check(flow, DIALLER)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.02)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    assert one.said(PathSelected)[-1].remote == UDP_PEER
    one.check(flow, DIALLER, use_candidate=True)
    one.wait(0.02)
    one.answer(one.requests(flow)[-1], flow, DIALLER)
    path = one.said(PathSelected)[-1]
    assert (path.flow, path.remote) == (flow, DIALLER)
    one.wait(5)
    assert flow not in one.closed()
    assert one.udp in one.closed()


@pytest.mark.req("ICE-11-2")
def test_a_modern_peer_nominates_once() -> None:
    one, low = aggressive(ice2=True)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.1)
    assert one.said(PathSelected)[-1].remote == low
    assert len(one.requests_to(UDP_PEER)) == 1


def test_a_failed_check_of_an_old_peer_that_nominates_everything_is_no_end() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp(), remote_udp(5002, priority=5), ice2=False)
    low = TransportAddress(host=UDP_PEER.host, port=5002)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(45)
    one.check(one.udp, low, use_candidate=True)
    one.wait(0.1)
    assert one.state() is SessionState.FAILED, "both had failed when patience ended"
    two = Single(Role.CONTROLLED)
    two.remote(remote_udp(), remote_udp(5002, priority=5), ice2=False)
    two.check(two.udp, UDP_PEER, use_candidate=True)
    two.wait(39)
    two.check(two.udp, low, use_candidate=True)
    two.wait(5)
    assert two.state() is SessionState.RUNNING
    two.answer(two.requests_to(low)[-1], two.udp, low)
    assert two.state() is SessionState.COMPLETED


# --- freeing ---------------------------------------------------------------------------------------------


def tcp_completed(config: IceConfig | None = None) -> tuple[Single, FlowId, FlowId]:
    """A controlled agent that was dialled twice; the first connection is the path."""
    one = Single(Role.CONTROLLED, config=config)
    one.remote(remote_tcp())
    dial = one.dials()[0].flow
    first, second = one.accept(), one.accept(replace(DIALLER, port=51001))
    one.check(first, DIALLER)
    one.check(second, replace(DIALLER, port=51001))
    one.wait(0.1)
    one.answer(one.requests(first)[0], first, DIALLER)
    one.check(first, DIALLER, use_candidate=True)
    assert one.state() is SessionState.COMPLETED
    assert dial in one.closed(), "nobody waits for this dial any more"
    return one, first, second


@pytest.mark.req("ICETCP-8-3", "ICE-8.3-1", "ICETCP-11.1-3", "ICETCP-8-7")
def test_three_seconds_after_completion_the_rest_is_freed() -> None:
    one, first, second = tcp_completed()
    one.wait(2.9)
    assert set(one.closed()) == {one.dials()[0].flow}
    one.check(one.udp, UDP_PEER)
    assert len(one.answers(one.udp)) == 1, "still served"
    one.wait(0.2)
    freed = set(one.closed()) - {one.dials()[0].flow}
    assert freed == {second, one.udp}
    assert first not in freed
    assert one.listener not in freed, "the peer comes back to it when the connection breaks"


@pytest.mark.req("ICE-8.3-1")
def test_how_long_is_configuration() -> None:
    one, _, second = tcp_completed(IceConfig(release_after_s=0.5))
    one.wait(0.6)
    assert second in one.closed()


@pytest.mark.req("ICETCP-8-4")
def test_after_completion_other_connections_may_end() -> None:
    one, _, second = tcp_completed()
    before = one.agent.pairs
    one.lost(second)
    assert one.agent.pairs == before
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICE-8.1.2-1", "ICETCP-8-3")
@pytest.mark.parametrize("blocked", [False, True])
def test_both_sides_keep_one_flow_per_component(blocked: bool) -> None:
    network = PairNetwork(udp=not blocked)
    network.gather()
    network.start()
    network.run_to_end()
    before = len(network.capture)
    network.run(4)
    wires = 1 if blocked else 0
    assert len(network.a.connections) == len(network.b.connections) == wires
    assert len(network.a.udp) == len(network.b.udp) == 1 - wires
    assert len(network.a.listeners) + len(network.b.listeners) == wires
    assert len(network.capture) - before <= 4, "only answers to what was on its way"


def test_close_gives_everything_up() -> None:
    one = Single(components=2)
    one.remote(remote_udp(), remote_tcp())
    one.wait(0.1)
    accepted = one.accept()
    one.agent.close(one.now)
    one.take()
    closed = [command.flow for command in one.commands if isinstance(command, CloseFlow)]
    assert len(closed) == len(set(closed)) == 4 + 1 + 1
    assert accepted in closed
    assert one.state() is SessionState.CLOSED
    assert one.agent.next_timer() is None
    commands = len(one.commands)
    one.agent.close(one.now)
    one.check(one.udp, UDP_PEER)
    one.wait(50)
    assert len(one.commands) == commands
    assert one.said(StateChanged)[-1].state is SessionState.CLOSED


def test_a_connection_accepted_after_close_is_turned_away() -> None:
    one = Single()
    one.agent.close(one.now)
    one.take()
    late = one.accept()
    assert one.closed()[late] == "the listener is gone"


def test_credentials_do_not_leak_into_the_log() -> None:
    one = Single()
    one.remote(remote_udp(), remote_tcp(5001, TcpType.PASSIVE))
    one.wait(1)
    told = repr(one.events)
    assert OURS.password not in told
    assert Transport.UDP in told
