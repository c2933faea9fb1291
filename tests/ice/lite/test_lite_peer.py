"""Both agents are lite: pairs without checks, one choice, TCP by agreement; in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.lite.choice import Selection
from ice.messages import (
    FlowOpened,
    OpenTcp,
    PathLost,
    PathSelected,
    RestartAdvised,
    RoleChanged,
    StateChanged,
)
from ice.types import Role, SessionState, TcpType, Transport, TransportAddress
from tests.ice.lite.lite import DONE, LITE, TRUSTING, V6, both, core, states, update
from tests.ice.single import DIALLER, HOST, PEER, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import Link, PairNetwork, mirrored


@pytest.mark.req("ICE-8.2-2", "ICE-6.2-1", "ICE-6.1.1-1")
@pytest.mark.parametrize("components", [1, 2])
def test_one_pair_for_each_component_is_valid_at_once(components: int) -> None:
    network = both(components=components)
    network.start()
    network.run(0.1)
    assert states(network) == DONE
    assert not core(network.a).update_due, "RFC 8445 §6.2: never needed for an IPv4-only host"
    assert network.capture == [], "no check is ever sent"
    for component in range(1, components + 1):
        assert mirrored(network, component)
    assert (network.a.agent.role, network.b.agent.role) == (Role.CONTROLLING, Role.CONTROLLED)


@pytest.mark.req("ICE-8.2-2", "ICE-6.2-1")
def test_of_several_pairs_one_is_chosen_and_told() -> None:
    network = both(dual=True, components=2)
    network.start()
    network.run(5.0)
    # RFC 6724: IPv6 first. Media may flow, but ICE is not complete.
    for side in (network.a, network.b):
        assert {path.remote.host for path in side.said(PathSelected)} == {V6[side.other.name]}
    assert states(network) == (SessionState.RUNNING, SessionState.RUNNING)
    assert (core(network.a).update_due, core(network.b).update_due) == (True, False)
    update(network)
    network.run(1.0)
    assert states(network) == DONE
    assert not core(network.a).update_due
    assert mirrored(network, 1)
    assert mirrored(network, 2)
    assert len(network.a.said(PathSelected)) == len(network.b.said(PathSelected)) == 2


@pytest.mark.req("ICE-8.2-2", "SDP-ICE-27")
def test_where_the_choices_differ_that_of_the_controlling_side_counts() -> None:
    network = both(dual=True)
    network.start()
    network.run(0.1)
    ipv4 = [
        Selection(
            component=1,
            transport=Transport.UDP,
            local=next(
                c.address
                for c in network.b.agent.local_description.candidates
                if c.foundation == "2" and c.tcptype is None
            ),
            remote=next(
                c.address
                for c in network.a.agent.local_description.candidates
                if c.foundation == "2" and c.tcptype is None
            ),
        )
    ]
    network.at(0.0, lambda: core(network.b).take_selection(ipv4, network.now), network.b)
    network.run(0.1)
    assert network.b.agent.state is SessionState.COMPLETED
    assert network.b.selected().remote.address == ipv4[0].remote
    assert network.b.said(PathSelected)[-1].remote == ipv4[0].remote


@pytest.mark.req("SDP-ICE-27")
def test_two_that_both_think_they_control() -> None:
    """Third-party call control; glare has let the offer of A through first."""
    network = PairNetwork(config=LITE, roles=(Role.CONTROLLING, Role.CONTROLLING))
    for side, host in ((network.a, "192.0.2.1"), (network.b, "198.51.100.1")):
        side.gather([V6[side.name], host])
    network.start()
    network.run(0.1)
    assert (core(network.a).update_due, core(network.b).update_due) == (True, True)
    update(network)
    network.run(1.0)
    assert states(network) == DONE
    assert (network.a.agent.role, network.b.agent.role) == (Role.CONTROLLING, Role.CONTROLLED)
    assert [event.role for event in network.b.said(RoleChanged)] == [Role.CONTROLLED]
    assert not core(network.b).update_due, "it no longer needs to"


def test_a_peer_that_never_tells_its_choice() -> None:
    network = both(dual=True)
    network.start()
    network.run(60.0)
    assert states(network) == (SessionState.FAILED, SessionState.FAILED)
    reason = network.b.said(StateChanged)[-1].reason
    assert reason == "both sides are ICE lite, and the peer never said which pairs it uses"


def test_a_selection_of_no_candidate_of_ours_is_refused() -> None:
    network = both(dual=True)
    network.start()
    network.run(0.1)
    nonsense = TransportAddress(host="192.0.2.99", port=9999)
    wrong = Selection(component=1, transport=Transport.UDP, local=nonsense, remote=nonsense)
    network.at(0.0, lambda: core(network.b).take_selection([wrong], network.now), network.b)
    network.run(0.1)
    assert network.b.agent.state is SessionState.FAILED
    assert "none of our candidates" in network.b.said(StateChanged)[-1].reason


def test_nothing_in_common() -> None:
    one = Single(Role.CONTROLLING, config=LITE)
    one.remote(remote_udp(host="2001:db8::1"), lite=True)
    assert one.state() is SessionState.FAILED
    assert one.said(StateChanged)[-1].reason == (
        "no path for RTP: both sides are ICE lite, and no candidate of the peer fits ours"
    )


# --- TCP (RFC 6544 §6.1) ------------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-12-6")
def test_without_leave_there_is_no_tcp_between_lite_agents() -> None:
    network = both(replace(TRUSTING, lite_unproved_tcp=False))
    network.start()
    network.run(0.1)
    assert states(network) == (SessionState.FAILED, SessionState.FAILED)
    assert "nothing would prove who is at the other end" in network.a.said(StateChanged)[-1].reason
    assert not any(isinstance(command, OpenTcp) for command in network.a.commands)


@pytest.mark.req("ICETCP-6.1-1", "ICETCP-4.4-2", "ICE-12.1-3")
@pytest.mark.parametrize("components", [1, 2])
def test_the_offerer_dials_in_parallel_with_its_offer(components: int) -> None:
    network = both(TRUSTING, components=components)
    network.start()
    network.run(0.0)
    update(network)
    network.run(1.0)
    assert states(network) == DONE
    for side, accepted in ((network.a, False), (network.b, True)):
        opened = side.said(FlowOpened)
        assert [event.accepted for event in opened] == [accepted] * components
        assert len(side.said(PathSelected)) == components
        assert side.selected().local.tcptype is (TcpType.PASSIVE if accepted else TcpType.ACTIVE)
        for component, flow in enumerate(sorted(side.connections), start=1):
            assert side.agent.accepts_data(flow, side.connections[flow].remote) == component
    assert network.capture == [], "no check is ever sent"
    assert network.a.selected().local.address == network.b.selected().remote.address


@pytest.mark.req("ICETCP-6.1-1")
def test_a_connection_that_came_before_the_offer_is_kept() -> None:
    network = both(TRUSTING)
    network.start()
    network.run(1.0)
    assert len(network.b.said(FlowOpened)) == 1
    assert network.b.agent.state is SessionState.RUNNING
    update(network)
    network.run(1.0)
    assert states(network) == DONE
    assert len(network.b.said(FlowOpened)) == len(network.a.said(FlowOpened)) == 1
    assert len(network.b.said(PathSelected)) == 1


@pytest.mark.req("ICETCP-6.1-1")
def test_a_connection_that_does_not_match_the_offer_is_closed() -> None:
    network = both(TRUSTING, dual=True)
    network.start()
    network.run(1.0)
    (wire,) = network.b.connections.values()
    assert ":" in wire.remote.host, "RFC 6724 prefers IPv6"
    ipv4 = {
        side.name: next(c for c in side.agent.local_description.candidates if ":" not in c.address.host)
        for side in (network.a, network.b)
    }
    other = Selection(
        component=1,
        transport=Transport.TCP,
        local=ipv4["b"].address,
        remote=TransportAddress(host=ipv4["a"].address.host, port=9),
    )
    network.at(0.0, lambda: core(network.b).take_selection([other], network.now), network.b)
    network.run(0.01)
    assert network.b.connections == {}
    assert network.b.agent.state is SessionState.RUNNING, "it waits for the right one"
    (advice,) = network.b.said(RestartAdvised)
    assert "does not fit the pair that it offers" in advice.reason


@pytest.mark.req("ICETCP-6.1-1", "ICETCP-4.4-2")
def test_an_offer_with_setup_passive_makes_the_answerer_dial() -> None:
    one = Single(Role.CONTROLLED, config=TRUSTING, udp=False)
    one.remote(remote_tcp(), lite=True)
    assert one.dials() == []
    ours = TransportAddress(host=HOST, port=4011)
    theirs = TransportAddress(host=PEER, port=5001)
    chosen = Selection(component=1, transport=Transport.TCP, local=ours, remote=theirs, we_dial=True)
    core(one).take_selection([chosen], one.now)
    one.take()
    (dial,) = one.dials()
    assert (dial.local.host, dial.remote) == (HOST, theirs)
    assert one.state() is SessionState.RUNNING
    one.opened(dial.flow)
    assert one.state() is SessionState.COMPLETED
    (path,) = one.said(PathSelected)
    assert path.pair.local.address == TransportAddress(host=HOST, port=50000)
    # Later offers mean the same connection, whatever their a=setup.
    for again in (chosen, replace(chosen, we_dial=False)):
        core(one).take_selection([again], one.now)
        one.take()
    assert dial.flow not in one.closed()
    assert len(one.dials()) == len(one.said(PathSelected)) == 1


@pytest.mark.req("ICETCP-6.1-1")
@pytest.mark.parametrize(
    ("host", "kept"), [(PEER, True), ("203.0.113.66", False)], ids=["told", "a stranger"]
)
def test_connections_are_taken_from_addresses_that_the_offer_listed(host: str, kept: bool) -> None:
    one = Single(Role.CONTROLLED, config=TRUSTING, udp=False)
    one.remote(remote_tcp(), lite=True)
    remote = TransportAddress(host=host, port=51000)
    flow = one.accept(remote)
    assert (one.agent.accepts_data(flow, remote) == 1) is kept
    one.wait(TRUSTING.unproved_timeout_s + 0.1)
    assert (flow in one.closed()) is not kept


def test_without_leave_a_connection_of_a_lite_peer_stays_a_stranger() -> None:
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_udp(), remote_udp(5002, host="198.51.100.7"), remote_tcp(), lite=True)
    assert one.state() is SessionState.RUNNING
    flow = one.accept()
    assert flow not in one.closed()
    assert one.agent.accepts_data(flow, DIALLER) is None
    one.wait(LITE.unproved_timeout_s + 0.1)
    assert flow in one.closed()


@pytest.mark.req("ICETCP-6.1-1")
def test_a_connection_beside_udp_is_used_where_the_offer_says_so() -> None:
    one = Single(Role.CONTROLLED, config=replace(TRUSTING, udp=True))
    one.remote(remote_udp(), remote_tcp(), lite=True)
    flow = one.accept()
    assert [path.remote for path in one.said(PathSelected)] == [UDP_PEER]
    ours, theirs = TransportAddress(host=HOST, port=4011), TransportAddress(host=PEER, port=9)
    chosen = Selection(component=1, transport=Transport.TCP, local=ours, remote=theirs)
    core(one).take_selection([chosen], one.now)
    one.take()
    assert one.said(PathSelected)[-1].flow == flow
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICETCP-6.1-1")
def test_once_a_pair_is_agreed_on_no_other_listener_takes_the_peer() -> None:
    v6 = "2001:db8:1::1"
    one = Single(Role.CONTROLLED, config=TRUSTING, udp=False, hosts=(HOST, v6))
    one.remote(remote_tcp(), remote_tcp(5002, host="2001:db8:2::1"), lite=True)
    ours, theirs = TransportAddress(host=HOST, port=4011), TransportAddress(host=PEER, port=9)
    chosen = Selection(component=1, transport=Transport.TCP, local=ours, remote=theirs)
    core(one).take_selection([chosen], one.now)
    listeners = {s.candidate.address.host: s.flow for s in one.agent._table.sockets}
    other = TransportAddress(host="2001:db8:2::1", port=51000)
    one.accept(other, listener=listeners[v6])
    assert one.said(PathSelected) == []
    flow = one.accept(listener=listeners[HOST])
    assert [path.flow for path in one.said(PathSelected)] == [flow]


def test_a_second_connection_does_not_replace_the_first() -> None:
    one = Single(Role.CONTROLLED, config=TRUSTING, udp=False)
    one.remote(remote_tcp(), lite=True)
    first = one.accept()
    second = one.accept(replace(DIALLER, port=51001))
    assert [path.flow for path in one.said(PathSelected)] == [first]
    one.wait(TRUSTING.unproved_timeout_s + 0.1)
    assert set(one.closed()) == {second}


@pytest.mark.req("ICETCP-11.1-2")
def test_a_lost_connection_is_dialled_again_by_who_dialled() -> None:
    network = both(TRUSTING)
    network.start()
    network.run(0.0)
    update(network)
    network.run(1.0)
    (wire,) = network.a.connections.values()
    network.reset(wire)
    network.run(1.0)
    assert len(network.a.said(PathLost)) == len(network.b.said(PathLost)) == 1
    assert len(network.a.said(PathSelected)) == len(network.b.said(PathSelected)) == 2
    assert network.b.said(PathSelected)[-1].reason == "the peer opened the TCP connection again"
    assert mirrored(network)
    assert states(network) == DONE


def test_a_connection_that_cannot_be_had_ends_in_failure() -> None:
    network = PairNetwork(config=TRUSTING, a_to_b=Link(tcp=False, refuse=True))
    network.gather(udp=False)
    network.start()
    network.run(0.0)
    update(network)
    network.run(60.0)
    assert states(network) == (SessionState.FAILED, SessionState.FAILED)
    assert "nobody connected" in network.a.said(StateChanged)[-1].reason
    dials = [command for command in network.a.commands if isinstance(command, OpenTcp)]
    assert 3 < len(dials) < 20, "again and again, with growing patience"


def test_a_lite_peer_with_an_active_default_dials() -> None:
    one = Single(Role.CONTROLLING, config=TRUSTING, udp=False)
    one.remote(remote_tcp(9, TcpType.ACTIVE), lite=True)
    assert one.dials() == []
    ((ours, theirs),) = core(one).chosen
    assert (ours.tcptype, theirs.tcptype) == (TcpType.PASSIVE, TcpType.ACTIVE)
    flow = one.accept()
    core(one).update_answered(one.now)
    one.take()
    assert [path.flow for path in one.said(PathSelected)] == [flow]
    assert one.state() is SessionState.COMPLETED


# --- the choice of a full peer that overtakes its nomination ----------------------------------------------


@pytest.mark.req("SDP-ICE-27")
def test_an_offer_of_a_full_peer_may_come_before_its_nomination() -> None:
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_udp())
    chosen = Selection(
        component=1, transport=Transport.UDP, local=TransportAddress(host=HOST, port=4010), remote=UDP_PEER
    )
    core(one).take_selection([chosen], one.now)
    one.take()
    assert one.state() is SessionState.COMPLETED
    assert one.said(PathSelected)[0].remote == UDP_PEER
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING, use_candidate=True)
    assert len(one.said(PathSelected)) == 1


def test_what_a_check_has_proved_stays_whatever_the_offer_of_a_full_peer_shows() -> None:
    """Some show the address behind their NAT."""
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_udp())
    outside = TransportAddress(host="203.0.113.7", port=61000)
    one.check(one.udp, outside, role=Role.CONTROLLING, use_candidate=True)
    ours = TransportAddress(host=HOST, port=4010)
    chosen = Selection(component=1, transport=Transport.UDP, local=ours, remote=UDP_PEER)
    core(one).take_selection([chosen], one.now)
    one.take()
    assert [path.remote for path in one.said(PathSelected)] == [outside]


def test_a_nonsense_selection_of_a_full_peer_changes_nothing() -> None:
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_udp())
    nowhere = TransportAddress(host="203.0.113.9", port=1)
    core(one).take_selection(
        [Selection(component=1, transport=Transport.UDP, local=nowhere, remote=nowhere)], one.now
    )
    assert one.state() is SessionState.RUNNING
    assert one.agent.counters["selections_refused"] == 1
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING, use_candidate=True)
    assert one.state() is SessionState.COMPLETED


def test_checks_of_a_lite_peer_are_answered_and_nominate_nothing() -> None:
    """Some lite servers send checks (Janus does)."""
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_udp(priority=2130706175), remote_udp(5002, host="203.0.113.7"), lite=True, ice2=False)
    before = one.said(PathSelected)
    assert [path.remote for path in before] == [UDP_PEER], "by the addresses, whatever the priorities"
    other = TransportAddress(host="203.0.113.7", port=5002)
    one.check(one.udp, other, role=Role.CONTROLLING, use_candidate=True)
    assert len(one.answers()) == 1
    assert one.said(PathSelected) == before
