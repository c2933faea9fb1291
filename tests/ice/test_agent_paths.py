"""Two agents find a path: which one, and how fast (round trip 50 ms, Ta 20 ms)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.messages import CheckAnswered, CheckSent, FlowOpening, PathSelected, RoleChanged, StateChanged
from ice.types import PairState, Role, SessionState, TcpType, Transport
from tests.net.pair_network import Link, PairNetwork, Side, mirrored, only

COMPLETED, FAILED = SessionState.COMPLETED, SessionState.FAILED


def play(network: PairNetwork, **which: bool) -> float:
    """Gather, exchange, run; gives the ms from the exchange until both have ended."""
    started = network.now
    network.gather(components=components_of(network), **which)
    network.start()
    network.run_to_end()
    return (network.now - started) * 1000


def components_of(network: PairNetwork) -> int:
    return network.components


def reason(side: Side) -> str:
    (event,) = side.said(PathSelected)
    return event.reason


@pytest.mark.req("ICE-8.1.1-1", "ICETCP-7.1-15", "USE-1", "USE-22", "ICE-8.1.1-2")
def test_udp_open() -> None:
    network = PairNetwork()
    assert play(network) <= 110
    assert network.a.agent.state is network.b.agent.state is COMPLETED
    assert network.a.selected().local.transport is Transport.UDP
    assert mirrored(network)
    assert reason(network.a) == "UDP answered first (round trip 50 ms)"
    assert network.a.agent.counters == network.b.agent.counters == {}


@pytest.mark.req("ICETCP-8-5", "ICETCP-3-2", "ICETCP-P-1", "ICETCP-7.1-9", "ICETCP-8-2")
def test_udp_blocked() -> None:
    network = PairNetwork(udp=False)
    assert play(network) <= 165
    a, b = network.a.selected(), network.b.selected()
    assert (a.local.type.value, a.local.tcptype) == ("prflx", TcpType.ACTIVE)
    assert (b.remote.type.value, b.remote.tcptype) == ("prflx", TcpType.ACTIVE)
    assert b.local.tcptype is TcpType.PASSIVE
    assert mirrored(network)
    assert reason(network.a) == "UDP: 1 check, 0 answers; TCP active nominated at 160 ms"
    assert reason(network.b) == "UDP: 1 check, 0 answers; TCP passive nominated at 135 ms"
    assert len(network.a.said(FlowOpening)) == 1, "the nomination runs on the connection that was checked"


@pytest.mark.req("ICETCP-6.2-5", "ICETCP-7.2-4")
@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("dialler", ["a", "b"])
def test_only_one_side_can_dial(dialler: str, refuse: bool) -> None:
    closed = Link(udp=False, tcp=False, refuse=refuse)
    links = (Link(udp=False), closed) if dialler == "a" else (closed, Link(udp=False))
    network = PairNetwork(a_to_b=links[0], b_to_a=links[1])
    assert play(network) <= 200
    assert mirrored(network)
    active = network.a if dialler == "a" else network.b
    assert active.selected().local.tcptype is TcpType.ACTIVE


@pytest.mark.req("PAC-1", "ICE-7.2.5.4-1", "ICE-6.1.2.1-1", "ICE-6.1.3-1", "ICE-8.1.2-3")
@pytest.mark.parametrize("refuse", [False, True])
def test_everything_blocked_fails_when_patience_ends_and_not_before(refuse: bool) -> None:
    blocked = Link(udp=False, tcp=False, refuse=refuse)
    network = PairNetwork(a_to_b=blocked, b_to_a=blocked)
    elapsed = play(network)
    assert 39_500 <= elapsed < 39_600
    assert network.a.agent.state is network.b.agent.state is FAILED
    (*_, failed) = network.a.said(StateChanged)
    why = "connection refused" if refuse else "the connection could not be opened in time"
    assert failed.reason == (
        "no path for RTP: UDP: 7 checks, 0 answers; "
        f"TCP: 0 checks, 0 answers ({why}); nothing came in from the peer"
    )


@pytest.mark.req("PAC-3")
def test_where_no_pair_can_ever_form_it_still_waits() -> None:
    network = PairNetwork()
    network.a.gather(["192.0.2.1"])
    network.b.gather(["2001:db8::1"])
    network.start()
    network.run(39.4)
    assert network.a.agent.state is SessionState.RUNNING
    assert network.a.agent.pairs == ()
    network.run_to_end()
    assert network.a.agent.state is FAILED
    assert network.now == pytest.approx(1039.5)


@pytest.mark.req("ICE-8.1.2-1", "USE-4", "ICETCP-4.5-12", "ICE-5.1.1.1-4")
@pytest.mark.parametrize("blocked", [False, True])
def test_two_components(blocked: bool) -> None:
    network = PairNetwork(components=2, udp=not blocked)
    assert play(network) <= (350 if blocked else 200)
    for component in (1, 2):
        assert mirrored(network, component)
    one, two = network.a.selected(1), network.a.selected(2)
    assert one.local.address != two.local.address
    assert one.remote.address != two.remote.address
    network.run(5)
    assert len(network.a.connections) == len(network.b.connections) == (2 if blocked else 0)


@pytest.mark.req("ICE-6.1.2.2-1")
def test_a_component_that_the_peer_lacks_is_not_awaited() -> None:
    network = PairNetwork(components=2)
    network.gather(components=2)
    network.start(alter=lambda d: only(d, lambda c: c.component == 1))
    network.run_to_end()
    assert network.a.agent.state is network.b.agent.state is COMPLETED
    assert network.a.agent.selected(2) is None
    assert {pair.component for pair in network.a.agent.pairs} == {1}


@pytest.mark.req("ICE-7.3.1.1-1", "ICE-7.2.5.1-1", "ICETCP-7.1-12", "ICE-6.1.1-2")
@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("ties", [(1, 2), (2, 1)])
def test_role_conflicts_are_repaired(role: Role, ties: tuple[int, int], blocked: bool) -> None:
    network = PairNetwork(roles=(role, role), tie_breakers=ties, udp=not blocked)
    assert play(network) < 400
    assert mirrored(network)
    winner, loser = (network.a, network.b) if ties[0] > ties[1] else (network.b, network.a)
    assert winner.agent.role is Role.CONTROLLING
    assert loser.agent.role is Role.CONTROLLED
    changed = loser if role is Role.CONTROLLING else winner
    assert len(changed.said(RoleChanged)) == 1
    assert changed.other.said(RoleChanged) == []
    network.run(4)
    assert len(network.a.connections) == len(network.b.connections) == (1 if blocked else 0)


@pytest.mark.req("ICE-7.3-2", "ICETCP-7.2-5", "ICE-5.3-1")
@pytest.mark.parametrize("blocked", [False, True])
def test_checks_beat_the_description_by_a_second(blocked: bool) -> None:
    network = PairNetwork(udp=not blocked)
    network.gather()
    network.start(b_later_s=1.0)
    network.run(0.9)
    answers = [pair.checks_answered for pair in network.a.agent.pairs]
    assert sum(answers) >= 1, "the password is enough to answer"
    assert network.b.agent.state is SessionState.NEW
    network.run_to_end()
    assert mirrored(network)
    assert network.now - 1000 < 1.4


@pytest.mark.req("SDP-ICE-22", "USE-11", "ICE-7.3.1.3-1")
@pytest.mark.parametrize("blocked", [False, True])
def test_a_peer_without_candidates_is_found_by_its_checks(blocked: bool) -> None:
    network = PairNetwork(udp=not blocked)
    network.gather()
    ours = network.a.agent.local_description
    theirs = only(network.b.agent.local_description, lambda _: False)
    network.a.agent.set_remote(theirs, network.now)
    network.b.agent.set_remote(ours, network.now)
    network.run_to_end()
    assert mirrored(network)
    assert network.a.selected().remote.type.value == "prflx"


@pytest.mark.req("ICETCP-6-1", "ICETCP-4.1-1")
def test_tcp_candidates_only() -> None:
    network = PairNetwork()
    assert play(network, udp=False) <= 175
    assert reason(network.a).startswith("UDP: no pair; TCP active nominated at")


@pytest.mark.req("ICETCP-6.2-5", "ICETCP-6.2-2", "ICE-6.1.4-3")
def test_a_passive_agent_has_no_pairs_and_waits_for_twenty_seconds() -> None:
    network = PairNetwork(udp=False)
    network.a.gather(["192.0.2.1"])
    network.b.gather(["198.51.100.1"], udp=False, active=False)
    ours, theirs = network.a.agent.local_description, network.b.agent.local_description
    network.b.agent.set_remote(ours, network.now)
    assert network.b.agent.pairs == ()
    network.run(20)
    assert network.b.agent.state is SessionState.RUNNING
    network.a.agent.set_remote(theirs, network.now)
    network.run_to_end()
    assert mirrored(network)
    assert network.b.selected().local.tcptype is TcpType.PASSIVE


@pytest.mark.req("ICE-6.1.4-1", "ICETCP-7.1-7", "USE-7")
def test_checks_over_udp_and_tcp_share_one_pace() -> None:
    blocked = Link(udp=False, tcp=False)
    network = PairNetwork(a_to_b=blocked, b_to_a=blocked, components=2)
    network.a.gather(["192.0.2.1", "192.0.2.2"], components=2)
    network.b.gather(["198.51.100.1", "198.51.100.2"], components=2)
    network.start()
    network.run(0.4)
    starts = [e.at for e in network.a.said(CheckSent) if e.transmission == 1]
    starts += [e.at for e in network.a.said(FlowOpening)]
    starts.sort()
    assert starts[0] == 1000.0, "the first check leaves at once"
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert len(gaps) == 7
    assert gaps == pytest.approx([0.01] * 7)


@pytest.mark.req("USE-7", "SDP-ICE-7")
@pytest.mark.parametrize(("ours", "theirs", "agreed"), [(20, 20, 20), (20, 100, 100), (30, 5, 30)])
def test_the_larger_pacing_counts(ours: int, theirs: int, agreed: int) -> None:
    network = PairNetwork(config=IceConfig(pacing_ms=ours), config_b=IceConfig(pacing_ms=theirs), udp=False)
    play(network)
    (dial,) = network.a.said(FlowOpening)
    assert (dial.at - 1000) * 1000 == pytest.approx(agreed)


@pytest.mark.req("ICE-7.2.5.3.3-1", "ICE-6.1.2.6-1")
def test_the_second_component_waits_for_the_first_of_its_foundation() -> None:
    network = PairNetwork(components=2)
    play(network)
    udp = [pair for pair in network.a.agent.pairs if pair.local.transport is Transport.UDP]
    by_component = {pair.component: pair.id for pair in udp}
    answered = {e.pair_id: e.at for e in reversed(network.a.said(CheckAnswered))}
    first_sent = {e.pair_id: e.at for e in reversed(network.a.said(CheckSent))}
    assert first_sent[by_component[2]] >= answered[by_component[1]]


def test_a_udp_path_in_one_direction_only_is_not_taken() -> None:
    network = PairNetwork(a_to_b=Link(), b_to_a=Link(udp=False))
    assert play(network) < 600
    assert mirrored(network)
    assert network.a.selected().local.transport is Transport.TCP


def test_pairs_that_are_not_needed_are_told_so() -> None:
    network = PairNetwork()
    play(network)
    others = [pair for pair in network.a.agent.pairs if not pair.selected]
    assert others
    for pair in others:
        assert pair.reason == "not needed: the component has its path" or pair.state is PairState.SUCCEEDED


links = st.builds(
    Link,
    udp=st.booleans(),
    tcp=st.booleans(),
    refuse=st.booleans(),
    loss=st.sampled_from([0.0, 0.0, 0.05, 0.1]),
)


@pytest.mark.req("ICE-8.1.1-1", "ICETCP-P-3", "ICETCP-8-3", "ICE-6.1.3-1", "ICE-8.3-1")
@settings(max_examples=150, deadline=None)
@given(
    a_to_b=links,
    b_to_a=links,
    components=st.sampled_from([1, 1, 2]),
    roles=st.tuples(st.sampled_from(Role), st.sampled_from(Role)),
    ties=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)).filter(lambda t: t[0] != t[1]),
    delay_s=st.sampled_from([0.0002, 0.005, 0.025, 0.1, 0.3]),
    hosts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    b_later_s=st.sampled_from([0.0, 0.05, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_wherever_there_is_a_path_two_agents_agree_on_one(
    a_to_b: Link,
    b_to_a: Link,
    components: int,
    roles: tuple[Role, Role],
    ties: tuple[int, int],
    delay_s: float,
    hosts: tuple[int, int],
    b_later_s: float,
    seed: int,
) -> None:
    network = PairNetwork(
        seed=seed,
        delay_s=delay_s,
        a_to_b=a_to_b,
        b_to_a=b_to_a,
        roles=roles,
        tie_breakers=ties,
        components=components,
    )
    network.a.gather(["192.0.2.1", "192.0.2.2", "2001:db8::1"][: hosts[0]], components=components)
    network.b.gather(["198.51.100.1", "198.51.100.2", "2001:db8::2"][: hosts[1]], components=components)
    network.start(b_later_s=b_later_s)
    network.run_to_end(200)
    possible = (a_to_b.udp and b_to_a.udp) or a_to_b.tcp or b_to_a.tcp
    expected = COMPLETED if possible else FAILED
    assert network.a.agent.state is network.b.agent.state is expected
    if not possible:
        assert network.now >= 1039.5
        return
    network.run(8)
    assert network.a.agent.role is network.b.agent.role.other
    wires = 0
    for component in range(1, components + 1):
        assert mirrored(network, component)
        wires += network.a.selected(component).local.transport is Transport.TCP
    assert len(network.a.connections) == len(network.b.connections) == wires


def test_a_component_whose_pairs_are_frozen_does_not_wait_for_the_peer() -> None:
    """The first component got its path by another foundation than that of the second one's only pair."""
    network = PairNetwork(components=2, delay_s=0.004)
    network.a.gather(["192.0.2.1"], components=2, active=False, passive=False)
    network.b.gather(["198.51.100.1", "198.51.100.2"], components=2, active=False, passive=False)
    theirs = network.b.agent.local_description
    dead = next(c for c in theirs.candidates if (c.component, c.address.host) == (1, "198.51.100.1"))
    nobody = replace(dead, address=replace(dead.address, port=9999))
    working = [c for c in theirs.candidates if (c.component == 1) is (c.address.host == "198.51.100.2")]
    network.a.agent.set_remote(replace(theirs, candidates=(nobody, *working)), network.now)
    network.run(0.4)
    assert network.a.agent.state is COMPLETED
