"""Dialogs: route sets, sequence numbers, targets; and what a callee repeats."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.ua.sip.bench import make_request
from ua.sip.dialog import Dialog, glare_delay, next_hop, preset_route, route
from ua.sip.errors import SipParseError
from ua.sip.invite.repeaters import AnswerRepeater, Repeat
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.timers import Timers


def with_rows(message: Request, *rows: tuple[str, str]) -> Request:
    return replace(message, headers=message.headers.with_added(*rows))


def answer(invite: Request, status: int = 200, *rows: tuple[str, str], tag: str = "b") -> Response:
    headers = Headers.of(("Contact", "<sip:bob@192.0.2.2:5070>"), *rows)
    return make_response(invite, status, to_tag=tag, headers=headers)


def names(routes: tuple[NameAddr, ...]) -> list[str]:
    return [str(entry) for entry in routes]


@pytest.mark.req("DLG-1", "DLG-8")
def test_the_caller_takes_record_route_reversed() -> None:
    invite = make_request(cseq=7)
    response = answer(
        invite, 200, ("Record-Route", "<sip:p3;lr>, <sip:p2;lr;x=1>"), ("Record-Route", "<sip:p1;lr>")
    )
    dialog = Dialog.of_caller(invite, response)
    assert names(dialog.routes) == ["<sip:p1;lr>", "<sip:p2;lr;x=1>", "<sip:p3;lr>"]
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, None)
    assert (dialog.id.call_id, dialog.id.local_tag, dialog.id.remote_tag) == ("call", "a", "b")
    bye = dialog.make_request("BYE")
    assert str(bye.cseq) == "8 BYE"
    assert str(bye.uri) == "sip:bob@192.0.2.2:5070"
    assert bye.headers.all("route") == ("<sip:p1;lr>", "<sip:p2;lr;x=1>", "<sip:p3;lr>")
    assert str(next_hop(bye)) == "sip:p1;lr"
    assert bye.to.tag == "b"
    assert bye.from_.tag == "a"


@pytest.mark.req("DLG-1", "DLG-8")
def test_the_callee_takes_record_route_in_order() -> None:
    invite = with_rows(
        make_request(cseq=70),
        ("Record-Route", "<sip:p1;lr>"),
        ("Record-Route", "<sip:p2;lr>"),
        ("Contact", "<sip:alice@192.0.2.1>"),
    )
    dialog = Dialog.of_callee(invite, "mine")
    assert names(dialog.routes) == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (dialog.local_cseq, dialog.remote_cseq) == (None, 70)
    first = dialog.make_request("BYE")
    assert str(first.cseq) == "1 BYE"
    assert first.from_.tag == "mine"
    assert first.to.tag == "a"
    with pytest.raises(SipParseError):
        Dialog.of_callee(make_request(), "mine")


@pytest.mark.req("DLG-1")
def test_the_2xx_computes_the_route_set_anew_once() -> None:
    invite = make_request()
    dialog = Dialog.of_caller(invite, answer(invite, 183))
    assert (dialog.confirmed, dialog.routes) == (False, ())
    dialog.confirm(answer(invite, 200, ("Record-Route", "<sip:p1;lr>")))
    assert (dialog.confirmed, len(dialog.routes)) == (True, 1)
    assert names(dialog.routes) == ["<sip:p1;lr>"]
    dialog.confirm(answer(invite, 200, ("Record-Route", "<sip:p2;lr>")))
    assert names(dialog.routes) == ["<sip:p1;lr>"]


@pytest.mark.req("DLG-13")
def test_strict_route_vector() -> None:
    routes = tuple(
        NameAddr.parse(text) for text in ("<sip:proxy1>", "<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>")
    )
    uri, rows = route(Uri.parse("sip:user@remoteua"), routes)
    assert str(uri) == "sip:proxy1"
    assert names(rows) == ["<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"]
    request = Request(method="BYE", uri=uri, headers=Headers.of(*(("Route", row) for row in rows)))
    assert str(next_hop(request)) == "sip:proxy1"
    strict = (NameAddr.parse("<sip:proxy1;method=BYE?x=y>"),)
    assert str(route(Uri.parse("sip:u@h"), strict)[0]) == "sip:proxy1"


@pytest.mark.req("UAC-2", "UAC-3")
def test_an_outbound_proxy_is_a_preset_route() -> None:
    invite = make_request()
    routed = preset_route(invite, (NameAddr.parse("<sip:p.example.com;lr>"),))
    assert routed.uri == invite.uri
    assert routed.headers.first("route") == "<sip:p.example.com;lr>"
    assert str(next_hop(routed)) == "sip:p.example.com;lr"
    strict = preset_route(invite, (NameAddr.parse("<sip:p.example.com>"),))
    assert str(strict.uri) == "sip:p.example.com"
    assert strict.headers.first("route") == f"<{invite.uri}>"
    assert preset_route(invite, ()) is invite


@pytest.mark.req("DLG-2")
def test_lower_cseq_is_refused_gaps_and_ack_are_not() -> None:
    invite = make_request()
    dialog = Dialog.of_caller(invite, answer(invite))
    assert dialog.accepts(make_request("INFO", cseq=10))
    assert dialog.accepts(make_request("INFO", cseq=15))
    assert not dialog.accepts(make_request("INFO", cseq=12))
    assert dialog.accepts(make_request("ACK", cseq=10))
    assert dialog.accepts(make_request("CANCEL", cseq=3))
    assert dialog.remote_cseq == 15


@pytest.mark.req("DLG-8")
def test_the_first_request_of_the_peer_may_have_any_number() -> None:
    invite = make_request()
    assert Dialog.of_caller(invite, answer(invite)).accepts(make_request("INFO", cseq=0))


@pytest.mark.req("DLG-2")
def test_only_target_refresh_requests_move_the_target() -> None:
    invite = make_request()
    dialog = Dialog.of_caller(invite, answer(invite, 200, ("Record-Route", "<sip:p1;lr>")))
    moved = ("Contact", "<sip:bob@198.51.100.9>")
    for method in ("INFO", "BYE", "OPTIONS", "PRACK", "ACK"):
        dialog.refresh_target(with_rows(make_request(method), moved))
        assert str(dialog.target) == "sip:bob@192.0.2.2:5070"
    dialog.refresh_target(with_rows(make_request("INVITE"), ("Contact", "<;;>")))
    dialog.refresh_target(with_rows(make_request("INVITE"), ("Contact", "<tel:+1>")))
    assert str(dialog.target) == "sip:bob@192.0.2.2:5070"
    dialog.refresh_target(with_rows(make_request("INVITE"), moved, ("Record-Route", "<sip:other;lr>")))
    assert str(dialog.target) == "sip:bob@198.51.100.9"
    assert names(dialog.routes) == ["<sip:p1;lr>"]


@pytest.mark.req("UAC-15", "DIG-4", "TXN-3")
def test_the_ack_repeats_number_and_credentials() -> None:
    invite = with_rows(
        make_request(cseq=3), ("Proxy-Authorization", 'Digest nonce="n", nc=00000001'), ("Require", "x")
    )
    dialog = Dialog.of_caller(invite, answer(invite))
    dialog.make_request("INFO")
    ack = dialog.make_ack(invite)
    assert str(ack.cseq) == "3 ACK"
    assert ack.headers.first("proxy-authorization") == 'Digest nonce="n", nc=00000001'
    assert "content-type" not in ack.headers
    assert dialog.local_cseq == 4
    assert dialog.make_ack(invite, b"sdp", "application/sdp").content_type == "application/sdp"


@pytest.mark.req("DLG-7")
def test_a_peer_without_tags() -> None:
    invite = make_request()
    bare = replace(
        invite,
        headers=invite.headers.with_rows("from", "<sip:alice@example.com>").with_rows("contact", "<sip:a@h>"),
    )
    dialog = Dialog.of_callee(bare, "mine")
    assert dialog.id.remote_tag == ""
    assert "tag" not in str(dialog.make_request("BYE").headers.first("to"))


@pytest.mark.req("TXN-3")
def test_a_2xx_is_repeated_from_t1_to_t2_and_given_up_after_64_t1() -> None:
    repeater = AnswerRepeater(Timers(), 100.0)
    sent: list[float] = []
    while (at := repeater.next_timer()) is not None:
        assert repeater.handle_timer(at - 0.001) is None
        due = repeater.handle_timer(at)
        if due is Repeat.GIVE_UP:
            assert at == 132.0
            break
        sent.append(at - 100.0)
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert repeater.next_timer() is None
    early = AnswerRepeater(Timers(), 0.0)
    early.acknowledged()
    assert early.next_timer() is None
    assert early.handle_timer(50.0) is None


@pytest.mark.req("DLG-3")
def test_delays_after_glare() -> None:
    chance = random.Random(1)
    owner = [glare_delay(owns_call_id=True, random=chance.randbytes) for _ in range(1000)]
    other = [glare_delay(owns_call_id=False, random=chance.randbytes) for _ in range(1000)]
    assert 2.1 <= min(owner) < 2.2
    assert 3.9 < max(owner) <= 4.0
    assert 0.0 <= min(other) < 0.1
    assert 1.9 < max(other) <= 2.0
    assert all(round(delay * 100) == pytest.approx(delay * 100) for delay in owner + other)
