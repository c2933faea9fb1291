from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.playout.bursts import GMIN, BurstFigures, Bursts

PATTERN = "11110111111111111111111X111X1011110111111111111111111X111111111"
"""RFC 3611 §4.7.2: received, lost and discarded packets (it says 64, it shows 63)."""


def figures(pattern: str, start: int = 0) -> BurstFigures:
    bursts = Bursts()
    bursts.begin(start, None)
    for number, each in enumerate(pattern):
        if each != "1":
            bursts.miss(start + number)
    return bursts.figures(start + len(pattern))


@pytest.mark.req("XR-2")
@pytest.mark.parametrize("start", [0, 65_530, 1 << 20])
def test_the_pattern_of_the_rfc(start: int) -> None:
    found = figures(PATTERN, start)
    assert (found.bursts, found.burst_packets, found.burst_missing) == (1, 12, 4)
    assert (found.gaps, found.gap_packets, found.gap_missing) == (2, 51, 2)


@pytest.mark.req("XR-2")
def test_sixteen_good_packets_end_a_burst_and_fifteen_do_not() -> None:
    assert figures("0" + "1" * 15 + "0").bursts == 1
    apart = figures("0" + "1" * 16 + "0")
    assert (apart.bursts, apart.gap_missing, apart.gap_packets) == (0, 2, 18)


@pytest.mark.req("XR-2")
def test_a_call_that_begins_and_ends_badly_has_one_gap_less() -> None:
    assert figures("00" + "1" * 20 + "00").gaps == 1
    assert figures("1" * 20).gaps == 1
    assert figures("00").gaps == 0
    assert figures("").gaps == 0


def test_a_new_numbering_goes_on_where_the_old_one_ended() -> None:
    bursts = Bursts()
    bursts.begin(1000, None)
    bursts.miss(1008)
    bursts.begin(5, 1010)
    bursts.miss(7)
    found = bursts.figures(20)
    assert (found.packets, found.bursts, found.burst_packets) == (25, 1, 5)


def plain(pattern: str) -> BurstFigures:
    """The definition, word by word: cut at each run of GMIN good packets."""
    missing = [number for number, each in enumerate(pattern) if each != "1"]
    groups: list[list[int]] = []
    for number in missing:
        if groups and number - groups[-1][-1] - 1 < GMIN:
            groups[-1].append(number)
        else:
            groups.append([number])
    bursts = [group for group in groups if len(group) > 1]
    inside = {number for group in bursts for number in range(group[0], group[-1] + 1)}
    gaps = 0
    for number in range(len(pattern)):
        gaps += number not in inside and (number == 0 or number - 1 in inside)
    burst_missing = sum(len(group) for group in bursts)
    return BurstFigures(
        packets=len(pattern),
        bursts=len(bursts),
        burst_packets=len(inside),
        burst_missing=burst_missing,
        gaps=gaps,
        gap_packets=len(pattern) - len(inside),
        gap_missing=len(missing) - burst_missing,
    )


@pytest.mark.req("XR-2")
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), max_size=20))
def test_counting_agrees_with_the_definition(runs: list[tuple[int, int]]) -> None:
    pattern = "".join("1" * good + "0" * missing for good, missing in runs)
    assert figures(pattern) == plain(pattern)
