from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.circuit_breaker import (
    Cause,
    CircuitBreaker,
    Report,
    Trip,
    congestion_intervals,
    reports_until_timeout,
    smoothed,
    tcp_throughput,
)

PACKET = 172


class Sender:
    """50 packets of 172 bytes a second, in virtual time; looked at every 200 ms, reports every 5 s."""

    def __init__(self, *, reliable: bool = False, round_trip: float | None = 0.1) -> None:
        self.breaker = CircuitBreaker(frame=0.02, interval=5.0)
        self.now = 0.0
        self.packets = self.dropped = 0
        self.highest = 0
        self.reliable = reliable
        self.round_trip = round_trip
        self.silent = False
        self.drop_share = 0.0
        self.trip: Trip | None = None
        self._look()

    def _look(self) -> None:
        found = self.breaker.sent(
            self.now,
            packets=self.packets,
            bytes_=self.packets * PACKET,
            dropped=self.dropped,
            reliable=self.reliable,
        )
        self.trip = self.trip or found

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.2)):
            self.now = round(self.now + 0.2, 6)
            if not self.silent:
                self.packets += 10
                self.dropped += round(10 * self.drop_share)
            self._look()
            if self.trip is not None:
                return

    def report(self, *, lost: float = 0.0, arrived: bool = True, interval: float = 5.0) -> None:
        if arrived:
            self.highest = self.packets
        report = Report(
            highest=self.highest, fraction_lost=lost, round_trip=self.round_trip, interval=interval
        )
        found = self.breaker.reported(self.now, report, packets=self.packets, bytes_=self.packets * PACKET)
        self.trip = self.trip or found

    def talk(self, reports: int, *, lost: float = 0.0, arrived: bool = True, interval: float = 5.0) -> None:
        for _ in range(reports):
            self.run(interval)
            self.report(lost=lost, arrived=arrived, interval=interval)

    @property
    def cause(self) -> Cause | None:
        return None if self.trip is None else self.trip.cause


def test_a_good_call_is_left_alone() -> None:
    sender = Sender()
    sender.talk(200, lost=0.02)
    assert sender.trip is None


@pytest.mark.req("CB-1")
def test_no_report_for_three_intervals_stops() -> None:
    sender = Sender()
    sender.talk(2)
    sender.run(15)
    assert sender.trip is None
    sender.run(0.4)
    assert sender.cause is Cause.NO_REPORTS


@pytest.mark.req("CB-1")
def test_a_peer_that_said_it_reports_has_fifteen_seconds_from_the_first_packet() -> None:
    sender = Sender()
    sender.breaker.expects_reports = True
    sender.silent = True
    sender.run(60)
    sender.silent = False
    sender.run(15)
    assert sender.trip is None
    sender.run(0.4)
    assert sender.cause is Cause.NO_REPORTS


def test_a_peer_that_never_reports_and_never_said_so_is_talked_to() -> None:
    sender = Sender()
    sender.run(600)
    assert sender.trip is None


def test_nobody_reports_on_silence() -> None:
    sender = Sender()
    sender.talk(2)
    for _ in range(20):
        sender.silent = True
        sender.run(12)
        sender.silent = False
        sender.run(10)
    assert sender.trip is None
    sender.run(20)
    assert sender.cause is Cause.NO_REPORTS


@pytest.mark.req("CB-3")
@pytest.mark.parametrize(("round_trip", "interval", "reports"), [(0.1, 5.0, 5), (2.0, 1.0, 10)])
def test_so_many_frozen_reports_stop(round_trip: float, interval: float, reports: int) -> None:
    assert reports_until_timeout(frame=0.02, round_trip=round_trip, interval=interval) == reports
    sender = Sender(round_trip=round_trip)
    sender.talk(3, interval=interval)
    sender.talk(reports - 1, arrived=False, interval=interval)
    assert sender.trip is None
    sender.talk(1, arrived=False, interval=interval)
    assert sender.cause is Cause.NOTHING_ARRIVES


@pytest.mark.req("CB-3")
def test_progress_begins_the_count_again() -> None:
    sender = Sender()
    sender.talk(3)
    for _ in range(10):
        sender.talk(4, arrived=False)
        sender.talk(1)
    assert sender.trip is None


@pytest.mark.req("CB-3")
def test_a_longer_round_trip_extends_the_count_and_a_shorter_one_does_not_cut_it() -> None:
    sender = Sender(round_trip=0.1)
    sender.talk(2, interval=1.0)
    sender.round_trip = 20.0
    sender.talk(2, arrived=False, interval=1.0)
    sender.round_trip = 0.01
    longest = reports_until_timeout(frame=0.02, round_trip=smoothed(smoothed(0.1, 20.0), 20.0), interval=1.0)
    assert longest > 30
    sender.talk(longest - 3, arrived=False, interval=1.0)
    assert sender.trip is None
    sender.talk(1, arrived=False, interval=1.0)
    assert sender.cause is Cause.NOTHING_ARRIVES


@pytest.mark.req("CB-3")
def test_reports_while_nothing_is_sent_do_not_count() -> None:
    sender = Sender()
    sender.talk(3)
    sender.silent = True
    sender.talk(20, arrived=False)
    assert sender.trip is None


@pytest.mark.req("CB-4")
@pytest.mark.parametrize(
    ("round_trip", "loss", "kbps"), [(0.1, 0.3, 357.8), (0.1, 0.01, 1960), (0.4, 0.2, 109.5)]
)
def test_what_tcp_would_reach(round_trip: float, loss: float, kbps: float) -> None:
    reached = tcp_throughput(size=200, round_trip=round_trip, loss=loss)
    assert 10 * reached * 8 / 1000 == pytest.approx(kbps, rel=1e-3)


@pytest.mark.req("CB-4")
def test_a_normal_call_looks_at_three_reports() -> None:
    assert congestion_intervals(frame=0.02, round_trip=0.1, interval=5.0, own_interval=5.0) == 3
    assert congestion_intervals(frame=0.02, round_trip=0.1, interval=1.0, own_interval=5.0) == 3
    assert congestion_intervals(frame=0.02, round_trip=2.0, interval=1.0, own_interval=5.0) == 15


@pytest.mark.req("CB-4")
def test_congestion_stops_after_more_reports_than_are_looked_at() -> None:
    # 50 packets a second are more than ten times TCP from p = 0.375 at a round trip of 400 ms
    sender = Sender(round_trip=0.4)
    sender.talk(3, lost=0.45)
    assert sender.trip is None
    sender.talk(1, lost=0.45)
    assert sender.cause is Cause.CONGESTION
    calm = Sender(round_trip=0.4)
    calm.talk(100, lost=0.35)
    assert calm.trip is None


@pytest.mark.req("CB-4")
def test_the_loss_of_long_intervals_weighs_more() -> None:
    sender = Sender(round_trip=0.4)
    sender.talk(2)
    for _ in range(20):
        sender.run(1.0)
        sender.report(lost=0.49)
        sender.run(9.0)
        sender.report(lost=0.3)
    assert sender.trip is None
    for _ in range(4):
        sender.run(9.0)
        sender.report(lost=0.49)
        sender.run(1.0)
        sender.report(lost=0.3)
    assert sender.cause is Cause.CONGESTION


@pytest.mark.req("CB-4")
def test_few_packets_are_no_congestion() -> None:
    sender = Sender(round_trip=1.5)
    sender.talk(1)
    sender.silent = True
    for _ in range(5):
        sender.run(12)
        sender.packets += 1
        sender.report(lost=0.9)
    assert sender.trip is None


@pytest.mark.req("CB-6")
def test_round_trips_are_smoothed() -> None:
    tr: float | None = None
    sequence = [tr := smoothed(tr, measured) for measured in (1.0, 1.0, 2.0)]
    assert sequence == pytest.approx([1.0, 1.0, 1.2])
    sender = Sender(round_trip=1.0)
    sender.talk(2)
    sender.round_trip = 2.0
    sender.talk(1)
    assert sender.breaker.round_trip == pytest.approx(1.2)


@pytest.mark.req("CB-7")
def test_loss_that_nobody_understands_stops_after_half_a_minute() -> None:
    sender = Sender(round_trip=None)
    sender.talk(1)
    sender.talk(6, lost=0.6)
    assert sender.trip is None
    sender.talk(1, lost=0.6)
    assert sender.cause is Cause.UNUSABLE
    better = Sender(round_trip=None)
    better.talk(1)
    for _ in range(10):
        better.talk(5, lost=0.6)
        better.talk(1, lost=0.4)
    assert better.trip is None


@pytest.mark.req("CB-7")
def test_a_delay_that_nobody_bears_stops_too() -> None:
    sender = Sender(round_trip=4.2)
    sender.talk(6)
    assert sender.trip is None
    sender.talk(1)
    assert sender.cause is Cause.UNUSABLE


@pytest.mark.req("CB-2")
def test_a_slow_tcp_connection_is_seen_before_any_report_tells_of_loss() -> None:
    sender = Sender(reliable=True)
    sender.run(10)
    sender.drop_share = 0.7
    sender.run(29)
    assert sender.trip is None
    sender.run(8)
    assert sender.cause is Cause.QUEUE
    assert sender.breaker.round_trip is None


@pytest.mark.req("CB-2")
def test_a_blackout_of_a_tcp_connection_is_not_enough() -> None:
    sender = Sender(reliable=True)
    for _ in range(10):
        sender.drop_share = 1.0
        sender.run(10)
        sender.drop_share = 0.0
        sender.run(10)
    assert sender.trip is None


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 20),
            st.integers(0, 400),
            st.integers(0, 0xFFFFFFFF),
            st.floats(0, 1),
            st.none() | st.floats(0, 40_000),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_is_reported_it_decides(
    steps: list[tuple[float, int, int, float, float | None, bool]],
) -> None:
    breaker = CircuitBreaker(frame=0.02, interval=5.0)
    now, packets = 0.0, 0
    for seconds, count, highest, lost, round_trip, reliable in steps:
        now += seconds
        packets += count
        trips = [
            breaker.sent(now, packets=packets, bytes_=PACKET * packets, dropped=count, reliable=reliable),
            breaker.reported(
                now,
                Report(highest=highest, fraction_lost=lost, round_trip=round_trip, interval=5.0),
                packets=packets,
                bytes_=PACKET * packets,
            ),
        ]
        for trip in trips:
            assert trip is None or (trip.interval > 0 and math.isfinite(trip.interval) and trip.detail)
