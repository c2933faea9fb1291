from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.dtmf.keys import DIGITS, EVENTS, KEYS, Press
from media.dtmf.report import EventReport, parse


@pytest.mark.req("DTMF-1")
def test_the_four_bytes() -> None:
    report = EventReport(event=5, end=True, volume=10, duration=800)
    assert report.pack().hex() == "058a0320"
    assert parse(bytes.fromhex("058a0320")) == (report,)
    # the reserved bit is ignored, and 0 when we send
    assert parse(bytes.fromhex("05ca0320")) == (report,)
    assert EventReport(event=16, volume=63, duration=0xFFFF).pack().hex() == "103fffff"
    assert [EVENTS[key] for key in "0123456789*#ABCD!"] == list(range(17))
    assert KEYS == DIGITS + "!"


@pytest.mark.req("DTMF-7")
def test_several_reports_in_one_payload() -> None:
    first, second = EventReport(event=9, end=True, duration=800), EventReport(event=1, duration=160)
    assert parse(first.pack() + second.pack()) == (first, second)


@given(st.binary(max_size=80))
def test_any_payload_is_read_without_raising(payload: bytes) -> None:
    reports = parse(payload)
    if len(payload) % 4 or len(payload) > 64:
        assert reports == ()
    else:
        assert len(reports) == len(payload) // 4
        mask = bytes(0xFF ^ (0x40 if i % 4 == 1 else 0) for i in range(len(payload)))
        assert b"".join(report.pack() for report in reports) == bytes(
            a & b for a, b in zip(payload, mask, strict=True)
        )


@given(st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))
def test_what_is_packed_is_read_again(event: int, end: bool, volume: int, duration: int) -> None:
    report = EventReport(event=event, end=end, volume=volume, duration=duration)
    assert parse(report.pack()) == (report,)


@pytest.mark.req("DTMF-5")
def test_a_press_that_cannot_be() -> None:
    for wrong in ({"key": "x"}, {"key": ""}, {"key": "1", "duration_ms": 39}, {"key": "1", "pause_ms": 39}):
        with pytest.raises(ValueError, match="is no"):
            Press(**wrong)
    assert (Press(key="1").duration_ms, Press(key="1").pause_ms) == (100, 100)
