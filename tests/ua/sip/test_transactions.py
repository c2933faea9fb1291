"""The four transaction machines and the layer that owns them, on a virtual clock."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from tests.ua.sip.bench import REMOTE, TCP, UDP, Bench, ack_to, make_request, name_of
from ua.sip.hop import Hop
from ua.sip.message import Request, Response, make_response
from ua.sip.timers import Timers
from ua.sip.transaction_messages import (
    AckReceived,
    ClientKey,
    InviteCancelled,
    MessageDropped,
    ResponseReceived,
    TransactionEnded,
    TransactionFailed,
    TransactionTimedOut,
)

INVITE_TIMES = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
NON_INVITE_TIMES = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
ANSWER_TIMES = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def first_sent(bench: Bench, what: str) -> Request | Response:
    return next(command.message for _, command in bench.sent if name_of(command.message) == what)


# INVITE client


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


# INVITE server


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
    assert bench.send_times("486") == ANSWER_TIMES
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


# matching


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
    bench = Bench(max_server_transactions=3)
    for number in range(5):
        bench.receive(make_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=str(number)))
    assert len(bench.requests) == 3
    assert len(bench.send_times("503")) == 2
    assert first_sent(bench, "503").headers.first("retry-after") == "5"
    assert len(bench.layer) == 3


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
