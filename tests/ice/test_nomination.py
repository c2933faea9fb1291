"""The stopping rule: which pair is nominated, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.checks.nomination import Decision, best_valid, decide, passed_over
from ice.checks.pair import Foundation, Pair, ValidPair
from ice.types import FlowId, PairState, Role, TcpType
from tests.ice.test_candidate import make

TA_S = 0.02


def udp(state: PairState, *, sent_at: float | None = None, rank: int = 0) -> Pair:
    pair = Pair(
        number=1,
        local=make(rank=rank),
        remote=make(host="198.51.100.1"),
        role=Role.CONTROLLING,
        flow=FlowId(1),
    )
    pair.state, pair.sent_at = state, sent_at
    return pair


def tcp(state: PairState, *, sent_at: float | None = None) -> Pair:
    pair = Pair(
        number=2,
        local=make(tcptype=TcpType.ACTIVE, port=9),
        remote=make(host="198.51.100.1", tcptype=TcpType.PASSIVE),
        role=Role.CONTROLLING,
        flow=FlowId(2),
    )
    pair.state, pair.sent_at = state, sent_at
    return pair


def proved(pair: Pair, *, at: float, rtt_s: float, peer_checked: bool = True) -> Pair:
    pair.state = PairState.SUCCEEDED
    pair.valid = ValidPair(local=pair.local, flow=FlowId(2), at=at)
    pair.rtt_s = rtt_s
    pair.peer_checked = peer_checked
    return pair


def choose(
    *pairs: Pair,
    now: float,
    turns: dict[Pair, float] | None = None,
    hopeless: set[Foundation] | None = None,
    lite: bool = False,
) -> Decision:
    return decide(
        pairs, turns=turns or {}, hopeless=hopeless or set(), peer_answers_only=lite, ta_s=TA_S, now=now
    )


def test_without_a_valid_pair_there_is_nothing_to_nominate() -> None:
    assert choose(udp(PairState.IN_PROGRESS, sent_at=0.0), now=5.0) == Decision()
    assert choose(now=5.0) == Decision()


@pytest.mark.req("ICE-8.1.1-1", "ICETCP-8-5")
def test_the_best_pair_is_nominated_at_once() -> None:
    best = proved(udp(PairState.SUCCEEDED), at=0.05, rtt_s=0.05)
    assert choose(best, tcp(PairState.IN_PROGRESS, sent_at=0.02), now=0.05) == Decision(pair=best)


@pytest.mark.req("ICE-8.1.1-1", "ICETCP-8-5")
def test_a_valid_tcp_pair_waits_two_round_trips_for_udp_and_no_longer() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=0.12, rtt_s=0.05)
    old, young = udp(PairState.IN_PROGRESS, sent_at=0.0), udp(PairState.IN_PROGRESS, sent_at=0.1)
    assert choose(valid, old, now=0.12) == Decision(pair=valid)
    assert choose(valid, young, now=0.12).at == pytest.approx(0.2)
    assert choose(valid, young, now=0.2) == Decision(pair=valid)


@pytest.mark.req("ICE-8.1.1-1")
def test_the_connect_time_measures_the_round_trip() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=0.3, rtt_s=0.2)
    valid.connect_s = 0.05
    young = udp(PairState.IN_PROGRESS, sent_at=0.25)
    assert choose(valid, young, now=0.3).at == pytest.approx(0.35)


def test_a_better_check_gets_its_turn_only_if_it_comes_soon() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=1.0, rtt_s=0.05)
    unsent = udp(PairState.WAITING)
    assert choose(valid, unsent, now=1.0, turns={unsent: 1.04}).at == pytest.approx(1.14)
    assert choose(valid, unsent, now=1.0, turns={unsent: 1.5}) == Decision(pair=valid)
    frozen = udp(PairState.FROZEN)
    assert choose(valid, frozen, now=1.0) == Decision(pair=valid)


def test_what_one_component_waited_for_in_vain_the_next_does_not_wait_for() -> None:
    """Pairs of one foundation fare alike; only those that were tried and are silent count."""
    valid = proved(tcp(PairState.SUCCEEDED), at=0.12, rtt_s=0.05)
    silent, unsent = udp(PairState.IN_PROGRESS, sent_at=0.0), udp(PairState.WAITING)
    silent.checks_sent = 1
    assert passed_over([valid, silent], valid) == {silent.foundation}
    assert passed_over([valid, unsent], valid) == set()
    assert passed_over([valid, silent], silent) == set(), "a worse pair is not waited for anyway"
    young = udp(PairState.IN_PROGRESS, sent_at=0.1)
    assert choose(valid, young, now=0.12).at == pytest.approx(0.2)
    assert choose(valid, young, now=0.12, hopeless={young.foundation}) == Decision(pair=valid)
    better = proved(udp(PairState.SUCCEEDED), at=0.13, rtt_s=0.05)
    assert choose(valid, better, now=0.13, hopeless={better.foundation}) == Decision(pair=better)


def test_on_a_fast_network_a_busy_host_gets_some_time() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=0.021, rtt_s=0.0003)
    assert choose(valid, udp(PairState.IN_PROGRESS, sent_at=0.0), now=0.021).at == pytest.approx(0.05)


def test_checks_that_are_sent_anew_cannot_hold_it_up_for_ever() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=1.0, rtt_s=0.05)
    again = udp(PairState.IN_PROGRESS, sent_at=9.99)
    assert choose(valid, again, now=10.0) == Decision(pair=valid)


@pytest.mark.req("ICETCP-8-2")
def test_a_connection_is_nominated_after_the_peer_checked_it_too() -> None:
    valid = proved(tcp(PairState.SUCCEEDED), at=1.0, rtt_s=0.05, peer_checked=False)
    assert choose(valid, now=1.0).at == pytest.approx(1.05)
    assert choose(valid, now=1.05) == Decision(pair=valid), "some peers send no checks"
    assert choose(valid, now=1.0, lite=True) == Decision(pair=valid), "a lite peer never does"
    valid.peer_checked = True
    assert choose(valid, now=1.0) == Decision(pair=valid)


def test_of_equal_pairs_the_one_that_was_proved_first_counts() -> None:
    first, second = (proved(udp(PairState.SUCCEEDED), at=at, rtt_s=0.1) for at in (1.0, 2.0))
    assert best_valid([second, first]) is first
    better = proved(udp(PairState.SUCCEEDED), at=3.0, rtt_s=0.1)
    worse = proved(udp(PairState.SUCCEEDED, rank=5), at=1.0, rtt_s=0.1)
    assert best_valid([worse, better]) is better


@pytest.mark.req("ICE-8.1.1-1")
@given(
    st.floats(0.0001, 2.0),
    st.lists(st.tuples(st.sampled_from([PairState.IN_PROGRESS, PairState.WAITING]), st.floats(0, 100))),
)
def test_no_valid_pair_is_ever_sat_on(rtt_s: float, others: list[tuple[PairState, float]]) -> None:
    """However many better checks there are: four round trips after the proof it is nominated."""
    valid = proved(tcp(PairState.SUCCEEDED), at=10.0, rtt_s=rtt_s, peer_checked=False)
    pending = [udp(state, sent_at=at) for state, at in others]
    turns = {
        pair: at for pair, (state, at) in zip(pending, others, strict=True) if state is PairState.WAITING
    }
    decision = choose(valid, *pending, now=10.0, turns=turns)
    limit = 10.0 + 2 * max(2 * rtt_s, 0.05) + 2 * TA_S
    if decision.at is not None:
        assert 10.0 < decision.at <= limit
    else:
        assert decision.pair is valid
    assert choose(valid, *pending, now=limit, turns=turns).pair is valid
