from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import PacketError
from media.rtcp import compound
from media.rtcp.compound import RtcpRrPacket, build
from media.rtcp.xr import (
    UNAVAILABLE,
    Delay,
    Delays,
    ReferenceTime,
    VoipMetrics,
    XrPacket,
    parse,
)

METRICS = VoipMetrics(
    ssrc=0x11223344,
    loss_rate=12,
    discard_rate=13,
    burst_density=85,
    gap_density=10,
    burst_ms=120,
    gap_ms=260,
    round_trip_ms=80,
    end_system_ms=100,
    signal_level=-20,
    noise_level=-60,
    residual_echo_return_loss=127,
    gmin=16,
    r_factor=93,
    external_r_factor=127,
    mos_lq=44,
    mos_cq=43,
    rx_config=0xF0,
    buffer_ms=40,
    buffer_maximum_ms=200,
    buffer_limit_ms=500,
)
WIRE = bytes.fromhex(
    "80cf000acafebabe07000008112233440c0d550a0078010400500064ecc47f105d7f2c2bf000002800c801f4"
)


@pytest.mark.req("XR-1")
def test_bytes_of_voip_metrics() -> None:
    packet = XrPacket(ssrc=0xCAFEBABE, blocks=(METRICS,))
    assert bytes(packet) == WIRE
    assert len(bytes(METRICS)) == 36
    assert parse(WIRE[4:]) == packet


@pytest.mark.req("XR-1")
def test_a_rating_that_cannot_be_says_nothing() -> None:
    for value in (101, 126, 128, 255):
        changed = bytearray(WIRE)
        changed[32:36] = bytes((value, value, value, value))
        packet = parse(bytes(changed[4:]))
        assert packet is not None
        (block,) = packet.blocks
        assert isinstance(block, VoipMetrics)
        scores = (block.r_factor, block.external_r_factor, block.mos_lq, block.mos_cq)
        assert scores == (UNAVAILABLE,) * 4


@pytest.mark.req("XR-1")
def test_unknown_blocks_are_stepped_over() -> None:
    time = ReferenceTime(ntp=0x0102030405060708)
    delays = Delays(delays=(Delay(ssrc=1, last=2, since=3), Delay(ssrc=4, last=5, since=6)))
    unknown = bytes.fromhex("2a000002") + bytes(8)
    wrong_length = bytes.fromhex("04000001") + bytes(4)
    payload = bytes(4) + unknown + bytes(time) + wrong_length + unknown + bytes(delays)
    assert parse(payload) == XrPacket(ssrc=0, blocks=(time, delays))


@pytest.mark.req("XR-1")
def test_a_block_beyond_the_end_ends_the_packet() -> None:
    time = ReferenceTime(ntp=7)
    assert parse(bytes(4) + bytes(time) + bytes.fromhex("0400ffff")) == XrPacket(ssrc=0, blocks=(time,))
    assert parse(bytes(3)) is None


def test_it_is_part_of_a_compound() -> None:
    packet = XrPacket(ssrc=5, blocks=(METRICS,))
    report = RtcpRrPacket(ssrc=5)
    assert compound.parse(build([report, packet])) == [report, packet]


def number(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


RATING = st.integers(0, 100) | st.just(UNAVAILABLE)
SCORE = st.integers(10, 50) | st.just(UNAVAILABLE)
LEVEL = st.integers(-128, 127)
BLOCKS = st.one_of(
    st.builds(ReferenceTime, ntp=number(64)),
    st.builds(
        Delays,
        delays=st.lists(st.builds(Delay, ssrc=number(32), last=number(32), since=number(32)), max_size=4).map(
            tuple
        ),
    ),
    st.builds(
        VoipMetrics,
        ssrc=number(32),
        **{name: number(8) for name in ("loss_rate", "discard_rate", "burst_density", "gap_density")},
        **{name: number(16) for name in ("burst_ms", "gap_ms", "round_trip_ms", "end_system_ms")},
        signal_level=LEVEL,
        noise_level=LEVEL,
        residual_echo_return_loss=number(8),
        gmin=number(8),
        r_factor=RATING,
        external_r_factor=RATING,
        mos_lq=SCORE,
        mos_cq=SCORE,
        rx_config=number(8),
        **{name: number(16) for name in ("buffer_ms", "buffer_maximum_ms", "buffer_limit_ms")},
    ),
)


@pytest.mark.req("XR-1")
@given(number(32), st.lists(BLOCKS, max_size=5))
def test_what_is_written_is_read(ssrc: int, blocks: list[ReferenceTime | Delays | VoipMetrics]) -> None:
    packet = XrPacket(ssrc=ssrc, blocks=tuple(blocks))
    data = bytes(packet)
    assert len(data) == 4 + 4 * int.from_bytes(data[2:4], "big")
    assert parse(data[4:]) == packet


@given(st.binary(max_size=120))
def test_any_bytes_are_read_without_an_error(payload: bytes) -> None:
    parse(payload)
    padded = payload + bytes(-len(payload) % 4)
    try:
        compound.parse(
            b"\x80\xc9\x00\x01" + bytes(4) + b"\x80\xcf" + (len(padded) // 4).to_bytes(2, "big") + padded
        )
    except PacketError:
        assert len(payload) < 4
