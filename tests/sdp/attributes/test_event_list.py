from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import event_list
from sdp.errors import ValueFault


@pytest.mark.req("DTMF-SDP-1")
def test_lists_of_events() -> None:
    assert event_list.parse("0-15,66,70") == {*range(16), 66, 70}
    assert event_list.parse("16,0-9, 11") == {*range(10), 11, 16}
    assert event_list.parse("") == set(range(16))
    assert event_list.parse("events=0-11") == set(range(12))
    assert event_list.write(range(16)) == "0-15"
    assert event_list.write([70, 1, 2, 0, 66]) == "0-2,66,70"
    assert event_list.write([]) == ""


@pytest.mark.parametrize("value", ["x", "0-", "-3", "5-1", "256", "0-300", "1,,2", "1;2", "0-5-9", "\u0661"])
def test_what_is_no_list(value: str) -> None:
    with pytest.raises(ValueFault):
        event_list.parse(value)


@given(st.sets(st.integers(0, 255), min_size=1))
def test_what_is_written_is_read(events: set[int]) -> None:
    assert event_list.parse(event_list.write(events)) == events


@given(st.text(max_size=40))
def test_any_text_is_a_list_or_a_fault(value: str) -> None:
    try:
        events = event_list.parse(value)
    except ValueFault:
        return
    assert events <= set(range(256))
