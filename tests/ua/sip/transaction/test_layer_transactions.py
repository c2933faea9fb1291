"""Which transaction a message belongs to, and the limits of the layer."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from tests.ua.sip.bench import INVITE_TIMES, TCP, Bench, ack_to, first_sent, make_request
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.transaction.admission import Limits
from ua.sip.transaction.messages import (
    AckReceived,
    InviteCancelled,
    MessageDropped,
    ResponseReceived,
    TransactionTimedOut,
)
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import Hop


@pytest.mark.req("TXN-1")
def test_the_same_branch_of_two_senders_is_two_transactions() -> None:
    bench = Bench()
    bench.receive(make_request("OPTIONS", call_id="one"))
    bench.receive(make_request("OPTIONS", call_id="two", sent_by="192.0.2.9:5060"))
    bench.receive(make_request("OPTIONS", call_id="one", sent_by="192.0.2.1"))  # 5060 is the default
    assert len(bench.requests) == 2


@pytest.mark.req("TXN-1", "UAC-6")
def test_responses_are_matched_by_branch_method_and_sent_by() -> None:
    bench = Bench()
    options = make_request("OPTIONS")
    bench.request(options)
    bench.answer(make_request("OPTIONS", branch="z9hG4bKother"), 200)
    bench.answer(make_request("BYE"), 200)
    bench.answer(make_request("OPTIONS", sent_by="192.0.2.99"), 200)
    two = make_response(options, 200, to_tag="x")
    bench.receive(Response(status=200, headers=two.headers.with_added(("Via", "SIP/2.0/UDP 192.0.2.7"))))
    assert [event.reason for event in bench.events_of(MessageDropped)] == [
        "response to no transaction",
        "response to no transaction",
        "response to another sent-by",
        "response with more than one Via",
    ]
    assert bench.events_of(ResponseReceived) == []
    bench.answer(options, 200)
    assert len(bench.events_of(ResponseReceived)) == 1


@pytest.mark.req("TXN-1")
def test_a_peer_without_the_cookie_is_matched_by_its_fields() -> None:
    bench = Bench()
    invite = make_request(branch="1")
    bench.receive(invite)
    bench.receive(invite)
    assert len(bench.requests) == 1
    bench.respond(486)
    rejection = first_sent(bench, "486")
    assert isinstance(rejection, Response)
    bench.receive(ack_to(invite, rejection))
    bench.run_until(20)
    assert bench.send_times("486") == [0]
    bench.receive(make_request(branch="1", cseq=2))
    assert len(bench.requests) == 2


@pytest.mark.req("TXN-18")
def test_cancel_of_a_ringing_invite() -> None:
    bench = Bench()
    invite = make_request()
    bench.receive(invite)
    bench.respond(180)
    bench.receive(make_request("CANCEL"))
    assert len(bench.events_of(InviteCancelled)) == 1
    assert bench.events_of(InviteCancelled)[0].key == bench.requests[0].key
    ok = first_sent(bench, "200")
    assert ok.to.tag == first_sent(bench, "180").to.tag
    bench.respond(487)
    assert bench.send_times("487") == [0]


@pytest.mark.req("TXN-18")
def test_cancel_after_the_answer_of_nothing_and_of_another_method() -> None:
    late = Bench()
    late.receive(make_request())
    late.respond(200)
    late.receive(make_request("CANCEL"))
    assert late.events_of(InviteCancelled) == []
    assert len(late.send_times("200")) == 2
    stray = Bench()
    stray.receive(make_request("CANCEL"))
    assert stray.send_times("481") == [0]
    other = Bench()
    other.receive(make_request("OPTIONS"))
    other.receive(make_request("CANCEL"))
    assert other.send_times("200") == [0]
    assert other.events_of(InviteCancelled) == []


@pytest.mark.req("TXN-19")
def test_a_stray_ack_makes_no_packet() -> None:
    bench = Bench()
    bench.receive(make_request("ACK", to_tag="x"))
    bench.run_until(60)
    assert bench.sent == []
    assert len(bench.events_of(AckReceived)) == 1
    assert len(bench.layer) == 0


@pytest.mark.req("UAS-3")
def test_a_merged_request_is_482_and_a_repeat_is_not() -> None:
    bench = Bench()
    bench.receive(make_request(branch="z9hG4bKone"))
    bench.receive(make_request(branch="z9hG4bKtwo"))
    bench.receive(make_request(branch="z9hG4bKone"))
    assert bench.send_times("482") == [0]
    assert len(bench.requests) == 1
    bench.receive(make_request(branch="z9hG4bKthree", to_tag="known"))
    assert len(bench.requests) == 2


@pytest.mark.req("TRN-2", "TRN-3")
def test_responses_over_udp_go_to_the_source() -> None:
    bench = Bench()
    source = Hop(transport="udp", remote=TransportAddress(host="198.51.100.7", port=40000))
    bench.receive(make_request(), source)
    bench.respond(180)
    _, command = bench.sent[0]
    assert command.hop.remote == source.remote
    assert command.message.via.received == "198.51.100.7"
    assert command.message.via.rport == 40000
    plain = make_request("OPTIONS", branch="z9hG4bKplain")
    via = "SIP/2.0/UDP client.example.com:5070;branch=z9hG4bKplain"
    bench.receive(
        Request(method="OPTIONS", uri=plain.uri, headers=plain.headers.with_rows("via", via)), source
    )
    bench.respond(200, 1)
    _, command = bench.sent[1]
    assert str(command.hop.remote) == "198.51.100.7:5070"
    assert command.message.via.received == "198.51.100.7"
    assert command.message.via.param("rport") is None


@pytest.mark.req("TRN-3")
def test_responses_over_tcp_go_back_on_the_connection() -> None:
    bench = Bench()
    bench.receive(make_request(transport="TCP"), TCP)
    bench.respond(486)
    assert [command.hop for _, command in bench.sent] == [TCP]
    bench.run_until(20)
    assert bench.send_times("486") == [0]  # no timer G on a reliable transport


@pytest.mark.req("LIM-3", "TXN-23")
def test_too_many_transactions_are_answered_503_without_state() -> None:
    bench = Bench(limits=Limits(pending=3))
    for number in range(5):
        bench.receive(make_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=str(number)))
    assert len(bench.requests) == 3
    assert len(bench.send_times("503")) == 2
    assert first_sent(bench, "503").headers.first("retry-after") == "5"
    assert len(bench.layer) == 3
    bench.respond(200)
    bench.receive(make_request("OPTIONS", branch="z9hG4bKnext", call_id="next"))
    assert len(bench.requests) == 4, "an answered request makes room"


@pytest.mark.req("LIM-3")
def test_the_oldest_that_are_answered_make_room_for_new_ones() -> None:
    bench = Bench(limits=Limits(transactions=5))
    bench.receive(make_request("INVITE", branch="z9hG4bKringing", call_id="ringing"))
    for number in range(20):
        bench.receive(make_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=str(number)))
        bench.respond(200, number + 1)
        assert len(bench.layer) <= 5
    assert len(bench.requests) == 21
    assert bench.send_times("503") == []
    bench.receive(make_request("INVITE", branch="z9hG4bKringing", call_id="ringing"))
    bench.receive(make_request("OPTIONS", branch="z9hG4bK19", call_id="19"))
    assert len(bench.requests) == 21, "the call that rings, and the newest, are known still"
    bench.receive(make_request("OPTIONS", branch="z9hG4bK0", call_id="0"))
    assert len(bench.requests) == 22, "the oldest is not"


@pytest.mark.req("LIM-3", "TXN-23")
def test_a_host_that_asks_too_much_hears_503_and_then_nothing() -> None:
    bench = Bench(limits=Limits(per_second=10))
    other = Hop(transport="udp", remote=TransportAddress(host="192.0.2.77", port=5060))
    for number in range(100):
        bench.receive(make_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=str(number)))
    assert len(bench.requests) == 10
    assert len(bench.send_times("503")) == 10
    assert len(bench.events_of(MessageDropped)) == 90
    assert len(bench.layer) == 10
    bench.receive(make_request("OPTIONS", branch="z9hG4bKother", call_id="other"), other)
    assert len(bench.requests) == 11, "others are served"
    bench.receive(make_request("OPTIONS", branch="z9hG4bK0", call_id="0"))
    assert len(bench.send_times("503")) == 10, "a repeat is none of them"
    bench.run_until(0.5)
    for number in range(100, 110):
        bench.receive(make_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=str(number)))
    assert len(bench.requests) == 16, "half a second makes room for five"
    assert len(bench.send_times("503")) == 15


@pytest.mark.req("UAS-3")
def test_a_request_is_no_copy_of_one_that_has_ended() -> None:
    bench = Bench()
    bench.receive(make_request("OPTIONS", branch="z9hG4bKone"), TCP)
    bench.respond(200)
    assert len(bench.layer) == 0
    bench.receive(make_request("OPTIONS", branch="z9hG4bKtwo"), TCP)
    assert len(bench.requests) == 2


@pytest.mark.req("LIM-4")
def test_stray_responses_cost_nothing() -> None:
    bench = Bench()
    for number in range(1000):
        bench.answer(make_request(branch=f"z9hG4bK{number}"), 200)
    assert bench.sent == []
    assert len(bench.layer) == 0


@pytest.mark.req("TXN-21")
def test_a_longer_t1_stretches_everything() -> None:
    bench = Bench(timers=Timers(t1=2.0))
    bench.request(make_request())
    bench.run_until(127.9)
    assert bench.send_times("INVITE") == [4 * at for at in INVITE_TIMES]
    assert not bench.events_of(TransactionTimedOut)
    bench.run_until(128)
    assert len(bench.events_of(TransactionTimedOut)) == 1
