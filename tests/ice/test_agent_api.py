"""The agent as its owner sees it: descriptions, candidates that come late, misuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ice.agent import Agent
from ice.config import IceConfig
from ice.messages import CandidateAdded, CandidateRefused, PairAdded, RoleChanged, StateChanged
from ice.types import (
    CandidateType,
    Description,
    FlowId,
    Role,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.single import HOST, OURS, TCP_PEER, THEIRS, UDP_PEER, Single, remote_tcp, remote_udp
from tests.ice.test_candidate import make
from tests.net.pair_network import PairNetwork, mirrored


def agent(*, components: int = 1, tie_breaker: int = 1, pacing_ms: int = 20) -> Agent:
    return Agent(
        role=Role.CONTROLLING,
        credentials=OURS,
        tie_breaker=tie_breaker,
        components=components,
        config=IceConfig(pacing_ms=pacing_ms),
        random=bytes,
    )


# --- our description -------------------------------------------------------------------------------------


@pytest.mark.req("USE-2", "USE-3", "USE-20", "ICE-5.1.1.1-4", "USE-7")
def test_the_description() -> None:
    one = Single(components=2)
    description = one.agent.local_description
    assert description.credentials == OURS
    assert description.options == {"ice2"}
    assert not description.lite
    assert not description.mismatch
    assert description.pacing_ms == 10
    assert description.end_of_candidates
    assert {c.component for c in description.candidates} == {1, 2}
    assert len(description.candidates) == 6
    priorities = [c.priority for c in description.candidates]
    assert priorities == sorted(priorities, reverse=True)


def test_the_description_is_capped_and_what_is_left_out_is_not_paired() -> None:
    hosts = tuple(f"192.0.2.{n}" for n in range(1, 8))
    one = Single(hosts=hosts)
    told = one.agent.local_description.candidates
    assert len(told) == 12
    one.remote(remote_udp(), remote_tcp())
    paired = {pair.local for pair in one.agent.pairs}
    # What dials need not be known to whom it connects to.
    assert {local for local in paired if local.tcptype is not TcpType.ACTIVE} <= set(told)
    assert len(paired) == 6 + len(hosts)


@pytest.mark.req("ICE-5.1.3-1")
def test_redundant_candidates_are_not_told() -> None:
    one = Single(tcp=False)
    host = one.agent.local_description.candidates[0]
    same = make(CandidateType.SRFLX, host=HOST, port=4010, base=host.address)
    one.agent.add_local_candidate(same, one.udp, one.now)
    assert one.agent.local_description.candidates == (host,)


@pytest.mark.req("ICETCP-4.1-1")
def test_without_tcp_nothing_of_it_is_told() -> None:
    one = Single(tcp=False)
    assert {c.transport for c in one.agent.local_description.candidates} == {Transport.UDP}


# --- the peer's description ------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-12-4", "ICETCP-4.5-13", "SEC-2", "ICE-7.3.1.3-1")
def test_candidates_that_are_not_used_are_told() -> None:
    one = Single()
    one.remote(
        remote_udp(host="1a2b.local"),
        remote_udp(host="224.0.0.1"),
        remote_udp(host="127.0.0.1"),
        remote_tcp(0),
        remote_udp(),
    )
    refused = {event.candidate.address.host: event.reason for event in one.said(CandidateRefused)}
    assert refused == {
        "1a2b.local": "not an IP address",
        "224.0.0.1": "multicast address",
        "127.0.0.1": "loopback address",
        TCP_PEER.host: "port 0",
    }
    assert len(one.agent.pairs) == 1


def test_loopback_is_for_tests_and_the_demo() -> None:
    one = Single(hosts=("127.0.0.1",), config=IceConfig(loopback=True))
    one.remote(remote_udp(host="127.0.0.1"))
    assert len(one.agent.pairs) == 1


def test_an_address_has_one_spelling() -> None:
    one = Single(hosts=("2001:db8::1",), tcp=False)
    one.remote(remote_udp(host="2001:DB8:0::2"))
    assert one.agent.pairs[0].remote.address.host == "2001:db8::2"
    one.answer(one.requests()[0], one.udp, TransportAddress(host="2001:db8::2", port=5000))
    assert one.agent.pairs[0].checks_answered == 1


@pytest.mark.req("USE-12")
def test_a_mismatch_means_no_ice() -> None:
    one = Single()
    description = Description(credentials=THEIRS, candidates=(remote_udp(),), mismatch=True)
    one.agent.set_remote(description, one.now)
    one.take()
    assert one.state() is SessionState.FAILED
    assert "mismatch" in one.said(StateChanged)[-1].reason
    one.wait(50)
    assert one.requests() == []


@pytest.mark.req("ICETCP-6.2-1")
def test_remote_candidates_of_every_kind_are_paired_by_the_table() -> None:
    one = Single()
    kinds = (CandidateType.SRFLX, CandidateType.RELAY, CandidateType.PRFLX)
    one.remote(
        *(replace(remote_udp(5100 + n), type=kind) for n, kind in enumerate(kinds)),
        *(replace(remote_tcp(5200 + n), type=kind) for n, kind in enumerate(kinds)),
        remote_tcp(5300, TcpType.SO),
    )
    assert len(one.agent.pairs) == 6
    assert TcpType.SO not in {pair.remote.tcptype for pair in one.agent.pairs}


@pytest.mark.req("ICE-6.1.2-1", "SDP-ICE-12", "SDP-ICE-28")
def test_the_same_generation_again_adds_what_is_new() -> None:
    one = Single()
    one.remote(remote_udp())
    pairs = one.agent.pairs
    one.remote(remote_udp(), remote_udp(5002))
    assert one.agent.pairs[:1] == pairs
    assert len(one.agent.pairs) == 2
    assert [event.state for event in one.said(StateChanged)] == [SessionState.RUNNING]


@pytest.mark.req("SDP-ICE-29")
def test_a_completed_session_stays_so_when_the_description_is_repeated() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    sent = len(one.requests())
    one.remote(remote_udp(), remote_udp(5002), remote_tcp())
    one.wait(2)
    assert one.state() is SessionState.COMPLETED
    assert len(one.requests()) == sent
    assert one.dials() == []


# --- candidates that come late ---------------------------------------------------------------------------


def trickling(one: Single) -> None:
    description = Description(credentials=THEIRS, candidates=(), end_of_candidates=False, pacing_ms=20)
    one.agent.set_remote(description, one.now)
    one.take()


@pytest.mark.req("TRI-3", "TRI-9", "PAC-1")
def test_until_the_end_of_candidates_nothing_fails() -> None:
    one = Single()
    trickling(one)
    one.wait(60)
    assert one.state() is SessionState.RUNNING
    one.agent.add_remote_candidate(remote_udp(), one.now)
    one.take()
    assert len(one.requests()) == 1
    one.agent.add_remote_candidate(remote_udp(), one.now)
    one.take()
    assert len(one.agent.pairs) == 1, "known already"
    one.wait(45)
    assert one.state() is SessionState.RUNNING
    one.agent.end_of_candidates(one.now)
    one.take()
    assert one.state() is SessionState.FAILED


@pytest.mark.req("TRI-3", "TRI-8")
def test_after_the_end_of_candidates_none_counts() -> None:
    one = Single()
    trickling(one)
    one.agent.end_of_candidates(one.now)
    one.agent.add_remote_candidate(remote_udp(), one.now)
    one.take()
    assert one.agent.pairs == ()
    assert one.agent.counters["candidates_after_end"] == 1


@pytest.mark.req("ICE-6.1.2-1")
def test_a_late_candidate_disturbs_no_check() -> None:
    one = Single(tcp=False)
    trickling(one)
    one.agent.add_remote_candidate(remote_udp(priority=5), one.now)
    one.take()
    first = one.requests()[0]
    one.wait(0.3)
    one.agent.add_remote_candidate(remote_udp(5002), one.now)
    one.take()
    assert len(one.requests()) == 2
    one.wait(0.25)
    assert one.requests()[2].transaction_id == first.transaction_id, "it is retransmitted as before"


@pytest.mark.req("TRI-4")
def test_a_candidate_that_was_found_before_it_was_told() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    trickling(one)
    one.check(one.udp, UDP_PEER, priority=1862270975)
    one.agent.add_remote_candidate(remote_udp(), one.now)
    one.take()
    one.wait(0.1)
    assert len(one.agent.pairs) == 1
    assert len(one.requests()) == 1


@pytest.mark.req("ICE-6.1.2.2-1")
def test_components_are_limited_once_all_candidates_are_known() -> None:
    one = Single(components=2, tcp=False)
    trickling(one)
    one.agent.add_remote_candidate(remote_udp(), one.now)
    one.take()
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.05)
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.RUNNING
    one.agent.end_of_candidates(one.now)
    one.take()
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("TRI-8")
def test_after_completion_late_candidates_are_not_checked() -> None:
    one = Single(Role.CONTROLLED)
    trickling(one)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    one.agent.add_remote_candidate(remote_tcp(), one.now)
    one.take()
    one.wait(2)
    assert len(one.agent.pairs) == 1
    assert one.dials() == []


def test_a_local_candidate_that_comes_late_is_checked() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp(), remote_tcp())
    assert len(one.agent.pairs) == 1
    active = make(tcptype=TcpType.ACTIVE, host=HOST, port=9)
    one.agent.add_local_candidate(active, None, one.now)
    one.take()
    one.wait(0.02)
    assert len(one.dials()) == 1
    assert one.said(CandidateAdded)[-1].candidate == active
    assert one.said(PairAdded)[-1].pair.local == active


# --- components and roles --------------------------------------------------------------------------------


@pytest.mark.req("ICE-5.1.1.1-4")
@pytest.mark.parametrize("before", [False, True])
def test_rtcp_mux_ends_the_second_component(before: bool) -> None:
    network = PairNetwork(components=2)
    network.gather(components=2)
    sides = (network.a, network.b)
    if before:
        for side in sides:
            side.agent.limit_components(1, network.now)
    network.start()
    network.run(0.05)
    if not before:
        for side in sides:
            side.agent.limit_components(1, network.now)
    network.run_to_end()
    assert mirrored(network)
    for side in sides:
        assert side.agent.selected(2) is None
    sent = len(network.capture)
    network.run(4)
    assert len(network.a.udp) == len(network.b.udp) == 1, "its sockets are freed too"
    assert len(network.capture) - sent < 6


def test_components_that_are_not_used_are_not_told() -> None:
    one = Single(components=2)
    one.agent.limit_components(1, one.now)
    assert {c.component for c in one.agent.local_description.candidates} == {1}


def test_a_role_may_be_chosen_before_the_description() -> None:
    one = Single(Role.CONTROLLED)
    one.agent.set_role(Role.CONTROLLING, one.now)
    one.take()
    assert one.agent.role is Role.CONTROLLING
    assert len(one.said(RoleChanged)) == 1
    one.remote(remote_udp())
    with pytest.raises(ValueError, match="role is fixed"):
        one.agent.set_role(Role.CONTROLLED, one.now)


# --- misuse ----------------------------------------------------------------------------------------------


@pytest.mark.req("USE-7")
@pytest.mark.parametrize(
    "build",
    [
        lambda: agent(components=0),
        lambda: agent(tie_breaker=-1),
        lambda: agent(pacing_ms=0),
        lambda: agent(pacing_ms=4),
    ],
)
def test_impossible_agents(build: Callable[[], Agent]) -> None:
    with pytest.raises(ValueError, match=r"component|64 bits|under 5 ms"):
        build()


def test_candidates_need_the_right_socket() -> None:
    one = agent()
    flow = one.new_flow()
    with pytest.raises(ValueError, match="have a socket"):
        one.add_local_candidate(make(), None, 0.0)
    with pytest.raises(ValueError, match="have a socket"):
        one.add_local_candidate(make(tcptype=TcpType.ACTIVE), flow, 0.0)
    with pytest.raises(ValueError, match="not in use"):
        one.add_local_candidate(make(component=2), flow, 0.0)
    one.add_local_candidate(make(), flow, 0.0)
    with pytest.raises(ValueError, match="in use"):
        one.add_local_candidate(make(port=4001), flow, 0.0)


def test_the_order_of_calls_matters() -> None:
    one = agent()
    with pytest.raises(ValueError, match="description"):
        one.add_remote_candidate(remote_udp(), 0.0)
    with pytest.raises(ValueError, match="description"):
        one.end_of_candidates(0.0)
    with pytest.raises(ValueError, match="at least one"):
        one.limit_components(0, 0.0)
    one.set_remote(Description(credentials=THEIRS, candidates=()), 0.0)
    with pytest.raises(ValueError, match="restart"):
        one.set_remote(Description(credentials=OURS, candidates=()), 0.0)
    with pytest.raises(ValueError, match="restart"):
        one.set_remote(Description(credentials=THEIRS, candidates=(), lite=True), 0.0)
    one.close(0.0)
    with pytest.raises(ValueError, match="closed"):
        one.set_remote(Description(credentials=THEIRS, candidates=()), 0.0)


@pytest.mark.req("USE-14", "USE-15")
def test_nothing_in_the_interface_changes_how_checks_work() -> None:
    """Input, output and what is known: a using protocol constrains inputs and nothing else."""
    public = {name for name in dir(Agent) if not name.startswith("_")}
    descriptions = {
        "local_description",
        "set_remote",
        "add_remote_candidate",
        "end_of_candidates",
        "check_again",
    }
    restarts = {"leave_ice", "restart", "abandon_restart", "restarting", "remote_description"}
    choices = {"add_local_candidate", "limit_components", "set_role", "new_flow", "check_again", "close"}
    sockets = {"receive", "flow_opened", "flow_failed", "flow_closed", "flow_accepted", "socket_lost"}
    sockets |= {"heard_media", "host_lost"}
    time = {"handle_timer", "next_timer", "take_commands", "take_events"}
    known = {"state", "role", "pairs", "selected", "accepts_data", "counters", "lite"}
    forks = {"fork", "generations", "table"}
    assert public == descriptions | restarts | choices | sockets | time | known | forks


def test_flow_ids_are_never_used_twice() -> None:
    one = agent()
    assert [one.new_flow() for _ in range(3)] == [FlowId(1), FlowId(2), FlowId(3)]


def test_before_anything_is_known_there_is_nothing() -> None:
    one = agent()
    assert one.state is SessionState.NEW
    assert one.selected(1) is None
    assert one.pairs == ()
    assert one.next_timer() is None
    one.handle_timer(5.0)
    assert one.take_commands() == []
    assert one.take_events() == []
