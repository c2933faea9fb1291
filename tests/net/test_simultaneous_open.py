"""Two agents that open a TCP connection from both sides, in the simulated Internet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.messages import FlowOpened, FlowOpening, PairStateChanged, PathSelected
from ice.types import CandidateType, PairState, Role, SessionState, TcpType, TransportAddress
from tests.net.firewall import FirewallRules
from tests.net.host import Host
from tests.net.ice_host import Gathering, IceHost
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.nat import Behaviour, Translation
from tests.net.router import Router
from tests.net.small import DELAY_S, behind, guarded
from tests.net.stun_server import StunServer

EI, AD, APD = Behaviour

SO_ONLY = Gathering(udp=False, active=False, passive=False, so=True, reflexive_tcp=True)
TCP = Gathering(udp=False, so=True, reflexive_tcp=True)
CLOSED = FirewallRules(udp=False)
"""Connections may be opened from inside and not from outside."""


def _server(internet: Internet) -> tuple[TransportAddress, ...]:
    host = Host(internet)
    host.attach("203.0.113.200", internet.core, Link(delay_s=DELAY_S))
    return StunServer(host).addresses


def _agent(internet: Internet, router: Router | None, address: str, role: Role) -> IceHost:
    host = Host(internet)
    network = internet.core if router is None else router.inside
    host.attach(address, network, Link(delay_s=DELAY_S))
    if router is not None and router.nat is None:
        router.route(address)
    return IceHost(host, role=role)


def _gather(a: IceHost, b: IceHost, which: Gathering) -> None:
    servers = _server(a.host.internet)
    for agent in (a, b):
        agent.gather(which, servers)
    a.host.internet.clock.run(2)


def _connect(a: IceHost, b: IceHost, which: Gathering = SO_ONLY, *, b_first_s: float = 0.0) -> None:
    """Gather, exchange the descriptions, B's first by so much, run to the end."""
    clock = a.host.internet.clock
    _gather(a, b, which)
    for_a, for_b = b.agent.local_description, a.agent.local_description
    b.set_remote(for_b)
    if b_first_s:
        clock.after(b_first_s, lambda: a.set_remote(for_a))
    else:
        a.set_remote(for_a)
    clock.run(60, until=lambda: a.ended and b.ended)


def _two_public(internet: Internet) -> tuple[IceHost, IceHost]:
    a = _agent(internet, None, "192.0.2.10", Role.CONTROLLING)
    return a, _agent(internet, None, "198.51.100.10", Role.CONTROLLED)


def _completed(a: IceHost, b: IceHost) -> None:
    """Both have one path over one connection between the ports that were told, and media takes it."""
    assert a.agent.state is b.agent.state is SessionState.COMPLETED
    for agent in (a, b):
        assert agent.selected().local.tcptype is agent.selected().remote.tcptype is TcpType.SO
    assert a.selected().local.address == b.selected().remote.address
    assert b.selected().local.address == a.selected().remote.address
    assert len(a.connections) == len(b.connections) == 1
    clock = a.host.internet.clock
    for sender, receiver in ((a, b), (b, a)):
        receiver.media.clear()
        sender.send_media(1, b"\x80media")
        clock.run(1)
        assert receiver.media == [(1, b"\x80media")]
    clock.run(10)
    assert len(a.connections) == len(b.connections) == 1
    for agent in (a, b):
        agent.close()
        assert agent.open_flows == 0
    clock.run(5)
    for agent in (a, b):
        assert not agent.host.connections
        assert not agent.host.dials


@pytest.mark.parametrize("filtering", list(Behaviour))
@pytest.mark.parametrize("other", list(Behaviour))
@pytest.mark.req("ICETCP-3-1", "ICETCP-7.1-3", "ICETCP-6.2-1")
def test_two_nats_with_one_mapping_per_port(filtering: Behaviour, other: Behaviour) -> None:
    """What a listener or a dialler alone cannot do: neither NAT lets in who was not called first."""
    internet = Internet(3)
    one = Translation(mapping=EI, filtering=filtering)
    two = Translation(mapping=EI, filtering=other)
    a = _agent(internet, behind(internet, "192.0.2.1", tcp=one), "192.168.1.10", Role.CONTROLLING)
    b = _agent(internet, behind(internet, "198.51.100.1", tcp=two), "192.168.1.10", Role.CONTROLLED)
    _connect(a, b)
    assert a.selected().local.type is b.selected().local.type is CandidateType.SRFLX
    # Exactly the port that is told, in every attempt.
    ports = {c.address for c in a.gathered if c.tcptype is TcpType.SO and c.base is None}
    assert {event.local for event in a.said(FlowOpening)} == ports
    _completed(a, b)


@pytest.mark.parametrize("reject", [False, True])
@pytest.mark.parametrize("late_s", [0.0, 0.015, 0.2, 0.34])
@pytest.mark.req("ICETCP-B-6", "ICETCP-7.1-3")
def test_two_firewalls(reject: bool, late_s: float) -> None:
    """One that rejects refuses the first attempts: the peer has not opened it yet."""
    internet = Internet(3)
    rules = replace(CLOSED, reject=reject)
    a = _agent(internet, guarded(internet, rules), "192.0.2.10", Role.CONTROLLING)
    b = _agent(internet, guarded(internet, rules), "198.51.100.10", Role.CONTROLLED)
    _connect(a, b, b_first_s=late_s)
    _completed(a, b)


@pytest.mark.req("ICETCP-B-6")
def test_a_refused_pair_is_tried_three_times_more_and_then_fails() -> None:
    internet = Internet(3)
    a, b = _two_public(internet)
    _gather(a, b, SO_ONLY)
    for_a = b.agent.local_description
    b.close()
    started = internet.clock.now
    a.set_remote(for_a)
    internet.clock.run(5)
    attempts = [event.at - started for event in a.said(FlowOpening)]
    assert len(attempts) == 4
    assert attempts[-1] < 1
    (pair,) = a.agent.pairs
    assert (pair.state, pair.reason) == (PairState.FAILED, "connection refused")


@pytest.mark.parametrize("late_s", [0.0, 0.005, 0.019, 0.021, 0.039, 0.041, 0.1, 1.0])
@pytest.mark.req("ICETCP-7.2-9", "ICETCP-B-3", "ICETCP-7.1-1")
def test_whoever_is_first_there_is_one_connection(late_s: float) -> None:
    """Attempts that meet, and one that is accepted before the other is made: by what the peer opened."""
    internet = Internet(3)
    a, b = _two_public(internet)
    _connect(a, b, b_first_s=late_s)
    opened = [event for agent in (a, b) for event in agent.said(FlowOpened)]
    assert len(opened) == 2
    # The line takes 20 ms one way.
    assert sum(event.accepted for event in opened) == (late_s > 2 * DELAY_S)
    for agent in (a, b):
        (pair,) = agent.agent.pairs
        assert pair.state is PairState.SUCCEEDED
        # Being told that there is a connection already is no failure.
        assert PairState.FAILED not in [event.state for event in agent.said(PairStateChanged)]
    _completed(a, b)


@given(
    late_ms=st.integers(0, 500),
    closed=st.tuples(st.booleans(), st.booleans()),
    reject=st.booleans(),
    delays_ms=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    loss=st.sampled_from([0.0, 0.0, 0.1]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.req("ICETCP-7.2-9", "ICETCP-B-3")
def test_whatever_the_times_there_is_one_connection(
    late_ms: int,
    closed: tuple[bool, bool],
    reject: bool,
    delays_ms: tuple[int, int],
    loss: float,
    seed: int,
) -> None:
    internet = Internet(seed)
    rules = replace(CLOSED, reject=reject)
    hosts = []
    for place, shut, delay_ms in zip(("192.0.2.10", "198.51.100.10"), closed, delays_ms, strict=True):
        router = guarded(internet, rules) if shut else None
        host = Host(internet)
        network = internet.core if router is None else router.inside
        host.attach(place, network, Link(delay_s=delay_ms / 1000, loss=loss))
        if router is not None:
            router.route(place)
        hosts.append(host)
    a = IceHost(hosts[0], role=Role.CONTROLLING)
    b = IceHost(hosts[1], role=Role.CONTROLLED)
    _connect(a, b, b_first_s=late_ms / 1000)
    if not loss:
        _completed(a, b)
        return
    # With bad luck all attempts are lost; never are there two connections, and nothing is left.
    for agent in (a, b):
        assert len(agent.connections) <= 1
        agent.close()
        assert agent.open_flows == 0
    internet.clock.run(200)
    assert not a.host.dials
    assert not b.host.dials


@pytest.mark.req("ICETCP-7.2-9", "ICETCP-7.2-5")
def test_the_peer_connects_before_its_description_is_known() -> None:
    internet = Internet(3)
    a, b = _two_public(internet)
    _connect(a, b, b_first_s=0.5)
    # A never dialled: what B had opened was there.
    assert a.said(FlowOpening) == []
    assert [pair.remote.type for pair in a.agent.pairs] == [CandidateType.HOST]
    _completed(a, b)


@pytest.mark.req("ICETCP-7.2-3", "ICETCP-P-1")
def test_an_attempt_from_an_unknown_port_is_a_peer_reflexive_candidate_that_opens_at_once_too() -> None:
    internet = Internet(3)
    # Each destination sees another port: the one that the server told is not the one that B sees.
    mapping = Translation(mapping=APD, filtering=APD)
    a = _agent(internet, behind(internet, "192.0.2.1", tcp=mapping), "192.168.1.10", Role.CONTROLLING)
    b = _agent(internet, None, "198.51.100.10", Role.CONTROLLED)
    _connect(a, b)
    assert b.selected().remote.type is CandidateType.PRFLX
    _completed(a, b)


def test_a_mapping_per_destination_on_both_sides_ends_in_failure() -> None:
    internet = Internet(3)
    mapping = Translation(mapping=APD, filtering=APD)
    a = _agent(internet, behind(internet, "192.0.2.1", tcp=mapping), "192.168.1.10", Role.CONTROLLING)
    b = _agent(internet, behind(internet, "198.51.100.1", tcp=mapping), "192.168.1.10", Role.CONTROLLED)
    _connect(a, b)
    assert a.agent.state is b.agent.state is SessionState.FAILED


@pytest.mark.req("ICETCP-6.2-3")
def test_reflexive_candidates_are_paired_as_their_bases() -> None:
    internet = Internet(3)
    a = _agent(internet, behind(internet, "192.0.2.1"), "192.168.1.10", Role.CONTROLLING)
    b = _agent(internet, None, "198.51.100.10", Role.CONTROLLED)
    _gather(a, b, TCP)
    kinds = sorted((c.type, c.tcptype) for c in a.agent.local_description.candidates if c.tcptype)
    assert len(kinds) == 6
    a.set_remote(b.agent.local_description)
    assert sorted(str(pair.local.tcptype) for pair in a.agent.pairs) == ["active", "so"]
    assert {pair.local.type for pair in a.agent.pairs} == {CandidateType.HOST}


@pytest.mark.req("ICETCP-B-5")
def test_nobody_connects_to_itself() -> None:
    internet = Internet(3)
    a, b = _two_public(internet)
    _gather(a, b, SO_ONLY)
    (own,) = a.agent.local_description.candidates
    a.set_remote(replace(b.agent.local_description, candidates=(own,)))
    internet.clock.run(2)
    assert a.agent.pairs == ()
    assert a.said(FlowOpening) == []


def test_a_connection_that_breaks_is_opened_again() -> None:
    internet = Internet(3)
    a = _agent(internet, guarded(internet, CLOSED), "192.0.2.10", Role.CONTROLLING)
    b = _agent(internet, guarded(internet, CLOSED), "198.51.100.10", Role.CONTROLLED)
    _connect(a, b)
    internet.clock.run(5)
    (connection,) = a.connections.values()
    connection.reset()
    internet.clock.run(5)
    assert [len(agent.said(PathSelected)) for agent in (a, b)] == [2, 2]
    _completed(a, b)


def test_active_and_passive_are_better_where_they_will_do() -> None:
    internet = Internet(3)
    a, b = _two_public(internet)
    _connect(a, b, TCP)
    assert a.agent.state is SessionState.COMPLETED
    assert TcpType.SO not in (a.selected().local.tcptype, b.selected().local.tcptype)


def test_what_is_not_answered_ends_with_the_patience() -> None:
    internet = Internet(3)
    a = _agent(internet, guarded(internet, CLOSED), "192.0.2.10", Role.CONTROLLING)
    b = _agent(internet, guarded(internet, CLOSED), "198.51.100.10", Role.CONTROLLED)
    _gather(a, b, SO_ONLY)
    a.set_remote(b.agent.local_description)
    internet.clock.run(IceConfig().patience_s + 1)
    assert a.agent.state is SessionState.FAILED
    a.close()
    assert a.open_flows == 0
