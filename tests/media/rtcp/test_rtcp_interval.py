from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.config import RtcpBandwidth
from media.rtcp.interval import RtcpTimer, deterministic_interval, reduced_minimum

BANDWIDTH = RtcpBandwidth(senders=100, receivers=300)


def timer(uniform: float | None = 0.5, *, minimum: float = 5.0, seed: int = 1) -> RtcpTimer:
    draw = random.Random(seed).random if uniform is None else lambda: uniform
    return RtcpTimer(0.0, bandwidth=BANDWIDTH, minimum=minimum, first_size=100, uniform=draw)


def td(members: int, senders: int, *, we_sent: bool, bandwidth: RtcpBandwidth = BANDWIDTH) -> float:
    return deterministic_interval(
        members=members, senders=senders, we_sent=we_sent, bandwidth=bandwidth, average_size=100, minimum=5
    )


@pytest.mark.req("RTP-23")
def test_two_members_wait_the_minimum() -> None:
    assert td(2, 2, we_sent=True) == 5
    assert td(2, 1, we_sent=False) == 5


@pytest.mark.req("RTP-23")
def test_few_senders_share_a_quarter() -> None:
    assert td(100, 2, we_sent=False) == pytest.approx(98 * 100 / 300)
    assert td(100, 20, we_sent=True) == pytest.approx(20 * 100 / 100)


@pytest.mark.req("RTP-23")
def test_many_senders_share_everything() -> None:
    assert td(100, 26, we_sent=True) == td(100, 26, we_sent=False) == pytest.approx(100 * 100 / 400)


@pytest.mark.req("RTP-23")
@pytest.mark.parametrize("senders", [0, 1, 2])
def test_no_bandwidth_for_receivers_is_no_division_by_zero(senders: int) -> None:
    only_senders = RtcpBandwidth(senders=400, receivers=0)
    assert td(2, senders, we_sent=False, bandwidth=only_senders) == math.inf
    assert td(2, max(1, senders), we_sent=True, bandwidth=only_senders) == 5


@pytest.mark.req("RTP-27")
def test_no_bandwidth_at_all_turns_rtcp_off() -> None:
    off = RtcpBandwidth(senders=0, receivers=0)
    assert RtcpTimer(0, bandwidth=off, minimum=5, first_size=100, uniform=lambda: 0.5).next_at == math.inf


@pytest.mark.req("RTP-7")
def test_ten_thousand_intervals_have_the_mean_and_bounds_of_the_rfc() -> None:
    it = timer(None)
    intervals = []
    for i in range(10_000):
        it.sent(100, 0.0, members=2, senders=2, we_sent=bool(i % 2))
        intervals.append(it.interval)
    assert sum(intervals) / len(intervals) == pytest.approx(4.104, rel=0.01)
    assert 2.052 <= min(intervals) < 2.2
    assert 6.0 < max(intervals) <= 6.157


@pytest.mark.req("RTP-7")
def test_the_first_interval_is_half() -> None:
    first = [timer(None, seed=seed).next_at for seed in range(2000)]
    assert 1.026 <= min(first) < 1.1
    assert 3.0 < max(first) <= 3.079


@pytest.mark.req("RTP-27")
def test_the_reduced_minimum_falls_with_the_bandwidth() -> None:
    assert reduced_minimum(80) == 4.5
    assert reduced_minimum(64) == 5
    assert timer(0.5, minimum=reduced_minimum(360)).interval == pytest.approx(0.5 / 1.21828, rel=1e-4)


@pytest.mark.req("RTP-24")
def test_timer_reconsideration_waits_where_the_group_has_grown() -> None:
    it = timer()
    due = it.next_at
    assert not it.expired(due, members=400, senders=400, we_sent=True)
    assert it.next_at == pytest.approx(400 * 100 / 400 / 1.21828, rel=1e-4)
    assert it.expired(it.next_at, members=400, senders=400, we_sent=True)


@pytest.mark.req("RTP-24")
def test_reverse_reconsideration_pulls_the_next_packet_in() -> None:
    it = timer()
    it.sent(100, 10.0, members=10, senders=1, we_sent=True)
    assert it.expired(it.next_at, members=10, senders=1, we_sent=True)
    it.sent(100, 20.0, members=10, senders=1, we_sent=True)
    before = it.next_at
    it.members_left(22.0, 2)
    assert it.next_at == pytest.approx(22 + 0.2 * (before - 22))
    it.members_left(22.0, 2)
    due = it.next_at
    assert due == pytest.approx(22 + 0.2 * (before - 22))
    # the last packet seems to have gone out later as well: 22 - 0.2 * (22 - 20)
    assert not it.expired(due, members=2, senders=1, we_sent=True)
    assert it.next_at == pytest.approx(21.6 + 5 / 1.21828, rel=1e-4)


@pytest.mark.req("RTP-25", "RTP-27")
def test_members_are_timed_out_by_the_full_minimum() -> None:
    it = timer(minimum=0.5)
    assert it.member_timeout(members=2, senders=2) == 25


@pytest.mark.req("RTP-26")
def test_average_size_follows_packets_both_ways() -> None:
    it = timer()
    it.received(260)
    assert it.average_size == 110
    it.sent(270, 5.0, members=2, senders=2, we_sent=True)
    assert it.average_size == 120


@given(
    members=st.integers(1, 10_000),
    share=st.floats(0, 1),
    we_sent=st.booleans(),
    senders_bandwidth=st.floats(0, 1000),
    receivers_bandwidth=st.floats(0, 1000),
    size=st.floats(50, 1500),
)
def test_intervals_are_never_below_the_minimum(
    members: int,
    share: float,
    we_sent: bool,
    senders_bandwidth: float,
    receivers_bandwidth: float,
    size: float,
) -> None:
    interval = deterministic_interval(
        members=members,
        senders=round(share * members),
        we_sent=we_sent,
        bandwidth=RtcpBandwidth(senders=senders_bandwidth, receivers=receivers_bandwidth),
        average_size=size,
        minimum=5,
    )
    assert interval >= 5
