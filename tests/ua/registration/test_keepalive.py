"""Keep-alives under a clock of the test (RFC 5626 §4.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.attributes import ErrorCode, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse
from ice.types import TransportAddress
from ua.registration.keepalive import PING, Keepalive, between_registers

US = TransportAddress(host="198.51.100.7", port=40000)
LOW, HIGH = bytes(12), b"\xff" * 12


def made(lot: bytes, *, reliable: bool = True, longest_s: float | None = None) -> Keepalive:
    return Keepalive(reliable=reliable, now=100.0, random=lambda count: lot[:count], longest_s=longest_s)


def answer(request: bytes, *attributes: XorMappedAddress | ErrorCode) -> StunMessage:
    failed = any(isinstance(each, ErrorCode) for each in attributes)
    return StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.ERROR if failed else MessageClass.SUCCESS,
        transaction_id=parse(request).transaction_id,
        attributes=attributes,
    )


@pytest.mark.req("TRN-4")
@pytest.mark.parametrize(
    ("reliable", "longest_s", "low", "high"),
    [
        (True, None, 96.0, 120.0),
        (True, 30.0, 24.0, 30.0),
        (True, 840.0, 672.0, 840.0),
        (False, None, 24.0, 29.0),
        (False, 20.0, 16.0, 20.0),
        (False, 600.0, 24.0, 29.0),
    ],
)
def test_the_time_between_two_is_drawn_by_lot(
    reliable: bool, longest_s: float | None, low: float, high: float
) -> None:
    assert made(LOW, reliable=reliable, longest_s=longest_s).next_timer() == pytest.approx(100.0 + low)
    assert made(HIGH, reliable=reliable, longest_s=longest_s).next_timer() == pytest.approx(100.0 + high)


@pytest.mark.parametrize(
    ("host", "longest_s", "low", "high"),
    [
        ("192.168.1.1", None, 6.4, 8.0),
        ("127.0.0.1", None, 6.4, 8.0),
        ("fd00::1", None, 6.4, 8.0),
        ("192.88.99.1", None, 24.0, 29.0),  # a public address
        ("2002::1", None, 24.0, 29.0),
        ("192.168.1.1", 20.0, 16.0, 20.0),
        ("192.88.99.1", 8.0, 6.4, 8.0),
    ],
)
def test_a_server_in_a_private_network_is_asked_more_often(
    host: str, longest_s: float | None, low: float, high: float
) -> None:
    assert between_registers(host, longest_s) == pytest.approx((low, high))


@pytest.mark.req("TRN-4")
def test_a_ping_without_a_pong_in_ten_seconds_is_a_failed_flow() -> None:
    one = made(HIGH)
    one.handle_timer(219.9)
    assert one.take_bytes() == []
    one.handle_timer(220.0)
    assert one.take_bytes() == [PING]
    one.handle_timer(229.9)
    assert one.failure == ""
    one.handle_timer(230.0)
    assert one.failure == "no pong in 10 s"
    assert one.next_timer() is None
    assert one.take_bytes() == []


@pytest.mark.req("TRN-4")
def test_pongs_keep_the_flow_and_one_that_nobody_asked_for_means_nothing() -> None:
    one = made(HIGH)
    one.pong(150.0)
    assert one.answered == 0
    now = 100.0
    for count in range(1, 5):
        now += 120.0
        one.handle_timer(now)
        assert one.take_bytes() == [PING]
        one.pong(now)
        assert one.answered == count
    assert one.failure == ""


@pytest.mark.req("TRN-4", "TRN-11")
def test_over_udp_a_binding_request_is_sent_seven_times_and_then_the_flow_has_failed() -> None:
    one = made(HIGH, reliable=False)
    sent: list[float] = []
    data: set[bytes] = set()
    while (at := one.next_timer()) is not None:
        one.handle_timer(at)
        for each in one.take_bytes():
            sent.append(round(at - 129.0, 3))
            data.add(each)
    assert sent == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert len(data) == 1
    request = parse(data.pop())
    assert (request.method, request.message_class) == (Method.BINDING, MessageClass.REQUEST)
    assert one.failure == "no answer to STUN"


@pytest.mark.req("TRN-4", "TRN-11")
def test_another_address_in_the_answer_is_a_failed_flow() -> None:
    one = made(HIGH, reliable=False)
    one.handle_timer(129.0)
    one.stun(answer(one.take_bytes()[0], XorMappedAddress(address=US)), 129.1)
    assert (one.failure, one.answered, one.mapped) == ("", 1, US)
    one.handle_timer(158.1)
    one.stun(answer(one.take_bytes()[0], XorMappedAddress(address=US)), 158.2)
    assert one.answered == 2
    one.handle_timer(187.2)
    moved = TransportAddress(host=US.host, port=US.port + 1)
    one.stun(answer(one.take_bytes()[0], XorMappedAddress(address=moved)), 187.3)
    assert "198.51.100.7:40001" in one.failure


@pytest.mark.req("TRN-4")
def test_an_error_in_the_answer_is_a_failed_flow() -> None:
    one = made(HIGH, reliable=False)
    one.handle_timer(129.0)
    one.stun(answer(one.take_bytes()[0], ErrorCode(code=500, reason="no")), 129.1)
    assert one.failure == "the server refuses STUN"


def test_an_answer_to_something_else_means_nothing() -> None:
    one = made(HIGH, reliable=False)
    one.handle_timer(129.0)
    foreign = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.SUCCESS,
        transaction_id=bytes(12),
        attributes=(XorMappedAddress(address=US),),
    )
    one.stun(foreign, 129.1)
    assert (one.answered, one.mapped) == (0, None)


@given(
    reliable=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(["timer", "pong", "late"]), st.floats(0.0, 60.0)), max_size=40),
)
def test_it_never_sends_after_its_end_and_never_two_at_once(
    reliable: bool, steps: list[tuple[str, float]]
) -> None:
    one = made(HIGH, reliable=reliable)
    now = 100.0
    for step, seconds in steps:
        now += seconds
        if step == "pong":
            one.pong(now)
        else:
            one.handle_timer(now)
        sent = one.take_bytes()
        assert len(sent) <= 1
        assert not (sent and one.failure)
        at = one.next_timer()
        assert (at is None) == bool(one.failure)
