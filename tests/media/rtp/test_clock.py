from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.clock import InterarrivalJitter, middle_32, ntp_time, round_trip, timestamp_difference


def test_ntp_time_counts_from_1900() -> None:
    # RFC 3550 figure 2: the fraction is 1/2^32 s
    assert ntp_time(0) == 2_208_988_800 << 32
    assert ntp_time(0.5) & 0xFFFFFFFF == 1 << 31


def test_middle_of_ntp_time() -> None:
    assert middle_32(0xB44DB705_20000000) == 0xB7052000


@pytest.mark.req("RTP-18")
def test_round_trip_of_the_rfc() -> None:
    assert round_trip(arrival=0xB7108000, lsr=0xB7052000, dlsr=0x00054000) == 6.125


@pytest.mark.req("RTP-18")
def test_round_trip_over_the_wrap() -> None:
    assert round_trip(arrival=0x00008000, lsr=0xFFFF8000, dlsr=0) == 1.0


@pytest.mark.req("RTP-18")
def test_no_round_trip_without_a_report_or_below_zero() -> None:
    assert round_trip(arrival=0xB7108000, lsr=0, dlsr=0x00054000) is None
    assert round_trip(arrival=1000, lsr=500, dlsr=501) is None


@given(st.integers(0, 0xFFFFFFFF), st.integers(-(1 << 31), (1 << 31) - 1))
def test_timestamp_difference_is_signed_and_wraps(earlier: int, step: int) -> None:
    assert timestamp_difference((earlier + step) & 0xFFFFFFFF, earlier) == step


def integer_jitter(transits: list[int]) -> list[int]:
    """The scaled integer form of RFC 3550 A.8."""
    jitter, before, out = 0, transits[0], []
    for transit in transits[1:]:
        d, before = abs(transit - before), transit
        jitter += d - ((jitter + 8) >> 4)
        out.append(jitter >> 4)
    return out


@pytest.mark.req("RTP-3")
def test_even_spacing_has_no_jitter() -> None:
    it = InterarrivalJitter()
    for _ in range(100):
        it.update(1234)
    assert it.jitter == 0


@pytest.mark.req("RTP-3")
def test_alternating_spacing_agrees_with_the_integer_form_of_the_rfc() -> None:
    transits = [80 * (i % 2) for i in range(200)]
    it = InterarrivalJitter()
    it.update(transits[0])
    for transit, expected in zip(transits[1:], integer_jitter(transits), strict=True):
        it.update(transit)
        assert abs(int(it.jitter) - expected) <= 1
    assert 78 <= it.jitter <= 80


@pytest.mark.req("RTP-3")
def test_jitter_is_taken_in_the_order_of_arrival() -> None:
    it = InterarrivalJitter()
    for transit in (0, 160, 0):
        it.update(transit)
    assert it.jitter == pytest.approx(10 + (160 - 10) / 16)
