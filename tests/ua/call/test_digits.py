from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.call.digits import SAME_S, DigitWay, HeardDigits, ways

ALL: tuple[DigitWay, ...] = ("rfc4733", "info", "inband")


def told(presses: list[tuple[str, DigitWay]], *, spacing: float = 0.01) -> str:
    heard = HeardDigits()
    return "".join(
        key for number, (key, way) in enumerate(presses) if heard.is_new(key, way, number * spacing)
    )


@pytest.mark.parametrize(
    "order", list(itertools.permutations([("1", "a"), ("1", "b"), ("1", "a"), ("1", "b")]))
)
def test_two_presses_by_two_ways_in_any_order(order: tuple[tuple[str, str], ...]) -> None:
    names: dict[str, DigitWay] = {"a": "rfc4733", "b": "info"}
    assert told([(key, names[way]) for key, way in order]) == "11"


def test_three_ways_are_one_press() -> None:
    assert told([("5", way) for way in ALL]) == "5"
    assert told([(key, way) for key in "5665" for way in ALL]) == "5665"


def test_another_way_later_is_another_press() -> None:
    heard = HeardDigits()
    assert heard.is_new("5", "info", 0.0)
    assert heard.is_new("5", "rfc4733", SAME_S + 0.1)


@given(
    st.text("0123456789", max_size=30), st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True)
)
def test_each_press_is_told_once(keys: str, sent_by: list[DigitWay]) -> None:
    assert told([(key, way) for key in keys for way in sent_by], spacing=0.05) == keys


def test_the_ways_that_a_peer_takes() -> None:
    def takes(key: str, way: DigitWay) -> bool:
        return way == "inband" or (way == "rfc4733" and key in "0123456789")

    assert ways("auto", "12", takes=takes) == ("rfc4733", "inband")
    assert ways("auto", "1A", takes=takes) == ("inband",)
    assert ways("rfc4733", "1A", takes=takes) == ()
    assert ways("info", "1", takes=takes) == ()
