"""Which candidates form a pair; priorities of pairs and of what they become."""

from __future__ import annotations

import itertools

import pytest

from ice.candidates.priority import pair_priority
from ice.checks.pair import Pair, ValidPair, can_pair, priority_of
from ice.types import CandidateType, FlowId, PairState, Role, TcpType, Transport, TransportAddress
from tests.ice.test_candidate import make

KINDS = (None, TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO)


@pytest.mark.req("ICETCP-6.2-1", "ICETCP-3-1", "ICE-6.1.2.2-1", "ICETCP-3-2")
@pytest.mark.parametrize(("local", "remote"), list(itertools.product(KINDS, KINDS)))
def test_matrix_of_transports_and_directions(local: TcpType | None, remote: TcpType | None) -> None:
    allowed = {
        (None, None),
        (TcpType.ACTIVE, TcpType.PASSIVE),
        (TcpType.PASSIVE, TcpType.ACTIVE),
        (TcpType.SO, TcpType.SO),
    }
    ours, theirs = make(tcptype=local), make(tcptype=remote, host="198.51.100.1")
    assert can_pair(ours, theirs) is ((local, remote) in allowed)


@pytest.mark.req("ICE-6.1.2.2-1", "ICETCP-6.2-7")
def test_components_and_families_must_fit() -> None:
    ours = make()
    assert not can_pair(ours, make(component=2))
    assert not can_pair(ours, make(host="2001:db8::1"))
    assert not can_pair(make(host="fe80::1"), make(host="2001:db8::1"))


@pytest.mark.req("ICE-6.1.2.3-1")
def test_both_agents_compute_one_priority() -> None:
    one, other = 2128609279, 2124414975
    assert priority_of(one, other, Role.CONTROLLING) == priority_of(other, one, Role.CONTROLLED)
    assert priority_of(one, other, Role.CONTROLLING) == pair_priority(one, other)
    assert priority_of(one, other, Role.CONTROLLED) == pair_priority(other, one)


def tcp_pair(local: TcpType, remote: TcpType) -> Pair:
    return Pair(
        number=1,
        local=make(tcptype=local),
        remote=make(tcptype=remote, host="198.51.100.1"),
        role=Role.CONTROLLING,
        flow=None,
    )


@pytest.mark.req("ICE-6.1.2.3-1", "ICE-6.1.1-2")
def test_a_change_of_roles_changes_the_priority() -> None:
    pair = tcp_pair(TcpType.ACTIVE, TcpType.PASSIVE)
    assert pair.priority == 9124292845014876159
    pair.take_role(Role.CONTROLLED)
    assert pair.priority == 9124292845014876158


def test_two_connections_between_the_same_hosts_have_the_same_merit() -> None:
    ours = tcp_pair(TcpType.ACTIVE, TcpType.PASSIVE)
    theirs = Pair(
        number=2,
        local=make(tcptype=TcpType.PASSIVE),
        remote=make(CandidateType.PRFLX, TcpType.ACTIVE, host="198.51.100.1"),
        role=Role.CONTROLLING,
        flow=FlowId(1),
    )
    assert ours.merit == theirs.merit
    assert ours.priority > theirs.priority


@pytest.mark.req("ICETCP-P-1", "ICE-7.2.5.3.2-1")
def test_the_view_shows_the_candidate_that_was_proved() -> None:
    pair = tcp_pair(TcpType.ACTIVE, TcpType.PASSIVE)
    assert pair.view(selected=False).local == pair.local
    proved = make(CandidateType.PRFLX, TcpType.ACTIVE, port=51000)
    pair.valid = ValidPair(local=proved, flow=FlowId(3), at=1.0)
    pair.rtt_s = 0.0125
    view = pair.view(selected=True)
    assert view.local == proved
    assert view.local.address == TransportAddress(host="192.0.2.1", port=51000)
    assert view.priority == pair_priority(1855979519, 2124414975)
    assert (view.selected, view.rtt_ms, view.state) == (True, 12.5, PairState.FROZEN)
    assert view.local.transport is Transport.TCP
