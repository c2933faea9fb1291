"""Servers that are left alone for a while, and answers that are kept: under a clock of the test."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from ua.sip.errors import SipUnreachable
from ua.sip.location.cache import MAX_ENTRIES, Cache
from ua.sip.location.records import AddressRecord, Kind, question
from ua.sip.location.standing import FAILED_S, MAX_SHUT_S, Standing
from ua.sip.location.target import Target


def target(number: int) -> Target:
    return Target(transport="udp", address=TransportAddress(host=f"192.0.2.{number}", port=5060))


ONE, TWO, THREE = target(1), target(2), target(3)


@pytest.mark.req("UAC-10")
def test_a_server_that_named_a_time_gets_nothing_new_until_it_is_over() -> None:
    standing = Standing()
    standing.shut(ONE, 20, 100.0)
    assert standing.in_order((ONE, TWO), 119.9) == (TWO,)
    assert standing.in_order((ONE, TWO), 119.9, new=False) == (ONE, TWO)
    assert standing.in_order((ONE, TWO), 120.0) == (ONE, TWO)


@pytest.mark.req("UAC-10")
def test_where_all_are_shut_the_error_says_for_how_long() -> None:
    standing = Standing()
    standing.shut(ONE, 20, 100.0)
    standing.shut(TWO, 7, 100.0)
    with pytest.raises(SipUnreachable, match="not before 7 s"):
        standing.in_order((ONE, TWO), 100.0)


def test_nobody_shuts_us_off_for_days() -> None:
    standing = Standing()
    standing.shut(ONE, 10**9, 0.0)
    assert standing.in_order((ONE,), MAX_SHUT_S) == (ONE,)


@pytest.mark.req("TRN-13")
def test_a_server_that_failed_comes_last_for_a_while_or_until_it_answers() -> None:
    standing = Standing()
    standing.failed(ONE, 100.0)
    assert standing.in_order((ONE, TWO, THREE), 100.0) == (TWO, THREE, ONE)
    assert standing.in_order((ONE, TWO, THREE), 100.0 + FAILED_S) == (ONE, TWO, THREE)
    standing.answered(ONE)
    assert standing.in_order((ONE, TWO, THREE), 100.0) == (ONE, TWO, THREE)


@pytest.mark.req("REG-4")
def test_the_one_that_is_in_use_comes_first_unless_it_failed() -> None:
    standing = Standing()
    standing.answered(THREE, "a call")
    assert standing.in_order((ONE, TWO, THREE), 0.0, call_id="a call") == (THREE, ONE, TWO)
    assert standing.in_order((ONE, TWO, THREE), 0.0, call_id="another") == (ONE, TWO, THREE)
    standing.failed(THREE, 0.0)
    assert standing.in_order((ONE, TWO, THREE), 0.0, call_id="a call") == (ONE, TWO, THREE)


def test_what_is_known_is_bounded() -> None:
    standing, cache = Standing(), Cache()
    for number in range(2000):
        standing.failed(
            Target(transport="tcp", address=TransportAddress(host="192.0.2.1", port=number + 1)), 0.0
        )
        cache.put(question(Kind.ADDRESS, f"h{number}.example"), (), 60.0, 0.0)
    assert len(cache) == MAX_ENTRIES
    assert cache.get(question(Kind.ADDRESS, "h1999.example"), 1.0) == ()


@pytest.mark.req("TRN-13")
def test_answers_are_kept_for_as_long_as_they_say() -> None:
    cache = Cache()
    asked = question(Kind.ADDRESS, "One.Example.")
    record = AddressRecord(host="192.0.2.1")
    assert cache.get(asked, 0.0) is None
    cache.put(asked, (record,), 60.0, 100.0)
    assert cache.get(question(Kind.ADDRESS, "one.example"), 159.9) == (record,)
    assert cache.get(asked, 160.0) is None
    cache.put(asked, (record,), 0.0, 200.0)
    assert cache.get(asked, 200.0) is None
