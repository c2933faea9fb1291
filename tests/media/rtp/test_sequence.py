from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.sequence import SequenceTracker, Verdict


def tracker(first: int, count: int = 2) -> SequenceTracker:
    """A source that has sent `count` packets in a row, beginning with `first`."""
    it = SequenceTracker()
    for i in range(count):
        it.update((first + i) & 0xFFFF)
    return it


@pytest.mark.req("RTP-4")
def test_a_source_is_valid_after_two_packets_in_a_row() -> None:
    it = SequenceTracker()
    assert it.update(5) is Verdict.PROBATION
    assert it.update(9) is Verdict.PROBATION
    assert (it.validated, it.expected, it.lost) == (False, 0, 0)
    assert it.update(10) is Verdict.VALID
    assert (it.validated, it.expected, it.received, it.lost) == (True, 2, 2, 0)


@pytest.mark.req("RTP-4")
def test_wrap_counts_a_cycle() -> None:
    it = tracker(0xFFFD)
    for number in (0xFFFF, 0, 1):
        assert it.update(number) is Verdict.VALID
    assert it.reported_highest == 0x10001
    assert it.lost == 0


@pytest.mark.req("RTP-4")
def test_reorder_at_the_wrap_is_no_new_cycle() -> None:
    it = tracker(0xFFFC)
    for number in (0xFFFE, 0, 0xFFFF, 1):
        assert it.update(number) is Verdict.VALID
    assert it.reported_highest == 0x10001
    assert it.lost == 0
    assert it.extend(0xFFFF) == it.highest - 2


@pytest.mark.req("RTP-4")
def test_probation_across_the_wrap() -> None:
    it = SequenceTracker()
    for number in (3, 0xFFFF, 0):
        it.update(number)
    assert it.validated
    assert it.reported_highest == 0x10000
    assert it.expected == 2


@pytest.mark.req("RTP-4")
@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (1, Verdict.VALID),
        (2999, Verdict.VALID),
        (3000, Verdict.STRAY),
        (3001, Verdict.STRAY),
        (-99, Verdict.VALID),
        (-100, Verdict.STRAY),
        (0, Verdict.VALID),
    ],
)
def test_window_of_acceptance(step: int, verdict: Verdict) -> None:
    it = tracker(1000)
    assert it.update((1001 + step) & 0xFFFF) is verdict


@pytest.mark.req("RTP-14")
def test_the_second_packet_of_a_new_numbering_starts_again() -> None:
    it = tracker(100, 50)
    assert it.update(30_149) is Verdict.STRAY
    assert it.received == 50
    assert it.update(30_150) is Verdict.RESTARTED
    assert (it.expected, it.received, it.lost) == (1, 1, 0)
    assert it.update(30_151) is Verdict.VALID
    assert it.lost == 0


@pytest.mark.req("RTP-14")
def test_one_stray_packet_changes_nothing() -> None:
    it = tracker(100, 50)
    assert it.update(40_000) is Verdict.STRAY
    assert it.update(150) is Verdict.VALID
    assert it.update(40_002) is Verdict.STRAY
    assert (it.expected, it.received) == (51, 51)


@pytest.mark.req("RTP-15")
def test_ten_percent_lost_is_a_fraction_of_25() -> None:
    it = tracker(0, 2)
    for number in range(2, 100):
        if number % 10 != 5:
            it.update(number)
    assert it.lost == 10
    assert it.fraction_lost() == 25
    for number in range(100, 200):
        if number % 10 != 5:
            it.update(number)
    assert it.fraction_lost() == 25
    assert it.fraction_lost() == 0


@pytest.mark.req("RTP-15", "RTP-13")
def test_duplicates_make_loss_negative_and_the_fraction_zero() -> None:
    it = tracker(0, 10)
    for _ in range(5):
        assert it.update(9) is Verdict.VALID
    assert it.received == 15
    assert it.lost == -5
    assert it.fraction_lost() == 0


@pytest.mark.req("RTP-15")
def test_late_packets_count_as_received() -> None:
    it = tracker(0, 2)
    it.update(3)
    assert it.lost == 1
    it.update(2)
    assert it.lost == 0


@given(first=st.integers(0, 0xFFFF), steps=st.lists(st.integers(-50, 500), max_size=300))
def test_extension_follows_the_true_numbers(first: int, steps: list[int]) -> None:
    it = tracker(first)
    true = highest = first + 1
    for step in steps:
        true = highest + step
        assert it.update(true & 0xFFFF) is Verdict.VALID
        highest = max(highest, true)
        assert it.extend(true & 0xFFFF) - it.highest == true - highest
    assert it.expected == highest - first + 1
    assert it.received == 2 + len(steps)


@given(numbers=st.lists(st.integers(0, 0xFFFF), max_size=400))
def test_any_numbers_keep_the_figures_in_range(numbers: list[int]) -> None:
    it = SequenceTracker()
    for number in numbers:
        it.update(number)
        assert 0 <= it.fraction_lost() <= 255
        assert 0 <= it.reported_highest <= 0xFFFFFFFF
        assert it.received <= len(numbers)
