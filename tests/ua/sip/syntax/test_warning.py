"""Warning headers, read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Response, make_response
from ua.sip.syntax.warning import WarningValue, warnings


def refused(*rows: str) -> Response:
    response = make_response(make_request("INVITE"), 488)
    headers = response.headers.with_added(*(("Warning", row) for row in rows))
    return Response(status=488, reason="", headers=headers)


@given(
    st.integers(100, 999),
    st.sampled_from(["phone", "192.0.2.1:5060", "[2001:db8::1]"]),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=30),
)
def test_a_warning_survives_being_written(code: int, agent: str, text: str) -> None:
    value = WarningValue(code=code, agent=agent, text=text)
    assert WarningValue.parse(str(value)) == value
    assert warnings(refused(f"{value}, {value}", str(value))) == (value,) * 3


@given(st.text(max_size=60))
def test_any_text_is_read_or_left_out(text: str) -> None:
    with contextlib.suppress(SipParseError):
        WarningValue.parse(text)
    assert len(warnings(refused(text))) <= 1 + text.count(",")


@pytest.mark.parametrize("row", ["", "305", "305 phone", "305 phone text", '30 phone "x"', '305 phone "x" y'])
def test_what_is_no_warning_is_left_out(row: str) -> None:
    good = '399 isi.example.com "two, in one"'
    assert [each.text for each in warnings(refused(row, good))] == ["two, in one"]
