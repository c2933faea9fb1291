"""A lite agent and a full peer: it answers checks, takes nominations, sends none of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import (
    CheckReceived,
    OpenTcp,
    PacketRefused,
    PathLost,
    PathSelected,
    RoleChanged,
    StateChanged,
)
from ice.stun.attributes import ErrorCode, XorMappedAddress
from ice.stun.message import MessageClass
from ice.types import Candidate, CandidateType, FlowId, Role, SessionState, TcpType, TransportAddress
from tests.ice.single import (
    DIALLER,
    HOST,
    OURS,
    PEER,
    THEIRS,
    UDP_PEER,
    Single,
    remote_tcp,
    remote_udp,
)

LITE = IceConfig(lite=True)
NAT = TransportAddress(host="203.0.113.7", port=61000)


def lite(role: Role = Role.CONTROLLED, *, components: int = 1, config: IceConfig = LITE) -> Single:
    return Single(role, components=components, config=config)


def nominate(one: Single, flow: FlowId, remote: TransportAddress = UDP_PEER) -> None:
    one.check(flow, remote, use_candidate=True, role=Role.CONTROLLING)


def flows(one: Single) -> dict[int, FlowId]:
    """The UDP socket of each component."""
    sockets = one.agent._table.sockets
    return {s.component: s.flow for s in sockets if s.candidate.tcptype is None}


@pytest.mark.req("ICE-7.3.2-1", "ICE-8.2-1", "ICE-5.2-1")
def test_the_peer_nominates_and_media_may_flow() -> None:
    one = lite()
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    (answer,) = one.answers()
    assert answer.message_class is MessageClass.SUCCESS
    assert one.state() is SessionState.RUNNING
    assert one.agent.selected(1) is None, "a check that does not nominate makes no pair"
    one.now += 0.05
    nominate(one, one.udp)
    assert one.state() is SessionState.COMPLETED
    (path,) = one.said(PathSelected)
    assert (path.flow, path.remote, path.component) == (one.udp, UDP_PEER, 1)
    assert path.reason == "UDP nominated by the peer at 50 ms; this side is ICE lite"
    selected = one.agent.selected(1)
    assert selected is not None
    assert (selected.nominated, selected.local.address.port) == (True, 4010)
    assert one.agent.accepts_data(one.udp, UDP_PEER) == 1


@pytest.mark.req("ICETCP-6.2-10", "ICETCP-4.4-2")
def test_it_never_asks_and_never_dials() -> None:
    one = lite(components=2)
    one.remote(remote_udp(), remote_udp(5002, component=2), remote_tcp(), remote_tcp(5003, component=2))
    one.wait(10.0)
    flow = one.accept()
    one.check(flow, DIALLER, role=Role.CONTROLLING)
    for component in flows(one).values():
        nominate(one, component)
    one.wait(60.0)
    assert one.state() is SessionState.COMPLETED
    assert one.requests() == [], "no check, and no consent check (RFC 7675 §1)"
    assert one.dials() == []
    assert not hasattr(one.agent.lite, "_lists")


@pytest.mark.req("ICE-12.1-3", "ICE-8.2-1")
def test_nothing_is_sent_before_each_component_has_its_pair() -> None:
    one = lite(components=2)
    one.remote(remote_udp(), remote_udp(5002, component=2))
    both = flows(one)
    nominate(one, both[2], TransportAddress(host=PEER, port=5002))
    assert one.said(PathSelected) == []
    assert one.agent.selected(2) is None
    assert one.state() is SessionState.RUNNING
    nominate(one, both[1])
    assert {path.component for path in one.said(PathSelected)} == {1, 2}
    assert one.state() is SessionState.COMPLETED


def test_with_rtcp_mux_one_component_is_enough() -> None:
    one = lite(components=2)
    one.remote(remote_udp(), remote_udp(5002, component=2))
    nominate(one, flows(one)[1])
    assert one.state() is SessionState.RUNNING
    one.agent.limit_components(1, one.now)
    one.take()
    assert one.state() is SessionState.COMPLETED


def test_a_peer_with_one_component_needs_one_nomination() -> None:
    one = lite(components=2)
    one.remote(remote_udp())
    nominate(one, flows(one)[1])
    assert one.state() is SessionState.COMPLETED


@pytest.mark.req("ICETCP-4.4-2", "ICETCP-7.2-1", "ICETCP-7.2-5")
def test_a_connection_is_accepted_and_nominated() -> None:
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    assert one.agent.accepts_data(flow, DIALLER) is None
    one.check(flow, DIALLER, role=Role.CONTROLLING)
    (answer,) = one.answers(flow)
    mapped = answer.get(XorMappedAddress)
    assert mapped is not None
    assert mapped.address == DIALLER
    assert one.agent.accepts_data(flow, DIALLER) == 1
    nominate(one, flow, DIALLER)
    (path,) = one.said(PathSelected)
    assert (path.flow, path.remote) == (flow, DIALLER)
    assert path.pair.local.tcptype is TcpType.PASSIVE
    assert (path.pair.remote.type, path.pair.remote.tcptype) == (CandidateType.PRFLX, TcpType.ACTIVE)


@pytest.mark.req("ICE-6.1.1-1")
@pytest.mark.parametrize("role", list(Role))
def test_towards_a_full_peer_it_is_controlled(role: Role) -> None:
    one = lite(role)
    one.remote(remote_udp())
    assert one.agent.role is Role.CONTROLLED
    assert len(one.said(RoleChanged)) == (role is Role.CONTROLLING)


@pytest.mark.parametrize("tie_breaker", [0, 5, 2**64 - 1])
def test_a_full_peer_that_does_not_control_is_told_to(tie_breaker: int) -> None:
    """RFC 8445 §6.1.1: the full agent controls; whatever the tie-breakers say a lite one never does."""
    one = Single(Role.CONTROLLED, config=LITE, tie_breaker=7)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLED, tie_breaker=tie_breaker)
    (answer,) = one.answers()
    error = answer.get(ErrorCode)
    assert error is not None
    assert error.code == 487
    assert one.agent.role is Role.CONTROLLED
    assert one.said(CheckReceived) == []


def test_checks_before_the_description_count_once_it_is_there() -> None:
    one = lite(Role.CONTROLLING)
    nominate(one, one.udp)
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    assert one.state() is SessionState.NEW
    assert [answer.message_class for answer in one.answers()] == [MessageClass.SUCCESS] * 2
    one.remote(remote_udp())
    assert one.state() is SessionState.COMPLETED


def test_checks_of_another_fork_nominate_nothing() -> None:
    one = lite()
    one.remote(remote_udp())
    one.check(
        one.udp, UDP_PEER, use_candidate=True, role=Role.CONTROLLING, sender=replace(THEIRS, ufrag="fork")
    )
    assert one.state() is SessionState.RUNNING
    assert any("another peer" in refused.reason for refused in one.said(PacketRefused))


def test_a_wrong_password_nominates_nothing() -> None:
    one = lite()
    one.remote(remote_udp())
    one.check(
        one.udp,
        UDP_PEER,
        use_candidate=True,
        role=Role.CONTROLLING,
        credentials=replace(OURS, password="wrong-password-of-22-chars"),
    )
    assert one.state() is SessionState.RUNNING
    assert one.agent.accepts_data(one.udp, UDP_PEER) is None


def test_a_source_that_nobody_told_is_peer_reflexive() -> None:
    one = lite()
    one.remote(remote_udp())
    nominate(one, one.udp, NAT)
    selected = one.agent.selected(1)
    assert selected is not None
    assert (selected.remote.type, selected.remote.address, selected.remote.priority) == (
        CandidateType.PRFLX,
        NAT,
        1862270975,
    )


# --- several nominations -----------------------------------------------------------------------------------


def test_a_second_nomination_of_a_peer_of_rfc_8445_changes_nothing() -> None:
    one = lite()
    one.remote(remote_udp(), remote_udp(5002, priority=2130706175))
    second = TransportAddress(host=PEER, port=5002)
    nominate(one, one.udp, second)
    nominate(one, one.udp)
    (path,) = one.said(PathSelected)
    assert path.remote == second
    assert one.agent.counters["later_nominations"] == 1
    assert [answer.message_class for answer in one.answers()] == [MessageClass.SUCCESS] * 2


@pytest.mark.parametrize("first_is_better", [True, False])
def test_of_several_nominations_of_an_rfc_5245_peer_the_best_counts(first_is_better: bool) -> None:
    one = lite()
    one.remote(remote_udp(), remote_udp(5002, priority=2130706175), ice2=False)
    both = [UDP_PEER, TransportAddress(host=PEER, port=5002)]
    for remote in both if first_is_better else reversed(both):
        nominate(one, one.udp, remote)
    assert one.said(PathSelected)[-1].remote == UDP_PEER
    assert len(one.said(PathSelected)) == (1 if first_is_better else 2)
    assert len(one.said(StateChanged)) == 2, "running, completed"


@pytest.mark.parametrize("deserted", [True, False])
def test_an_rfc_5245_peer_may_move_to_a_worse_pair_that_works(deserted: bool) -> None:
    """Browsers do, and nominate the pair that they move to."""
    one = lite()
    one.remote(remote_udp(), remote_udp(5002, priority=2130706175), ice2=False)
    other = TransportAddress(host=PEER, port=5002)
    nominate(one, one.udp)
    for _ in range(3):
        one.wait(2.5)
        if not deserted:
            one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
        nominate(one, one.udp, other)
    assert one.said(PathSelected)[-1].remote == (other if deserted else UDP_PEER)


# --- freeing, keepalives ------------------------------------------------------------------------------------


@pytest.mark.req("ICE-8.3-2")
def test_what_is_not_used_is_freed_at_completion() -> None:
    one = lite()
    one.remote(remote_udp(), remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    one.check(flow, DIALLER, role=Role.CONTROLLING)
    nominate(one, one.udp)
    assert set(one.closed()) == {one.listener, flow}


def test_an_rfc_5245_peer_may_nominate_again_before_anything_is_freed() -> None:
    one = lite()
    one.remote(remote_udp(), remote_tcp(9, TcpType.ACTIVE), ice2=False)
    nominate(one, one.udp)
    one.wait(LITE.release_after_s - 0.1)
    assert one.closed() == {}
    one.wait(0.2)
    assert set(one.closed()) == {one.listener}


def test_the_listener_of_the_selected_connection_stays() -> None:
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    assert set(one.closed()) == {one.udp}


@pytest.mark.req("ICE-11-3")
@pytest.mark.parametrize("tcp", [True, False])
def test_keepalives_are_indications(tcp: bool) -> None:
    one = lite()
    one.remote(remote_udp(), remote_tcp(9, TcpType.ACTIVE))
    flow, remote = (one.accept(), DIALLER) if tcp else (one.udp, UDP_PEER)
    nominate(one, flow, remote)
    one.wait(LITE.keepalive_s - 0.1)
    assert len(one.sent()) == 1, "the answer alone"
    one.wait(3 * LITE.keepalive_s)
    assert [m.message_class for m in one.sent(flow)[1:]] == [MessageClass.INDICATION] * 3


@pytest.mark.req("CON-4")
def test_consent_checks_are_answered_for_ever() -> None:
    one = lite()
    one.remote(remote_udp())
    nominate(one, one.udp)
    for _ in range(100):
        one.wait(5.0)
        one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    assert len(one.answers()) == 101
    assert one.state() is SessionState.COMPLETED


# --- losing a connection -----------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-11.1-4", "ICETCP-11.1-2")
@pytest.mark.parametrize("again", [True, False], ids=["nominated again", "checked alone"])
def test_a_connection_that_comes_back_is_answered_and_used(again: bool) -> None:
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    one.lost(flow)
    assert [lost.reason for lost in one.said(PathLost)] == ["reset by the peer"]
    one.wait(2.0)
    assert one.dials() == [], "the peer dialled, the peer dials again"
    later = TransportAddress(host=PEER, port=51001)
    back = one.accept(later)
    one.check(back, later, role=Role.CONTROLLING, use_candidate=again)
    path = one.said(PathSelected)[-1]
    assert (path.flow, path.remote) == (back, later)
    assert path.reason == "the peer opened the TCP connection again"
    assert one.requests() == []
    one.wait(100.0)
    assert one.state() is SessionState.COMPLETED


@pytest.mark.parametrize("again", [True, False], ids=["nominated", "checked alone"])
def test_a_second_connection_replaces_one_that_stands_only_by_a_nomination(again: bool) -> None:
    """The peer may have lost a connection that still looks fine from here."""
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    later = TransportAddress(host=PEER, port=51001)
    second = one.accept(later)
    one.check(second, later, role=Role.CONTROLLING, use_candidate=again)
    assert [path.flow for path in one.said(PathSelected)] == ([flow, second] if again else [flow])


def test_a_lost_connection_from_elsewhere_takes_nothing_over() -> None:
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    one.lost(flow)
    back = one.accept(NAT)
    one.check(back, NAT, role=Role.CONTROLLING)
    assert len(one.said(PathSelected)) == 1


def test_a_connection_that_never_comes_back_ends_the_session() -> None:
    one = lite()
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    one.lost(flow)
    one.wait(LITE.consent_timeout_s - 0.1)
    assert one.state() is SessionState.COMPLETED
    one.wait(0.2)
    assert one.state() is SessionState.FAILED
    assert "did not open it again within 30 s" in one.said(StateChanged)[-1].reason


def test_a_connection_that_breaks_before_completion_may_be_nominated_anew() -> None:
    one = lite(components=2)
    one.remote(*(remote_tcp(9, TcpType.ACTIVE, component=number) for number in (1, 2)))
    flow = one.accept()
    nominate(one, flow, DIALLER)
    one.lost(flow)
    assert one.said(PathLost) == [], "it was never used"
    later = TransportAddress(host=PEER, port=51001)
    nominate(one, one.accept(later), later)
    second = next(
        s.flow for s in one.agent._table.sockets if s.component == 2 and s.candidate.tcptype is not None
    )
    other = TransportAddress(host=PEER, port=51002)
    nominate(one, one.accept(other, listener=second), other)
    assert one.state() is SessionState.COMPLETED
    assert {path.remote for path in one.said(PathSelected)} == {later, other}


# --- failing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checks", [0, 3])
def test_without_a_nomination_it_fails_and_says_what_it_saw(checks: int) -> None:
    one = lite()
    one.remote(remote_udp())
    for _ in range(checks):
        one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
        one.wait(0.1)
    one.wait(38.0)
    assert one.state() is SessionState.RUNNING
    one.wait(2.0)
    assert one.state() is SessionState.FAILED
    heard = "3 of its checks were answered" if checks else "no check of it came in"
    assert one.said(StateChanged)[-1].reason == (
        f"no path for RTP: this side is ICE lite, the peer nominated nothing; {heard}"
    )


def test_a_peer_that_still_checks_gets_more_time_but_not_for_ever() -> None:
    one = lite()
    one.remote(remote_udp())
    for _ in range(70):
        one.wait(1.0)
        one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    assert one.state() is SessionState.RUNNING
    for _ in range(15):
        one.wait(1.0)
        one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    assert one.state() is SessionState.FAILED


def test_a_deadline_of_the_caller_is_kept() -> None:
    one = lite(config=replace(LITE, patience_s=2.0))
    one.remote(remote_udp())
    one.wait(1.9)
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    one.wait(0.2)
    assert one.state() is SessionState.FAILED


def test_a_mismatch_ends_it() -> None:
    one = lite(Role.CONTROLLING)
    one.agent.set_remote(
        replace(one.agent.local_description, lite=False, mismatch=True, candidates=()), one.now
    )
    assert one.state() is SessionState.FAILED


# --- descriptions ------------------------------------------------------------------------------------------


@pytest.mark.req("SDP-ICE-25")
def test_candidates_and_credentials_stay_as_they_were_told() -> None:
    one = lite()
    told = one.agent.local_description
    assert told.lite
    assert told.pacing_ms is None
    more = Candidate(
        foundation="9",
        component=1,
        transport=told.candidates[0].transport,
        priority=1,
        address=TransportAddress(host=HOST, port=4999),
        type=CandidateType.HOST,
    )
    with pytest.raises(ValueError, match="by an ICE restart only"):
        one.agent.add_local_candidate(more, one.agent.new_flow(), one.now)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, role=Role.CONTROLLING)
    assert one.agent.local_description == told


@pytest.mark.req("ICETCP-4.4-1")
def test_it_takes_no_candidates_but_host_ones() -> None:
    one = Single(config=LITE, udp=False, tcp=False)
    active = remote_tcp(9, TcpType.ACTIVE)
    reflexive = replace(remote_udp(), type=CandidateType.SRFLX, related=UDP_PEER)
    for candidate, flow in ((active, None), (reflexive, one.agent.new_flow())):
        with pytest.raises(ValueError, match="host candidates only"):
            one.agent.add_local_candidate(candidate, flow, one.now)


@pytest.mark.req("ICE-9-1")
@pytest.mark.parametrize("config", [LITE, IceConfig()], ids=["lite", "full"])
def test_a_peer_becomes_lite_or_full_by_a_restart_only(config: IceConfig) -> None:
    one = lite(config=config)
    one.remote(remote_udp())
    with pytest.raises(ValueError, match="restart"):
        one.remote(remote_udp(), lite=True)


def test_after_close_nothing_is_answered() -> None:
    one = lite()
    one.remote(remote_udp())
    one.agent.close(one.now)
    one.take()
    nominate(one, one.udp)
    assert one.answers() == []
    assert one.state() is SessionState.CLOSED
    assert one.agent.next_timer() is None
    assert not any(isinstance(command, OpenTcp) for command in one.commands)
