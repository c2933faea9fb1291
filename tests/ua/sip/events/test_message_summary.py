"""Bodies of message-summary (RFC 3842)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.sip.errors import SipParseError
from ua.sip.events.message_summary import VOICE, Counts, MessageSummary

NUMBERS = st.integers(0, 999_999_999)
KINDS = st.sampled_from([VOICE, "fax-message", "text-message", "multimedia-message", "none"])
COUNTS = st.builds(Counts, new=NUMBERS, old=NUMBERS, urgent_new=NUMBERS, urgent_old=NUMBERS)


@given(
    st.builds(
        MessageSummary,
        waiting=st.booleans(),
        account=st.sampled_from(["", "sip:alice@vmail.example.com"]),
        counts=st.dictionaries(KINDS, COUNTS),
    )
)
def test_a_summary_survives_being_written(summary: MessageSummary) -> None:
    assert MessageSummary.parse(bytes(summary)) == summary


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(SipParseError):
        MessageSummary.parse(body)


@pytest.mark.req("SUB-1")
def test_a_summary_of_a_server() -> None:
    body = (
        b"messages-waiting :  YES\nMessage-Account:sip:alice@vmail.example.com\r\n"
        b"Voice-Message: 4/8 (1/2)\r\nFax-Message: many\r\nX-Other: 1/2/3\r\n\r\n"
        b"Subject: carpool\r\nfax-message: 9/9\r\n"
    )
    assert MessageSummary.parse(body) == MessageSummary(
        waiting=True,
        account="sip:alice@vmail.example.com",
        counts={VOICE: Counts(new=4, old=8, urgent_new=1, urgent_old=2)},
    )


@pytest.mark.parametrize(
    "body", [b"", b"Voice-Message: 1/0\r\n", b"Messages-Waiting: maybe\r\n", b"x" * 20_000]
)
def test_what_is_no_summary(body: bytes) -> None:
    with pytest.raises(SipParseError):
        MessageSummary.parse(body)


def test_a_summary_is_told_in_words() -> None:
    counted = MessageSummary(waiting=True, counts={VOICE: Counts(new=2, old=1)})
    assert str(counted) == "voice-message: 2 new, 1 old"
    assert str(MessageSummary(waiting=True)) == "messages waiting"
    assert str(MessageSummary(waiting=False)) == "no messages waiting"
