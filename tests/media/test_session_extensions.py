"""What sessions make of header extensions (RFC 8285) and of feedback (RFC 4585): nothing, and they go on."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.sources import ToneSource
from media.rtp import packet as rtp
from tests.media.bench import PEER, Bench

ONE_BYTE = b"\xbe\xde\x00\x03" + bytes.fromhex("10aa 21bbbb 0000 33cccccccc")
"""The example of RFC 8285 §4.2: three elements and padding between them."""

TWO_BYTES = b"\x10\x00\x00\x03" + bytes.fromhex("0100 0201aa 00 0304bbbbbbbb")
"""That of §4.3."""

ODD = {
    "an element longer than the extension": b"\xbe\xde\x00\x01" + bytes.fromhex("1f000000"),
    "a length without its data": b"\x10\x00\x00\x01" + bytes.fromhex("000001ff"),
    "the id that ends it": b"\xbe\xde\x00\x02" + bytes.fromhex("10aa f3ffffffff 00"),
    "padding that has a length": b"\xbe\xde\x00\x01" + bytes.fromhex("05ffffff"),
    "nothing": b"\xbe\xde\x00\x00",
    "a profile that nobody knows": b"\xab\xcd\x00\x01" + bytes(4),
}


def extended(packet: bytes, extension: bytes) -> bytes:
    return bytes([packet[0] | 0x10]) + packet[1:12] + extension + packet[12:]


@pytest.mark.req("RTP-35")
@pytest.mark.parametrize(
    "extension", [ONE_BYTE, TWO_BYTES, *ODD.values()], ids=["one byte", "two bytes", *ODD]
)
def test_the_payload_is_played_whatever_stands_before_it(extension: bytes) -> None:
    """We know no element: all are skipped, and where one is broken there is nothing to save but the audio."""
    plain, other = Bench(), Bench()
    for _ in range(20):
        packet = plain.packet(level=0x20)
        assert rtp.parse(extended(packet, extension)) == rtp.parse(packet)
        plain.rtp.deliver(packet, plain.now)
        other.rtp.deliver(extended(packet, extension), other.now)
        plain.run(0.02)
        other.run(0.02)
    assert plain.heard == other.heard
    assert any(other.heard)
    assert other.session.statistics.refused == {}
    assert other.session.statistics.received.packets == 20
    assert all(not packet[0] & 0x10 for packet in other.rtp.sent if not rtp.is_rtcp(packet)), "we send none"


@pytest.mark.req("RTP-35")
@given(
    words=st.integers(0, 8),
    data=st.binary(min_size=32, max_size=32),
    profile=st.binary(min_size=2, max_size=2),
)
def test_any_extension_leaves_the_payload(words: int, data: bytes, profile: bytes) -> None:
    packet = rtp.build(payload_type=0, marker=True, sequence=7, timestamp=8, ssrc=9, payload=b"\x55" * 160)
    extension = profile + words.to_bytes(2, "big") + data[: 4 * words]
    assert rtp.parse(extended(packet, extension)) == rtp.parse(packet)


def feedback(kind: int, number: int, control: bytes = b"") -> bytes:
    """A feedback message about what we send (RFC 4585 §6.1)."""
    length = 2 + len(control) // 4
    return (
        bytes([0x80 | number, kind])
        + length.to_bytes(2, "big")
        + PEER.to_bytes(4, "big")
        + bytes(4)
        + control
    )


@pytest.mark.req("RTP-28")
def test_feedback_is_never_sent_and_passed_over_where_it_comes() -> None:
    """Ours is the timing of AVP, whatever profile a browser asks for: no feedback is agreed on."""
    bench = Bench(source=ToneSource(440))
    lost = random.Random(1)
    receiver_report = bytes([0x80, 201, 0, 1]) + PEER.to_bytes(4, "big")
    messages = itertools.cycle(
        [
            feedback(205, 1, b"\x00\x07\x00\x01"),  # NACK
            feedback(
                205, 15, bytes.fromhex("0001 0002 00000000 20026400")
            ),  # transport-wide congestion control
            feedback(206, 1),  # picture loss
            feedback(206, 15, b"REMB" + bytes(8)),
        ]
    )
    for number in range(1500):
        packet = bench.packet()
        if lost.random() > 0.1:
            bench.rtp.deliver(packet, bench.now)
        if number % 50 == 0:
            bench.rtcp.deliver(receiver_report + next(messages), bench.now)
        bench.run(0.02)
    reports = [packet for packet in bench.rtp.sent if rtp.is_rtcp(packet)]
    assert len(reports) >= 4
    for packet in reports:
        assert packet[1] in (200, 201)
        kinds = set()
        while packet:
            kinds.add(packet[1])
            packet = packet[4 * (int.from_bytes(packet[2:4], "big") + 1) :]
        assert not kinds & {205, 206}
    assert bench.session.statistics.refused == {}
