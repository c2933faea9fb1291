"""Resource-Priority, read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Request
from ua.sip.syntax.resource_priority import ResourcePriority, resource_priorities

NAME = st.text("abcz019-!%*_+`'~", min_size=1, max_size=9)


def asked(*rows: str) -> Request:
    request = make_request("INVITE")
    headers = request.headers.with_added(*(("Resource-Priority", row) for row in rows))
    return Request(method="INVITE", uri=request.uri, headers=headers)


@given(NAME, NAME)
def test_a_value_survives_being_written(namespace: str, priority: str) -> None:
    value = ResourcePriority(namespace=namespace, priority=priority)
    assert ResourcePriority.parse(str(value).upper()) == value
    assert resource_priorities(asked(f"{value}, {value}")) == (value,)


@given(st.text(max_size=60))
def test_any_text_is_read_or_left_out(text: str) -> None:
    with contextlib.suppress(SipParseError):
        ResourcePriority.parse(text)
    assert len(resource_priorities(asked(text))) <= 1 + text.count(",")


@pytest.mark.parametrize("row", ["", "ets", "ets.", ".0", "ets.0.1", "ets 0", '"ets.0'])
def test_what_is_none_is_left_out(row: str) -> None:
    assert resource_priorities(asked(row, "wps.3")) == (ResourcePriority(namespace="wps", priority="3"),)
