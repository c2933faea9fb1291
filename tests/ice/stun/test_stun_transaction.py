"""The schedule of one STUN transaction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.transaction import ClientTransaction


def transaction(*, reliable: bool = False, rto_s: float = 0.5, deadline: float = 1e9) -> ClientTransaction:
    return ClientTransaction(
        transaction_id=bytes(12), data=b"x", reliable=reliable, now=0.0, deadline=deadline, rto_s=rto_s
    )


def play(request: ClientTransaction) -> tuple[list[float], float]:
    """When it is sent, and when it is given up."""
    sent = [0.0]
    while True:
        now = request.next_timer
        if request.due(now):
            sent.append(now)
        elif request.expired(now):
            return sent, now


@pytest.mark.req("STUN-7")
def test_over_udp_seven_times_then_39_5_seconds() -> None:
    sent, end = play(transaction())
    assert sent == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert end == 39.5


@pytest.mark.req("STUN-7", "ICETCP-7.1-5")
def test_over_tcp_once() -> None:
    assert play(transaction(reliable=True, deadline=39.5)) == ([0.0], 39.5)


@given(st.floats(0.5, 5.0), st.floats(1.0, 500.0))
def test_the_deadline_ends_every_schedule(rto_s: float, deadline: float) -> None:
    sent, end = play(transaction(rto_s=rto_s, deadline=deadline))
    assert end == pytest.approx(min(deadline, 79 * rto_s))
    assert all(at < deadline for at in sent)
    assert len(sent) <= 7


@pytest.mark.req("ICE-8.1.2-4")
def test_a_cancelled_one_is_silent_but_waits_on() -> None:
    request = transaction(deadline=39.5)
    assert request.due(0.5)
    request.cancel()
    assert not request.due(1.5)
    assert request.next_timer == 39.5
    assert not request.expired(39.4)
    assert request.expired(39.5)
    assert request.transmissions == 2


def test_nothing_is_due_before_its_time() -> None:
    request = transaction()
    assert not request.due(0.499)
    assert request.next_timer == 0.5


def test_an_interval_under_half_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="under"):
        transaction(rto_s=0.4)
