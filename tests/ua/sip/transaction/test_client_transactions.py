"""The client transaction machines, on a virtual clock."""

from __future__ import annotations

import pytest

from tests.ua.sip.bench import (
    INVITE_TIMES,
    NON_INVITE_TIMES,
    REMOTE,
    TCP,
    UDP,
    Bench,
    first_sent,
    make_request,
    name_of,
)
from ua.sip.syntax.message import Request
from ua.sip.transaction.messages import (
    ClientKey,
    MessageDropped,
    ResponseReceived,
    TransactionEnded,
    TransactionFailed,
    TransactionTimedOut,
)
from ua.sip.transaction.timers import Timers


@pytest.mark.req("TXN-8", "TXN-20")
def test_invite_is_repeated_and_times_out_after_64_t1() -> None:
    bench = Bench()
    bench.request(make_request())
    bench.run_until(31.9)
    assert bench.send_times("INVITE") == INVITE_TIMES
    assert len({command.data for _, command in bench.sent}) == 1
    assert bench.events == []
    bench.run_until(32.0)
    assert [type(event) for event in bench.events] == [TransactionTimedOut, TransactionEnded]
    assert bench.send_times("ACK") == []
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-8")
def test_invite_over_tcp_is_sent_once() -> None:
    bench = Bench()
    bench.request(make_request(), TCP)
    bench.run_until(40)
    assert bench.send_times("INVITE") == [0]
    assert len(bench.events_of(TransactionTimedOut)) == 1


@pytest.mark.req("TXN-9")
def test_ringing_stops_repeats_and_the_timeout() -> None:
    bench = Bench()
    invite = make_request()
    bench.request(invite)
    bench.run_until(0.4)
    for status in (100, 180, 183):
        bench.answer(invite, status)
    bench.run_until(600)
    assert bench.send_times("INVITE") == [0]
    assert [event.response.status for event in bench.events_of(ResponseReceived)] == [100, 180, 183]
    assert len(bench.layer) == 1
    bench.answer(invite, 200)
    assert bench.events_of(ResponseReceived)[-1].response.status == 200


@pytest.mark.req("TXN-3", "TXN-10")
def test_each_repeated_failure_is_acknowledged_and_told_once() -> None:
    bench = Bench()
    invite = make_request()
    bench.request(invite)
    bench.answer(invite, 180)
    for _ in range(6):
        bench.run_until(bench.now + 0.5)
        bench.answer(invite, 486)
    assert len(bench.send_times("ACK")) == 6
    assert len({command.data for _, command in bench.sent if name_of(command.message) == "ACK"}) == 1
    assert [event.response.status for event in bench.events_of(ResponseReceived)] == [180, 486]
    bench.run_until(31)
    assert len(bench.layer) == 1
    bench.run_until(40)
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-3")
def test_ack_to_a_failure_has_branch_route_and_the_tag_of_the_response() -> None:
    bench = Bench()
    invite = make_request()
    routed = Request(
        method="INVITE",
        uri=invite.uri,
        headers=invite.headers.with_added(("Route", "<sip:p.example.com;lr>")),
    )
    bench.request(routed)
    bench.answer(routed, 404, tag="xyz")
    ack = first_sent(bench, "ACK")
    assert isinstance(ack, Request)
    assert ack.headers.all("via") == invite.headers.all("via")
    assert ack.headers.first("route") == "<sip:p.example.com;lr>"
    assert ack.uri == invite.uri
    assert str(ack.cseq) == "1 ACK"
    assert ack.to.tag == "xyz"
    assert ack.call_id == invite.call_id


@pytest.mark.req("TXN-10")
def test_timer_d_is_32_seconds_even_with_a_short_t1_and_nothing_on_tcp() -> None:
    bench = Bench(timers=Timers(t1=0.01))
    invite = make_request()
    bench.request(invite)
    bench.answer(invite, 486)
    bench.run_until(31.9)
    assert len(bench.layer) == 1
    bench.run_until(32.1)
    assert len(bench.layer) == 0
    bench.request(make_request(branch="z9hG4bKtcp"), TCP)
    bench.answer(make_request(branch="z9hG4bKtcp"), 486, TCP)
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-2", "TXN-11")
def test_every_2xx_goes_up_for_64_t1_and_the_machine_never_acknowledges() -> None:
    bench = Bench()
    invite = make_request()
    bench.request(invite)
    for tag in ("one", "two", "three", "one"):
        bench.answer(invite, 200, tag=tag)
        bench.run_until(bench.now + 5)
    bench.answer(invite, 486)
    bench.answer(invite, 180)
    assert [event.response.to.tag for event in bench.events_of(ResponseReceived)] == [
        "one",
        "two",
        "three",
        "one",
    ]
    assert bench.send_times("ACK") == []
    bench.run_until(32.1)
    bench.answer(invite, 200, tag="late")
    assert len(bench.events_of(ResponseReceived)) == 4
    assert bench.events_of(MessageDropped)[-1].reason == "response to no transaction"


@pytest.mark.req("TXN-5", "TRN-10")
def test_transport_error_ends_a_client_transaction() -> None:
    bench = Bench()
    invite, options = make_request(), make_request("OPTIONS")
    for request in (invite, options):
        bench.request(request)
    bench.layer.address_failed(REMOTE, "connection refused", 0.1)
    bench.pump()
    assert [event.reason for event in bench.events_of(TransactionFailed)] == ["connection refused"] * 2
    assert len(bench.layer) == 0


@pytest.mark.req("TRN-10")
def test_a_lost_connection_fails_what_waits_on_it_alone() -> None:
    bench = Bench()
    bench.request(make_request("OPTIONS", branch="z9hG4bK1"), TCP)
    bench.request(make_request("OPTIONS", branch="z9hG4bK2"), UDP)
    answered = make_request(branch="z9hG4bK3")
    bench.request(answered, TCP)
    bench.answer(answered, 200, TCP)
    bench.layer.connection_lost(1, "closed by the peer", 0.0)
    bench.pump()
    assert [event.key.branch for event in bench.events_of(TransactionFailed)] == ["z9hG4bK1"]


# CANCEL


@pytest.mark.req("TXN-4")
def test_cancel_waits_for_the_first_provisional_response() -> None:
    bench = Bench()
    invite = make_request()
    bench.request(invite)
    key = bench.layer.request(make_request("OPTIONS", branch="z9hG4bKo"), UDP, 0.0)
    assert not bench.layer.cancel(key, 0.0)
    invite_key = next(command.key for _, command in bench.sent)
    assert isinstance(invite_key, ClientKey)
    assert bench.layer.cancel(invite_key, 0.0)
    bench.pump()
    assert bench.send_times("CANCEL") == []
    bench.answer(invite, 100)
    cancel = first_sent(bench, "CANCEL")
    assert isinstance(cancel, Request)
    assert cancel.headers.all("via") == invite.headers.all("via")
    assert cancel.headers.first("to") == invite.headers.first("to")
    assert str(cancel.cseq) == "1 CANCEL"
    bench.answer(cancel, 200)
    bench.answer(invite, 487)
    assert len(bench.send_times("ACK")) == 1


@pytest.mark.req("TXN-4")
def test_no_final_response_after_a_cancel_ends_the_invite_after_64_t1() -> None:
    bench = Bench()
    invite = make_request()
    key = bench.layer.request(invite, UDP, 0.0)
    bench.answer(invite, 180)
    bench.run_until(10)
    bench.layer.cancel(key, bench.now)
    bench.pump()
    bench.answer(invite, 180)
    assert len(bench.send_times("CANCEL")) == 1
    bench.run_until(41.9)
    assert bench.layer.awaits_final(key)
    bench.run_until(42.1)
    assert not bench.layer.awaits_final(key)
    assert not bench.layer.cancel(key, bench.now)


# non-INVITE client


@pytest.mark.req("TXN-12", "TXN-20")
def test_non_invite_is_repeated_up_to_t2_and_times_out() -> None:
    bench = Bench()
    bench.request(make_request("OPTIONS"))
    bench.run_until(40)
    assert bench.send_times("OPTIONS") == NON_INVITE_TIMES
    assert len({command.data for _, command in bench.sent}) == 1
    assert [type(event) for event in bench.events] == [TransactionTimedOut, TransactionEnded]


@pytest.mark.req("TXN-12")
def test_a_provisional_slows_repeats_and_leaves_the_timeout() -> None:
    bench = Bench()
    options = make_request("OPTIONS")
    bench.request(options)
    bench.run_until(1)
    bench.answer(options, 100)
    bench.run_until(31.99)
    assert bench.send_times("OPTIONS") == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert not bench.events_of(TransactionTimedOut)
    bench.run_until(32)
    assert len(bench.events_of(TransactionTimedOut)) == 1


@pytest.mark.req("TXN-12")
def test_repeated_finals_are_absorbed_for_t4() -> None:
    bench = Bench()
    bye = make_request("BYE")
    bench.request(bye)
    for _ in range(3):
        bench.answer(bye, 200)
    assert len(bench.events_of(ResponseReceived)) == 1
    bench.run_until(4.9)
    assert len(bench.layer) == 1
    bench.run_until(5.1)
    assert len(bench.layer) == 0
    tcp = make_request("BYE", branch="z9hG4bKtcp")
    bench.request(tcp, TCP)
    bench.answer(tcp, 200, TCP)
    assert len(bench.layer) == 0
