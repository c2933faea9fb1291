"""How many requests are taken from one host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.sip.transaction.admission import MAX_SOURCES, Admission, Limits, Rate, Verdict

RATE = 20.0


@pytest.mark.req("LIM-3")
@given(st.lists(st.floats(min_value=0, max_value=3), max_size=200))
def test_no_host_gets_more_than_its_share_whatever_the_moments(steps: list[float]) -> None:
    admission = Admission(Limits(per_second=RATE))
    now, taken, refused = 0.0, 0, 0
    for step in steps:
        now += step / 100
        verdict = admission.judge("192.0.2.1", pending=0, now=now)
        taken += verdict is Verdict.TAKE
        refused += verdict is Verdict.REFUSE
        assert taken <= RATE + now * RATE
        assert refused <= RATE + now * RATE


@pytest.mark.req("LIM-3")
def test_fifty_calls_a_second_from_one_pbx_are_taken() -> None:
    admission = Admission(Limits())
    verdicts = {
        admission.judge("192.0.2.1", pending=2 * number // 50, now=number / 250) for number in range(250 * 60)
    }
    assert verdicts == {Verdict.TAKE}


@pytest.mark.req("LIM-3")
def test_a_flood_does_not_keep_its_host_out_for_ever() -> None:
    admission = Admission(Limits(per_second=RATE))
    verdicts = [admission.judge("192.0.2.1", pending=0, now=number / 1000) for number in range(10_000)]
    assert abs(verdicts.count(Verdict.TAKE) - RATE * 11) <= 1, "ten seconds, and what was there at first"
    assert verdicts.count(Verdict.DROP) > 9000
    assert admission.judge("192.0.2.1", pending=0, now=10.1) is Verdict.TAKE


@pytest.mark.req("LIM-3")
def test_requests_that_wait_for_answers_count_for_all_hosts() -> None:
    admission = Admission(Limits(pending=5))
    assert admission.judge("192.0.2.1", pending=5, now=0) is Verdict.REFUSE
    assert admission.judge("192.0.2.2", pending=4, now=0) is Verdict.TAKE


def test_other_limits_grow_with_the_requests_and_do_not_shrink() -> None:
    assert Limits.of_requests(500) == Limits()
    more = Limits.of_requests(1000)
    assert (more.per_second, more.datagrams_per_second) == (1000, 2000)
    assert (more.pending, more.transactions) == (4000, 20_000)
    less = Limits.of_requests(50)
    assert (less.per_second, less.datagrams_per_second) == (50, 100)
    assert (less.pending, less.transactions) == (2000, 10_000)


@pytest.mark.req("LIM-3")
def test_made_up_hosts_do_not_fill_the_memory() -> None:
    rate = Rate(10)
    for number in range(3 * MAX_SOURCES):
        assert rate.take(f"host {number}", 0)
    assert len(rate) == MAX_SOURCES
