"""Text from the wire can do nothing to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.view.text import milliseconds, printable

HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(st.text(), st.booleans())
def test_nothing_harmful_is_left_and_all_else_stays(text: str, lines: bool) -> None:
    shown = printable(text, lines=lines)
    kept = "\n" if lines else ""
    assert all(each in kept or unicodedata.category(each) not in HARMFUL for each in shown)
    harmless = "".join(
        each if each in kept or unicodedata.category(each) not in HARMFUL else "" for each in text
    )
    if harmless == text:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße \u4f60\u597d \U0001f44b", "Grüße \u4f60\u597d \U0001f44b"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("", ""),
    ],
)
def test_what_is_harmful_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_stay_where_they_are_wanted() -> None:
    assert printable("\na\n\nb\r\n", lines=True) == "\na\n\nb\\r\n"


def test_durations() -> None:
    assert [milliseconds(each) for each in (None, 0.44, 21.3, 1240.0)] == ["-", "0.4 ms", "21 ms", "1.24 s"]
