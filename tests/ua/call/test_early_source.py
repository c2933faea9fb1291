"""Whose packets are heard before anybody has answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import TransportAddress
from media.rtp import packet as rtp
from ua.call.early_source import MOST_SOURCES, EarlySource

PHONE = TransportAddress(host="192.0.2.9", port=4000)
STRANGER = TransportAddress(host="203.0.113.66", port=4000)


def packet(number: int, *, ssrc: int = 1, payload_type: int = 0) -> bytes:
    return rtp.build(
        payload_type=payload_type,
        marker=False,
        sequence=number % 65536,
        timestamp=160 * number,
        ssrc=ssrc,
        payload=bytes(160),
    )


@pytest.mark.parametrize("first", [0, 7, 65535])
def test_the_second_packet_in_a_row_is_heard_and_all_after_it(first: int) -> None:
    one = EarlySource((0, 8))
    assert not one.accepts(PHONE, packet(first))
    assert one.accepts(PHONE, packet(first + 1))
    # A codec may change and packets may get lost (RFC 3264 §5.1).
    assert one.accepts(PHONE, packet(first + 9, payload_type=8))


@pytest.mark.parametrize(
    "other",
    [packet(9), packet(1), packet(2, ssrc=2), packet(2, payload_type=18), b"", b"\x80", bytes(200)],
    ids=["gap", "again", "other SSRC", "not offered", "empty", "short", "no RTP"],
)
def test_what_does_not_follow_is_not_heard(other: bytes) -> None:
    one = EarlySource((0, 8))
    assert not one.accepts(PHONE, packet(1))
    assert not one.accepts(PHONE, other)


def test_the_first_source_stays_the_only_one() -> None:
    one = EarlySource((0,))
    one.accepts(STRANGER, packet(1))  # a scan
    one.accepts(PHONE, packet(1))
    assert one.accepts(PHONE, packet(2))
    for number in range(2, 50):
        assert not one.accepts(STRANGER, packet(number))
        assert not one.accepts(TransportAddress(host=PHONE.host, port=4002), packet(number))
    assert one.accepts(PHONE, packet(3))


def test_who_has_been_checked_is_heard_alone() -> None:
    one = EarlySource((0,))
    one.accepts(STRANGER, packet(1))
    assert one.accepts(STRANGER, packet(2))
    one.prove()
    assert not one.accepts(STRANGER, packet(3))


def test_reports_are_not_heard() -> None:
    one = EarlySource((0,))
    one.accepts(PHONE, packet(1))
    one.accepts(PHONE, packet(2))
    assert not one.accepts(PHONE, b"\x81\xc9\x00\x01\x00\x00\x00\x01")


def test_a_flood_of_sources_is_forgotten() -> None:
    one = EarlySource((0,))
    for port in range(1, 1000):
        assert not one.accepts(TransportAddress(host=STRANGER.host, port=port), packet(1))
    assert len(one._last) == MOST_SOURCES
    one.accepts(PHONE, packet(1))
    assert one.accepts(PHONE, packet(2))


@given(st.lists(st.tuples(st.sampled_from((PHONE, STRANGER)), st.binary(max_size=40))))
def test_nothing_that_comes_raises(arriving: list[tuple[TransportAddress, bytes]]) -> None:
    one = EarlySource((0,))
    for source, data in arriving:
        one.accepts(source, data)
