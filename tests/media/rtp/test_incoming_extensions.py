"""The way of a packet whose extension is the usual one ends where that of any other does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import PacketError
from media.rtp import packet as rtp
from media.rtp.header_extension import parse
from media.rtp.incoming_extensions import IncomingExtensions

LEVEL = 1


@pytest.mark.req("RTP-35")
@given(
    first=st.one_of(st.just(0x90), st.integers(0, 255)),
    second=st.integers(0, 255),
    contributing=st.binary(max_size=8),
    element=st.sampled_from([0x10, 0x10, 0x10, 0x11, 0x20, 0x00, 0xF0]),
    told=st.integers(0, 255),
    rest=st.one_of(st.just(bytes(2)), st.binary(min_size=2, max_size=2)),
    payload=st.binary(max_size=20),
)
def test_what_is_delivered_is_the_packet_without_its_extension(
    first: int, second: int, contributing: bytes, element: int, told: int, rest: bytes, payload: bytes
) -> None:
    words = len(contributing) // 4
    packet = bytes([first & 0xF0 | words, second]) + bytes(10) + contributing[: 4 * words]
    packet += b"\xbe\xde\x00\x01" + bytes([element, told]) + rest + payload
    delivered: list[bytes] = []
    refused: list[str] = []
    incoming = IncomingExtensions(lambda reason, _: refused.append(reason))
    incoming.use(level=LEVEL, mid_id=None, mid=b"")
    incoming.in_front_of(lambda plain, _: delivered.append(plain))(packet, 0.0)
    expected, level = packet, None
    if packet[0] & rtp.EXTENSION_BIT and not rtp.is_rtcp(packet):
        expected, profile, data = rtp.split_extension(packet)
        block = parse(profile, data)
        level = next((value[0] for number, value in block.elements if number == LEVEL), None)
        assert incoming.malformed == (not block.intact)
    assert delivered == [expected]
    assert refused == []
    heard = incoming.level.measure()
    assert (None if heard is None else round(-heard)) == (None if level is None else level & 0x7F)


@given(st.binary(max_size=60))
def test_any_bytes_are_delivered_or_refused(packet: bytes) -> None:
    delivered: list[bytes] = []
    refused: list[str] = []
    incoming = IncomingExtensions(lambda reason, _: refused.append(reason))
    incoming.use(level=LEVEL, mid_id=2, mid=b"0")
    take = incoming.in_front_of(lambda plain, _: delivered.append(plain))
    for each in (packet, b"\x90" + packet, b"\x90\x00" + bytes(10) + b"\xbe\xde" + packet):
        take(each, 0.0)
    assert len(delivered) + len(refused) == 3


def test_a_packet_that_ends_within_its_extension_goes_on_as_it_is() -> None:
    packet = b"\x90\x00" + bytes(10) + b"\xbe\xde\x00\x02\x10\x14\x00\x00"
    delivered: list[bytes] = []
    incoming = IncomingExtensions(lambda reason, _: pytest.fail(reason))
    incoming.use(level=LEVEL, mid_id=None, mid=b"")
    incoming.in_front_of(lambda plain, _: delivered.append(plain))(packet, 0.0)
    assert delivered == [packet]
    with pytest.raises(PacketError):
        rtp.parse(packet)
