"""The event log as lines, and back."""

from __future__ import annotations

import json
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from tests.ua.recorded_call import udp_blocked_log
from ua.events import LogEntry, Source
from ua.interop.event_lines import entry_line, first_line, read_entries, read_entry

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
ENTRIES = st.builds(
    LogEntry,
    at=st.floats(allow_nan=False, allow_infinity=False),
    party=st.text(),
    source=st.sampled_from(get_args(Source)),
    name=st.text(),
    data=st.dictionaries(st.text(), VALUES, max_size=4),
)


@given(ENTRIES)
def test_writing_and_reading_are_inverse(entry: LogEntry) -> None:
    line = entry_line(entry)
    assert line.endswith("\n")
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert read_entry(line) == entry


def test_a_whole_call_comes_back() -> None:
    entries = udp_blocked_log().entries
    lines = [first_line(at=1.0, unix_s=2.0), *map(entry_line, entries)]
    assert read_entries(lines) == entries


def test_what_is_no_number_is_unknown() -> None:
    entry = LogEntry(at=1.0, party="a", source="media", name="x", data={"y": [float("nan"), float("inf"), 1]})
    read = read_entry(entry_line(entry))
    assert read is not None
    assert read.data == {"y": [None, None, 1]}


@given(st.text())
def test_any_text_is_an_entry_or_none(line: str) -> None:
    assert read_entry(line) is None or isinstance(read_entry(line), LogEntry)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("at", "party", "source", "name", "data"), VALUES)))
def test_any_object_is_an_entry_or_none(value: dict[str, Any]) -> None:
    entry = read_entry(json.dumps(value))
    assert entry is None or isinstance(entry.data, dict)


def test_what_lies_too_deep_is_no_entry() -> None:
    deep = '{"at": 1, "party": "a", "source": "sip", "name": "x", "data": {"y": %s}}'
    assert read_entry(deep % "[[1]]") is not None
    assert read_entry(deep % ("[" * 100 + "]" * 100)) is None
    assert read_entry(deep % ("[" * 100_000 + "]" * 100_000)) is None


def test_half_a_line_is_left_out() -> None:
    lines = [entry_line(entry) for entry in udp_blocked_log().entries[:3]]
    assert len(read_entries([*lines[:2], lines[2][:-9]])) == 2
