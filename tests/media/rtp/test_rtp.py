from __future__ import annotations

import struct

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.errors import PacketError
from media.rtp.packet import HEADER, build, is_rtcp, parse

PAYLOAD = bytes(range(20))


def packet(first: int = 0x80, rest: bytes = b"") -> bytes:
    return HEADER.pack(first, 0, 7, 160, 0xCAFE) + rest


@pytest.mark.req("RTP-1")
def test_reads_every_header_field() -> None:
    header = parse(HEADER.pack(0x80, 0x80 | 8, 0xFFFE, 0xFFFFFFFF, 0x01020304) + PAYLOAD)
    assert (header.payload_type, header.marker) == (8, True)
    assert (header.sequence, header.timestamp, header.ssrc) == (0xFFFE, 0xFFFFFFFF, 0x01020304)
    assert header.payload == PAYLOAD


@pytest.mark.req("RTP-1")
def test_steps_over_contributing_sources_extension_and_padding() -> None:
    csrcs = struct.pack("!LL", 1, 2)
    extension = struct.pack("!HH", 0xBEDE, 2) + bytes(8)
    data = packet(0x80 | 0x20 | 0x10 | 2, csrcs + extension + PAYLOAD + b"\0\0\x03")
    assert parse(data).payload == PAYLOAD


@pytest.mark.req("RTP-1")
def test_extension_of_no_words_is_legal() -> None:
    assert parse(packet(0x90, struct.pack("!HH", 0x1234, 0) + PAYLOAD)).payload == PAYLOAD


def test_broken_extension_elements_do_not_cost_the_payload() -> None:
    truncated_element = bytes((0x1F, 1, 2, 3))
    assert parse(packet(0x90, struct.pack("!HH", 0xBEDE, 1) + truncated_element + PAYLOAD)).payload == PAYLOAD


@pytest.mark.req("RTP-1")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        packet()[:11],
        packet(0x40, PAYLOAD),
        packet(0x00, PAYLOAD),
        packet(0xC0, PAYLOAD),
        packet(0x82, b"\0\0\0\1"),
        packet(0x90, b"\xbe\xde"),
        packet(0x90, struct.pack("!HH", 0xBEDE, 3) + bytes(8)),
        packet(0xA0, PAYLOAD[:-1] + b"\0"),
        packet(0xA0, PAYLOAD[:-1] + b"\x15"),
        packet(0xA0),
    ],
    ids=[
        "empty", "short", "version 1", "version 0", "version 3", "sources beyond the end", "extension cut",
        "extension beyond the end", "padding 0", "padding over the payload", "padding without payload",
    ],
)  # fmt: skip
def test_refuses(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse(data)


@pytest.mark.req("RTP-1")
@given(data=st.binary(max_size=80) | st.binary(min_size=8, max_size=40).map(lambda rest: b"\xbf\x00" + rest))
def test_random_bytes_raise_only_the_documented_error(data: bytes) -> None:
    try:
        header = parse(data)
    except PacketError:
        return
    assert len(header.payload) <= len(data) - 12


@given(
    payload_type=st.integers(0, 127),
    marker=st.booleans(),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=200),
)
def test_build_and_parse_are_inverse_and_agree_with_aiortc(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    data = build(
        payload_type=payload_type,
        marker=marker,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=payload,
    )
    header = parse(data)
    assert (header.payload_type, header.marker, header.sequence) == (payload_type, marker, sequence)
    assert (header.timestamp, header.ssrc, header.payload) == (timestamp, ssrc, payload)
    other = RtpPacket(payload_type, int(marker), sequence, timestamp, ssrc, payload)
    assert other.serialize() == data


@pytest.mark.req("RTP-8")
def test_second_byte_tells_rtcp_from_rtp() -> None:
    for second in range(256):
        assert is_rtcp(bytes((0x80, second, 0, 0))) is (192 <= second <= 223)
    assert not is_rtcp(b"\x80")
    assert not is_rtcp(b"")
