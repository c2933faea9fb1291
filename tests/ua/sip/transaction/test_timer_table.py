"""The timers of RFC 3261 table 4 with RFC 6026, each by its letter, over UDP and over a stream."""

from __future__ import annotations

import pytest

from tests.ua.sip.bench import (
    INVITE_TIMES,
    NON_INVITE_TIMES,
    TCP,
    UDP,
    Bench,
    ack_to,
    first_sent,
    make_request,
)
from ua.sip.syntax.message import Response
from ua.sip.transaction.messages import TransactionEnded, TransactionTimedOut
from ua.sip.transport.hop import Hop

T1, T2, T4 = 0.5, 4.0, 5.0
BOTH = pytest.mark.parametrize("hop", [UDP, TCP], ids=["udp", "tcp"])


def ended_at(bench: Bench, limit: float = 400.0) -> float:
    """When the only transaction ends."""
    while bench.now < limit and not bench.events_of(TransactionEnded):
        at = bench.layer.next_timer()
        if at is None:
            break
        bench.run_until(at)
    assert bench.events_of(TransactionEnded), "it never ends"
    assert len(bench.layer) == 0
    return round(bench.now, 3)


def client(method: str, hop: Hop) -> Bench:
    bench = Bench()
    bench.request(make_request(method), hop)
    return bench


def server(method: str, hop: Hop) -> Bench:
    bench = Bench()
    transport = "UDP" if hop is UDP else "TCP"
    bench.receive(make_request(method, transport=transport), hop)
    return bench


@BOTH
@pytest.mark.req("TXN-8")
def test_a_and_b_repeat_an_invite_and_give_it_up(hop: Hop) -> None:
    bench = client("INVITE", hop)
    assert ended_at(bench) == 64 * T1
    assert bench.send_times("INVITE") == (INVITE_TIMES if hop is UDP else [0])
    assert bench.events_of(TransactionTimedOut)


@BOTH
@pytest.mark.req("TXN-12")
def test_e_and_f_repeat_another_request_and_give_it_up(hop: Hop) -> None:
    bench = client("OPTIONS", hop)
    assert ended_at(bench) == 64 * T1
    assert bench.send_times("OPTIONS") == (NON_INVITE_TIMES if hop is UDP else [0])
    assert bench.events_of(TransactionTimedOut)


@BOTH
@pytest.mark.req("TXN-12")
def test_e_is_t2_once_there_was_a_provisional_response(hop: Hop) -> None:
    bench = client("OPTIONS", hop)
    bench.run_until(1.0)
    bench.answer(make_request("OPTIONS"), 100, hop)
    assert ended_at(bench) == 64 * T1
    wanted = [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5] if hop is UDP else [0]
    assert bench.send_times("OPTIONS") == wanted


@BOTH
@pytest.mark.req("TXN-10")
def test_d_keeps_a_refused_invite_to_acknowledge_repeats(hop: Hop) -> None:
    bench = client("INVITE", hop)
    bench.answer(make_request("INVITE"), 486, hop)
    if hop is UDP:
        assert ended_at(bench) >= 32
    else:
        assert ended_at(bench) == 0
    assert len(bench.send_times("ACK")) == 1


@BOTH
@pytest.mark.req("TXN-2", "TXN-11")
def test_m_takes_the_answers_of_forks(hop: Hop) -> None:
    bench = client("INVITE", hop)
    bench.answer(make_request("INVITE"), 200, hop)
    assert ended_at(bench) == 64 * T1


@BOTH
@pytest.mark.req("TXN-12")
def test_k_absorbs_repeated_answers(hop: Hop) -> None:
    bench = client("OPTIONS", hop)
    bench.answer(make_request("OPTIONS"), 200, hop)
    assert ended_at(bench) == (T4 if hop is UDP else 0)


@BOTH
@pytest.mark.req("TXN-14")
def test_g_and_h_repeat_a_refusal_until_it_is_given_up(hop: Hop) -> None:
    bench = server("INVITE", hop)
    bench.respond(486)
    assert ended_at(bench) == 64 * T1
    assert bench.send_times("486") == (NON_INVITE_TIMES if hop is UDP else [0])
    assert bench.events_of(TransactionTimedOut)


@BOTH
@pytest.mark.req("TXN-14")
def test_i_swallows_repeated_acks(hop: Hop) -> None:
    bench = server("INVITE", hop)
    bench.respond(486)
    refusal = first_sent(bench, "486")
    assert isinstance(refusal, Response)
    bench.receive(ack_to(bench.requests[0].request, refusal), hop)
    assert ended_at(bench) == (T4 if hop is UDP else 0)
    assert not bench.events_of(TransactionTimedOut)


@BOTH
@pytest.mark.req("TXN-2", "TXN-15")
def test_l_absorbs_repeats_of_an_answered_invite(hop: Hop) -> None:
    bench = server("INVITE", hop)
    bench.respond(200)
    assert ended_at(bench) == 64 * T1
    assert bench.send_times("200") == [0], "the core repeats its 2xx itself"


@BOTH
@pytest.mark.req("TXN-17")
def test_j_answers_repeated_requests(hop: Hop) -> None:
    bench = server("OPTIONS", hop)
    bench.respond(200)
    assert ended_at(bench) == (64 * T1 if hop is UDP else 0)


@pytest.mark.req("TXN-4")
def test_an_invite_that_was_cancelled_waits_for_its_end_as_long_as_any_request() -> None:
    bench = Bench()
    invite = make_request("INVITE")
    key = bench.layer.request(invite, UDP, 0.0)
    bench.pump()
    bench.answer(invite, 180)
    bench.run_until(10.0)
    bench.layer.cancel(key, bench.now)
    bench.pump()
    bench.answer(make_request("CANCEL"), 200)
    bench.run_until(10 + 64 * T1)
    assert [event.key for event in bench.events_of(TransactionTimedOut)] == [key]
