"""What a session does where its circuit breaker trips (RFC 8083 §4.5)."""

from __future__ import annotations

import pytest

from media.config import MediaConfig
from media.events import MediaEvent, SendingResumed, SendingStopped
from media.rtcp.compound import RtcpRrPacket, source_description
from tests.media.bench import PEER, Bench, block_about


def report(bench: Bench, *, lost: int = 0, highest: int | None = None) -> None:
    """A report of the peer about our stream, by default that all of it has come."""
    sent = bench.rtp_sent
    if highest is None:
        highest = sent[-1].sequence
    block = block_about(bench.session.ssrc, highest_sequence=highest, fraction_lost=lost)
    bench.report(RtcpRrPacket(ssrc=PEER, reports=[block]), source_description(PEER, "peer"))


def silenced(bench: Bench) -> None:
    """The peer reports twice and never again, until we stop."""
    for _ in range(2):
        bench.run(5)
        report(bench)
    bench.run(16)
    assert bench.session.guard.stopped


def stops(bench: Bench) -> list[MediaEvent]:
    return bench.told(SendingStopped)


@pytest.mark.req("CB-1", "CB-5")
def test_nothing_but_reports_is_sent_any_more_and_the_owner_is_told() -> None:
    bench = Bench()
    silenced(bench)
    (event,) = stops(bench)
    assert isinstance(event, SendingStopped)
    assert (event.cause, event.stopped) == ("no_reports", True)
    assert event.at == pytest.approx(25.2, abs=0.3)
    sent, reports = len(bench.rtp_sent), len(bench.rtcp_sent)
    bench.run(120)
    assert len(bench.rtp_sent) == sent
    assert len(bench.rtcp_sent) > reports
    assert not bench.told(SendingResumed)


@pytest.mark.req("CB-5")
def test_a_report_brings_it_back_after_the_interval_and_not_before() -> None:
    bench = Bench()
    silenced(bench)
    stopped_at = stops(bench)[0].at
    bench.report(RtcpRrPacket(ssrc=PEER), source_description(PEER, "peer"))
    bench.run(stopped_at + 14.5 - bench.now)
    assert bench.session.guard.stopped
    sent = len(bench.rtp_sent)
    bench.run(1)
    (resumed,) = bench.told(SendingResumed)
    assert resumed.at - stopped_at == pytest.approx(15.0, abs=0.25)
    bench.run(1)
    assert len(bench.rtp_sent) >= sent + 40


@pytest.mark.req("CB-5")
def test_attempts_on_one_path_are_an_interval_apart_whatever_the_user_does() -> None:
    bench = Bench()
    silenced(bench)
    for _ in range(100):
        bench.session.guard.retry("the user wants it", bench.now)
        bench.run(1)
    times = [event.at for event in stops(bench)]
    resumed = [event.at for event in bench.told(SendingResumed)]
    assert len(times) >= 3
    assert all(back - stop >= 14.9 for stop, back in zip(times, resumed, strict=False))


@pytest.mark.req("CB-5")
def test_another_path_is_tried_at_once() -> None:
    bench = Bench()
    silenced(bench)
    bench.session.guard.retry("another path", bench.now, elsewhere=True)
    sent = len(bench.rtp_sent)
    bench.run(1)
    assert len(bench.rtp_sent) >= sent + 40


@pytest.mark.req("CB-3", "CB-5")
def test_reports_are_no_news_where_nothing_arrived() -> None:
    bench = Bench()
    for _ in range(2):
        bench.run(5)
        report(bench)
    frozen = bench.rtp_sent[-1].sequence
    for _ in range(5):
        bench.run(5)
        report(bench, highest=frozen)
    (event,) = stops(bench)
    assert isinstance(event, SendingStopped)
    assert event.cause == "nothing_arrives"
    for _ in range(20):
        bench.run(5)
        report(bench, highest=frozen)
    assert bench.session.guard.stopped


@pytest.mark.req("CB-7")
def test_useless_media_ends() -> None:
    bench = Bench()
    for _ in range(8):
        bench.run(5)
        report(bench, lost=154)
    (event,) = stops(bench)
    assert isinstance(event, SendingStopped)
    assert event.cause == "unusable"


@pytest.mark.req("CB-2")
def test_a_throttled_tcp_path_is_seen_by_its_queue() -> None:
    bench = Bench()
    bench.rtp.reliable = True
    bench.rtp.accept = False
    bench.run(40)
    (event,) = stops(bench)
    assert isinstance(event, SendingStopped)
    assert event.cause == "queue"


def test_who_asked_for_a_warning_gets_one() -> None:
    bench = Bench(config=MediaConfig(circuit_breaker="warn"))
    for _ in range(2):
        bench.run(5)
        report(bench)
    bench.run(60)
    (event,) = stops(bench)
    assert isinstance(event, SendingStopped)
    assert not event.stopped
    assert len(bench.rtp_sent) >= 3400


def test_hold_and_calls_without_rtcp_do_not_trip_it() -> None:
    bench = Bench()
    for _ in range(2):
        bench.run(5)
        report(bench)
    bench.session.sending = False
    bench.run(60)
    bench.session.sending = True
    bench.run(5)
    report(bench)
    bench.session.reporting = False
    bench.run(60)
    assert not stops(bench)
