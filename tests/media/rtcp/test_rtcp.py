from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import PacketError
from media.rtcp.compound import (
    RtcpByePacket,
    RtcpItem,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    XrPacket,
    build,
    cname_of,
    parse,
    receiver_info,
    source_description,
)

EMPTY_REPORT = RtcpRrPacket(ssrc=1)
BLOCK = receiver_info(
    ssrc=0x01020304, fraction_lost=25, packets_lost=-3, highest_sequence=0x10005, jitter=80, lsr=7, dlsr=9
)


@pytest.mark.req("RTP-6", "RTP-17", "RTP-19")
def test_bytes_of_an_empty_report_with_a_name() -> None:
    data = build([RtcpRrPacket(ssrc=0xCAFEBABE), source_description(0xCAFEBABE, "abc")])
    assert data == bytes.fromhex("80c90001cafebabe") + bytes.fromhex("81ca0003cafebabe0103616263000000")


@pytest.mark.req("RTP-16", "RTP-17")
def test_bytes_of_a_sender_report() -> None:
    info = RtcpSenderInfo(
        ntp_timestamp=0x0102030405060708, rtp_timestamp=0x11121314, packet_count=5, octet_count=800
    )
    data = build([RtcpSrPacket(ssrc=0xCAFEBABE, sender_info=info, reports=[BLOCK])])
    assert data == bytes.fromhex(
        "81c8000c cafebabe 01020304 05060708 11121314 00000005 00000320"
        "01020304 19fffffd 00010005 00000050 00000007 00000009"
    )
    (report,) = parse(data)
    assert isinstance(report, RtcpSrPacket)
    assert report.reports == [BLOCK]


@pytest.mark.req("RTP-15", "RTP-17")
@pytest.mark.parametrize(
    ("lost", "reported"),
    [(-3, -3), (-(1 << 23), -(1 << 23)), (-(1 << 30), -(1 << 23)), (1 << 30, (1 << 23) - 1), (0, 0)],
)
def test_cumulative_loss_is_signed_and_clamped(lost: int, reported: int) -> None:
    block = receiver_info(
        ssrc=1, fraction_lost=0, packets_lost=lost, highest_sequence=0, jitter=0, lsr=0, dlsr=0
    )
    (report,) = parse(build([RtcpRrPacket(ssrc=1, reports=[block])]))
    assert isinstance(report, RtcpRrPacket)
    assert report.reports[0].packets_lost == reported


@pytest.mark.req("RTP-19")
@pytest.mark.parametrize("length", range(1, 9))
def test_names_end_with_one_to_four_zero_bytes_at_a_word(length: int) -> None:
    name = "n" * length
    data = build([EMPTY_REPORT, source_description(9, name)])[8:]
    words = struct.unpack_from("!H", data, 2)[0]
    assert len(data) == 4 + 4 * words
    zeros = len(data) - len(data.rstrip(b"\0"))
    assert 1 <= zeros <= 4
    _, sdes = parse(build([EMPTY_REPORT, source_description(9, name)]))
    assert isinstance(sdes, RtcpSdesPacket)
    assert [(chunk.ssrc, cname_of(chunk)) for chunk in sdes.chunks] == [(9, name)]


@pytest.mark.req("RTP-19")
def test_several_chunks_of_any_length_are_read() -> None:
    chunks = [RtcpSourceInfo(ssrc=i, items=[(2, b"x" * i), (1, b"y" * i)]) for i in range(1, 8)]
    _, sdes = parse(build([EMPTY_REPORT, RtcpSdesPacket(chunks=chunks)]))
    assert isinstance(sdes, RtcpSdesPacket)
    assert sdes.chunks == chunks


@pytest.mark.req("RTP-19")
def test_a_chunk_with_an_overlong_item_is_dropped() -> None:
    good = build([EMPTY_REPORT, source_description(9, "good")])
    chunk = struct.pack("!LBB", 10, 1, 200) + b"xx"
    sdes = b"\x82\xca\x00\x05" + good[12:24] + chunk
    _, packet = parse(good[:8] + sdes)
    assert isinstance(packet, RtcpSdesPacket)
    assert [cname_of(chunk) for chunk in packet.chunks] == ["good"]


@pytest.mark.req("RTP-17", "RTP-22")
def test_profile_extensions_and_unknown_packets_are_stepped_over() -> None:
    report = bytes(RtcpRrPacket(ssrc=1, reports=[BLOCK]))
    extended = report[:2] + struct.pack("!H", 9) + report[4:] + b"\xaa" * 8
    xr = b"\x80\xcf\x00\x01" + bytes(4)
    app = b"\x80\xcc\x00\x02" + bytes(8)
    feedback = b"\x81\xcd\x00\x02" + bytes(8)
    bye = bytes(RtcpByePacket(sources=[1]))
    items = parse(extended + xr + app + feedback + bye)
    assert [type(item) for item in items] == [RtcpRrPacket, XrPacket, RtcpByePacket]
    assert isinstance(items[0], RtcpRrPacket)
    assert items[0].reports == [BLOCK]


@pytest.mark.req("RTP-21")
def test_bye_with_a_reason_is_read() -> None:
    bye = b"\x81\xcb\x00\x03" + struct.pack("!L", 5) + b"\x07goodbye"
    items = parse(bytes(EMPTY_REPORT) + bye)
    assert isinstance(items[1], RtcpByePacket)
    assert items[1].sources == [5]


@pytest.mark.req("RTP-9", "RTP-22")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(EMPTY_REPORT)[:6],
        bytes(EMPTY_REPORT) + b"\x80",
        bytes(RtcpByePacket(sources=[1])),
        b"\x81\xca\x00\x01" + bytes(4),
        b"\x40\xc9\x00\x01" + bytes(4),
        bytes(EMPTY_REPORT) + b"\x40\xcb\x00\x00",
        b"\x80\xc9\x00\x05" + bytes(4),
        b"\x81\xc9\x00\x01" + bytes(4),
        b"\xa0\xc9\x00\x02" + bytes(7) + b"\x04" + bytes(EMPTY_REPORT),
        b"\xa0\xc9\x00\x01" + bytes(4),
        bytes(EMPTY_REPORT) + b"\x82\xcb\x00\x01" + bytes(4),
        b"\x80\xc8\x00\x01" + bytes(4),
    ],
    ids=[
        "empty", "cut", "a byte too many", "BYE first", "SDES first", "version 1", "version 1 inside",
        "longer than the datagram", "fewer blocks than counted", "padding before the end", "padding of 0",
        "fewer sources than counted", "sender report without sender",
    ],
)  # fmt: skip
def test_refuses(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse(data)


def test_a_compound_starts_with_a_report() -> None:
    with pytest.raises(ValueError, match="starts with"):
        build([source_description(1, "x")])


ssrcs = st.integers(0, 0xFFFFFFFF)
words = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(
        receiver_info,
        ssrc=ssrcs,
        fraction_lost=st.integers(0, 255),
        packets_lost=st.integers(-(1 << 23), (1 << 23) - 1),
        highest_sequence=words,
        jitter=words,
        lsr=words,
        dlsr=words,
    ),
    max_size=31,
)
sender_infos = st.builds(
    RtcpSenderInfo,
    ntp_timestamp=st.integers(0, (1 << 64) - 1),
    rtp_timestamp=words,
    packet_count=words,
    octet_count=words,
)
reports = st.one_of(
    st.builds(RtcpRrPacket, ssrc=ssrcs, reports=blocks),
    st.builds(RtcpSrPacket, ssrc=ssrcs, sender_info=sender_infos, reports=blocks),
)
items = st.tuples(st.integers(1, 8), st.binary(max_size=255))
chunks = st.builds(RtcpSourceInfo, ssrc=ssrcs, items=st.lists(items, max_size=3))
others = st.one_of(
    st.builds(RtcpSdesPacket, chunks=st.lists(chunks, max_size=4)),
    st.builds(RtcpByePacket, sources=st.lists(ssrcs, max_size=31)),
)


@pytest.mark.req("RTP-6", "RTP-17", "RTP-19")
@given(first=reports, rest=st.lists(others, max_size=4))
def test_parse_after_build_is_the_identity(first: RtcpItem, rest: list[RtcpItem]) -> None:
    assert parse(build([first, *rest])) == [first, *rest]


@pytest.mark.req("RTP-22")
@given(data=st.binary(max_size=120), first=reports, position=st.integers(0, 400), byte=st.integers(0, 255))
def test_random_and_damaged_packets_raise_only_the_documented_error(
    data: bytes, first: RtcpItem, position: int, byte: int
) -> None:
    damaged = bytearray(build([first, source_description(1, "name"), RtcpByePacket(sources=[1])]))
    damaged[position % len(damaged)] = byte
    for candidate in (data, b"\x80\xc9" + data, b"\x81\xc8" + data, bytes(damaged)):
        try:
            parsed = parse(candidate)
        except PacketError:
            continue
        assert isinstance(parsed[0], RtcpSrPacket | RtcpRrPacket)


def test_a_report_at_a_moment_before_the_sender_report_it_answers() -> None:
    """A tick has the time when it was due; on a busy machine something came since."""
    info = receiver_info(
        ssrc=1, fraction_lost=0, packets_lost=0, highest_sequence=0, jitter=0, lsr=7, dlsr=-900
    )
    assert info.dlsr == 0
    assert len(bytes(info)) == 24
