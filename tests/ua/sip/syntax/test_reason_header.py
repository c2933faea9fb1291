"""Reason, Privacy and P-Asserted-Identity."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Request
from ua.sip.syntax.reason_header import Identity, Reason, completed_elsewhere, reasons, told

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def cancel(*rows: tuple[str, str]) -> Request:
    request = make_request("CANCEL")
    return Request(method="CANCEL", uri=request.uri, headers=request.headers.with_added(*rows))


@given(
    st.sampled_from(["SIP", "Q.850", "X-other"]),
    st.none() | st.integers(0, 9999),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=30),
)
def test_a_reason_survives_being_written(protocol: str, cause: int | None, text: str) -> None:
    reason = Reason(protocol=protocol, cause=cause, text=text)
    assert Reason.parse(str(reason)) == reason


@given(st.text(max_size=60))
def test_any_text_is_read_or_left_out(text: str) -> None:
    with contextlib.suppress(SipParseError):
        Reason.parse(text)
    assert len(reasons(cancel(("Reason", text)))) <= 1 + text.count(",")


@pytest.mark.req("EXT-5")
def test_one_reason_of_each_protocol() -> None:
    message = cancel(
        ("Reason", 'Q.850;cause=16;text="Normal, clearing", SIP;cause=200'), ("Reason", "SIP;cause=486")
    )
    assert [(reason.protocol, reason.cause) for reason in reasons(message)] == [("Q.850", 16), ("SIP", 200)]
    assert told(message) == "Normal, clearing (Q.850 16), SIP 200"


@pytest.mark.req("EXT-5")
def test_a_call_that_another_phone_took() -> None:
    assert completed_elsewhere(cancel(("Reason", ELSEWHERE)))
    for row in ("SIP;cause=487", "Q.850;cause=200", "SIP", ";cause=200"):
        assert not completed_elsewhere(cancel(("Reason", row)))
    assert not completed_elsewhere(cancel())


@pytest.mark.req("EXT-5")
def test_identity_and_privacy() -> None:
    read = Identity.of(
        cancel(
            ("P-Asserted-Identity", '"Cullen" <sip:fluffy@example.com>, <tel:+14085551212>'),
            ("Privacy", "ID; critical"),
        )
    )
    assert [str(address.uri) for address in read.asserted] == ["sip:fluffy@example.com", "tel:+14085551212"]
    assert read.privacy == {"id", "critical"}
    assert read.hidden
    plain = Identity.of(cancel(("P-Asserted-Identity", "nobody"), ("Privacy", "none")))
    assert (plain.asserted, plain.hidden) == ((), False)
