"""When to register again, under a clock of the test (RFC 5626 §4.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.registration.backoff import Backoff, recovering
from ua.registration.settings import RECOVERY_S
from ua.registration.upkeep import PROVED_S, Upkeep, refresh_after

Random = Callable[[int], bytes]


def least(count: int) -> bytes:
    return bytes(count)


def most(count: int) -> bytes:
    return b"\xff" * count


RFC = Backoff()


@pytest.mark.req("REG-6")
@pytest.mark.parametrize(
    ("failures", "low", "high"),
    [
        (1, 30, 60),
        (2, 60, 120),
        (3, 120, 240),
        (4, 240, 480),
        (5, 480, 960),
        (6, 900, 1800),
        (7, 900, 1800),
        (5000, 900, 1800),
    ],
)
def test_waits_double_up_to_half_an_hour_with_the_times_of_the_rfc(
    failures: int, low: float, high: float
) -> None:
    assert RFC.delay(failures, some_alive=False, random=least) == low
    assert RFC.delay(failures, some_alive=False, random=most) == high


@pytest.mark.req("REG-6")
def test_waits_are_longer_where_another_flow_stands() -> None:
    assert RFC.delay(1, some_alive=True, random=least) == 90
    assert RFC.delay(1, some_alive=True, random=most) == 180


@given(failures=st.integers(1, 10_000), lot=st.binary(min_size=6, max_size=6), some=st.booleans())
def test_a_wait_is_between_half_of_its_bound_and_all_of_it(failures: int, lot: bytes, some: bool) -> None:
    backoff = recovering(2.0)
    wait = backoff.delay(failures, some_alive=some, random=lambda _: lot)
    bound = min(120.0, (6.0 if some else 2.0) * 2.0 ** min(failures, 60))
    assert bound / 2 <= wait <= bound


@pytest.mark.parametrize(("expires", "after"), [(60, 30), (100, 50), (300, 240), (3600, 3540)])
def test_a_registration_is_refreshed_before_it_ends(expires: int, after: float) -> None:
    assert refresh_after(expires) == after


def upkeep(random: Random = most, backoff: Backoff = RFC) -> Upkeep:
    return Upkeep(backoff, random)


@pytest.mark.req("REG-6")
def test_a_retry_after_makes_the_wait_longer_and_0_means_now() -> None:
    one = upkeep()
    one.failed(100.0, some_alive=False, retry_after_s=500)
    assert one.next_timer() == 600.0
    one.failed(100.0, some_alive=False, retry_after_s=10)
    assert one.next_timer() == 220.0
    one.failed(100.0, some_alive=False, retry_after_s=0)
    assert one.next_timer() == 100.0


@pytest.mark.req("REG-6", "TRN-4")
def test_a_flow_that_was_good_is_replaced_at_once_and_only_then_waits_begin() -> None:
    one = upkeep()
    one.granted(300.0, 0.0)
    one.proved()
    one.flow_failed(5.0, some_alive=False)
    assert one.next_timer() == 5.0
    one.failed(5.0, some_alive=False)
    assert one.next_timer() == 65.0
    one.failed(65.0, some_alive=False)
    assert one.next_timer() == 185.0


@pytest.mark.req("REG-6")
def test_a_flow_that_lived_counts_as_good_without_keep_alives() -> None:
    one = upkeep()
    one.granted(300.0, 0.0)
    one.flow_failed(PROVED_S, some_alive=False)
    assert one.next_timer() == PROVED_S


@pytest.mark.req("REG-6")
def test_a_server_that_drops_every_flow_gets_no_storm() -> None:
    one = upkeep(least)
    now = 0.0
    times = []
    for _ in range(6):
        one.granted(300.0, now)
        one.flow_failed(now + 0.1, some_alive=False)
        due = one.next_timer()
        assert due is not None
        times.append(due - now)
        now = due
    assert [round(each) for each in times] == [30, 60, 120, 240, 480, 900]


def test_what_is_told_twice_counts_once() -> None:
    one = upkeep()
    one.granted(300.0, 0.0)
    one.proved()
    one.flow_failed(10.0, some_alive=False)
    one.failed(10.0, some_alive=False)
    due = one.next_timer()
    one.flow_failed(11.0, some_alive=False)
    assert one.next_timer() == due


@pytest.mark.req("TRN-14")
def test_another_address_registers_at_once_whatever_failed_before() -> None:
    one = upkeep()
    for _ in range(5):
        one.failed(0.0, some_alive=False)
    one.moved(1.0)
    assert one.next_timer() == 1.0
    assert one.failures == 0


@pytest.mark.req("REG-6")
@given(outage=st.floats(0.0, 6.0), lots=st.lists(st.binary(min_size=6, max_size=6), min_size=8, max_size=8))
def test_with_our_times_a_short_outage_is_over_within_ten_seconds(outage: float, lots: list[bytes]) -> None:
    """The server comes back `outage` seconds after the flow failed; nothing is heard before."""
    waiting = iter(lots)
    one = Upkeep(recovering(RECOVERY_S), lambda _: next(waiting))
    one.granted(300.0, -100.0)
    one.flow_failed(0.0, some_alive=False)
    now = one.next_timer()
    assert now == 0.0
    while now < outage:
        one.failed(now, some_alive=False)
        due = one.next_timer()
        assert due is not None
        now = due
    assert now - outage <= 10.0


@given(expires=st.integers(60, 3600), within=st.floats(1.0, 3600.0))
def test_a_refresh_that_keeps_a_flow_is_never_later_than_that_of_the_registration(
    expires: int, within: float
) -> None:
    one = upkeep()
    one.refresh_within(within, 0.0)
    assert one.next_timer() is None
    one.granted(float(expires), 0.0)
    one.refresh_within(within, 0.0)
    assert one.next_timer() == min(within, refresh_after(expires))
