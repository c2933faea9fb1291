"""The server transaction machines, on a virtual clock."""

from __future__ import annotations

import pytest

from tests.ua.sip.bench import NON_INVITE_TIMES, Bench, ack_to, first_sent, make_request, name_of
from ua.sip.syntax.message import Response
from ua.sip.transaction.messages import (
    AckReceived,
    TransactionFailed,
    TransactionTimedOut,
)


@pytest.mark.req("TXN-6")
def test_trying_is_said_once_after_200_ms_unless_the_user_is_quicker() -> None:
    slow = Bench()
    slow.receive(make_request())
    slow.run_until(5)
    assert slow.send_times("100") == [0.2]
    trying = first_sent(slow, "100")
    assert trying.to.tag is None
    quick = Bench()
    quick.receive(make_request())
    quick.respond(180)
    quick.run_until(5)
    assert quick.send_times("100") == []


@pytest.mark.req("TXN-13")
def test_repeats_while_ringing_get_the_latest_provisional() -> None:
    bench = Bench()
    invite = make_request()
    bench.receive(invite)
    bench.respond(180)
    bench.receive(invite)
    bench.receive(invite)
    assert [name_of(command.message) for _, command in bench.sent] == ["180"] * 3
    assert len({command.data for _, command in bench.sent}) == 1
    assert len(bench.requests) == 1


@pytest.mark.req("TXN-14")
def test_a_rejection_is_repeated_until_the_ack() -> None:
    bench = Bench()
    invite = make_request()
    bench.receive(invite)
    bench.respond(486)
    bench.run_until(2)
    assert bench.send_times("486") == [0, 0.5, 1.5]
    bench.receive(invite)
    assert bench.send_times("486") == [0, 0.5, 1.5, 2]
    rejection = first_sent(bench, "486")
    assert isinstance(rejection, Response)
    for _ in range(3):
        bench.receive(ack_to(invite, rejection))
    bench.run_until(6.9)
    assert len(bench.send_times("486")) == 4
    assert len(bench.layer) == 1
    assert bench.events_of(AckReceived) == []
    bench.run_until(7.1)
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-14")
def test_a_rejection_without_ack_is_given_up_after_64_t1() -> None:
    bench = Bench()
    bench.receive(make_request())
    bench.respond(486)
    bench.run_until(33)
    assert bench.send_times("486") == NON_INVITE_TIMES
    assert len(bench.events_of(TransactionTimedOut)) == 1
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-2", "TXN-15")
def test_accepted_absorbs_the_invite_and_passes_2xx_and_ack() -> None:
    bench = Bench()
    invite = make_request()
    bench.receive(invite)
    bench.respond(200)
    bench.run_until(3)
    bench.receive(invite)
    assert bench.send_times("200") == [0]
    assert len(bench.requests) == 1
    assert bench.respond(200)
    assert bench.send_times("200") == [0, 3]
    ok = first_sent(bench, "200")
    assert isinstance(ok, Response)
    bench.receive(ack_to(invite, ok))  # of an RFC 2543 peer: the INVITE's own branch
    assert len(bench.events_of(AckReceived)) == 1
    assert not bench.respond(486)
    bench.run_until(32.1)
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-16")
def test_a_response_that_cannot_be_sent_leaves_the_invite_server_where_it_is() -> None:
    bench = Bench()
    invite = make_request()
    bench.receive(invite)
    bench.respond(180)
    bench.layer.transport_failed(bench.requests[0].key, "no route", 0.0)
    bench.pump()
    assert len(bench.events_of(TransactionFailed)) == 1
    bench.receive(invite)
    assert len(bench.requests) == 1
    assert len(bench.send_times("180")) == 2


# non-INVITE server


@pytest.mark.req("TXN-17")
def test_non_invite_server_repeats_its_answer() -> None:
    bench = Bench()
    bye = make_request("BYE", to_tag="b")
    bench.receive(bye)
    bench.receive(bye)
    assert bench.sent == []
    assert bench.respond(200)
    bench.receive(bye)
    bench.receive(bye)
    assert bench.send_times("200") == [0, 0, 0]
    assert not bench.respond(500)
    assert len(bench.requests) == 1
    bench.run_until(32.1)
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-17")
def test_non_invite_server_repeats_its_provisional() -> None:
    bench = Bench()
    options = make_request("OPTIONS")
    bench.receive(options)
    bench.respond(100)
    bench.receive(options)
    assert len(bench.send_times("100")) == 2


@pytest.mark.req("TXN-7")
def test_a_late_non_invite_server_stays_silent() -> None:
    bench = Bench()
    bench.receive(make_request("OPTIONS"))
    bench.run_until(100)
    assert bench.sent == []
