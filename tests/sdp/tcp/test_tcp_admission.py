"""Which connection to a port is the peer's: a core under virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.tcp.admission import MOST_WAITING, PREFERENCE_S, Admission, Ruling

PEER, NAT, OTHER = "192.0.2.1", "198.51.100.7", "203.0.113.9"


def taken(rulings: list[Ruling]) -> list[int]:
    return [ruling.number for ruling in rulings if ruling.taken]


def closed(rulings: list[Ruling]) -> list[int]:
    return [ruling.number for ruling in rulings if not ruling.taken]


@pytest.mark.req("4145-10")
def test_the_signalled_address_is_taken_at_once_and_no_second_one() -> None:
    admission = Admission()
    assert admission.expect(PEER, 10.0) == []
    assert taken(admission.arrived(1, PEER, 10.0)) == [1]
    assert closed(admission.arrived(2, PEER, 10.1)) == [2]
    assert admission.next_timer() is None


@pytest.mark.req("4145-10")
def test_another_address_waits_for_the_signalled_one() -> None:
    admission = Admission()
    admission.expect(PEER, 10.0)
    assert admission.arrived(1, OTHER, 10.0) == []
    rulings = admission.arrived(2, PEER, 10.1)
    assert (taken(rulings), closed(rulings)) == ([2], [1])


@pytest.mark.req("4145-10")
def test_behind_a_nat_the_first_one_is_taken_after_a_while() -> None:
    admission = Admission()
    admission.expect(PEER, 10.0)
    admission.arrived(1, NAT, 10.0)
    admission.arrived(2, OTHER, 10.1)
    assert admission.next_timer() == 10.0 + PREFERENCE_S
    assert admission.handle_timer(10.0 + PREFERENCE_S / 2) == []
    rulings = admission.handle_timer(10.0 + PREFERENCE_S)
    assert (taken(rulings), closed(rulings)) == ([1], [2])


def test_before_the_answer_connections_wait() -> None:
    admission = Admission()
    assert admission.arrived(1, OTHER, 1.0) == []
    assert admission.arrived(2, PEER, 2.0) == []
    assert admission.next_timer() is None
    rulings = admission.expect(PEER, 60.0)
    assert (taken(rulings), closed(rulings)) == ([2], [1])


def test_without_an_address_the_first_one_is_taken() -> None:
    admission = Admission()
    admission.arrived(1, OTHER, 1.0)
    admission.arrived(2, NAT, 1.0)
    rulings = admission.expect(None, 2.0)
    assert (taken(rulings), closed(rulings)) == ([1], [2])


def test_strangers_do_not_keep_the_peer_out() -> None:
    admission = Admission()
    for number in range(MOST_WAITING):
        assert admission.arrived(number, OTHER, 1.0) == []
    assert closed(admission.arrived(MOST_WAITING, NAT, 1.0)) == [MOST_WAITING]
    admission.expect(PEER, 1.0)
    assert taken(admission.arrived(99, PEER, 1.1)) == [99]


def test_stopped_it_closes_all() -> None:
    admission = Admission()
    admission.arrived(1, PEER, 1.0)
    assert closed(admission.stop()) == [1]
    assert closed(admission.arrived(2, PEER, 1.0)) == [2]
    assert admission.expect(PEER, 1.0) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrived"), st.sampled_from([PEER, NAT, OTHER])),
        st.tuples(st.just("expect"), st.sampled_from([PEER, None])),
        st.tuples(st.just("stop"), st.none()),
    ),
    max_size=20,
)


@pytest.mark.req("4145-10")
@given(STEPS, st.lists(st.floats(0, 0.2), min_size=20, max_size=20))
def test_at_most_one_is_taken_and_each_is_ruled_on_once(
    steps: list[tuple[str, str | None]], pauses: list[float]
) -> None:
    admission, now, count = Admission(), 0.0, 0
    rulings: list[Ruling] = []
    for (step, host), pause in zip(steps, pauses, strict=False):
        now += pause
        due = admission.next_timer()
        if due is not None and due <= now:
            rulings += admission.handle_timer(now)
        match step:
            case "arrived":
                rulings += admission.arrived(count, str(host), now)
                count += 1
            case "expect":
                rulings += admission.expect(host, now)
            case _:
                rulings += admission.stop()
    rulings += admission.stop()
    assert sorted(ruling.number for ruling in rulings) == list(range(count))
    assert len(taken(rulings)) <= 1
    assert admission.next_timer() is None
