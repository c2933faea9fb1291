"""Elements of header extensions (RFC 8285 §4): read whatever comes, written in the one-byte form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import PacketError
from media.rtp import packet as rtp
from media.rtp.header_extension import ONE_BYTE, ONE_BYTE_IDS, ONE_BYTE_LENGTHS, build, insert, parse

ELEMENTS = st.lists(
    st.tuples(
        st.sampled_from(ONE_BYTE_IDS),
        st.binary(min_size=ONE_BYTE_LENGTHS[0], max_size=ONE_BYTE_LENGTHS[-1]),
    ),
    max_size=6,
)


@pytest.mark.req("RTP-35")
@pytest.mark.parametrize(
    ("profile", "data", "elements", "intact"),
    [
        # the figures of RFC 8285 §4.2 and §4.3
        (0xBEDE, "10aa 21bbbb 0000 33cccccccc", [(1, "aa"), (2, "bbbb"), (3, "cccccccc")], True),
        (0x1000, "0100 0201aa 00 0304bbbbbbbb", [(1, ""), (2, "aa"), (3, "bbbbbbbb")], True),
        (0x100F, "0201aa 00", [(2, "aa")], True),
        (0xBEDE, "", [], True),
        (0xBEDE, "00000000", [], True),
        # what ends a block
        (0xBEDE, "10aa f000 20bb 0000", [(1, "aa")], False),
        (0xBEDE, "10aa 05 20bb 000000", [(1, "aa")], False),
        (0xBEDE, "10aa 33ccccc0", [(1, "aa")], False),
        (0xBEDE, "1f000000", [], False),
        (0x1000, "0201aa 05", [(2, "aa")], False),
        (0x1000, "0201aa 0501", [(2, "aa")], False),
        (0x1000, "000001ff", [], False),
        # forms that are none of ours
        (0xABCD, "10aa0000", [], True),
        (0x1010, "0201aa00", [], True),
    ],
)
def test_blocks(profile: int, data: str, elements: list[tuple[int, str]], intact: bool) -> None:
    read = parse(profile, bytes.fromhex(data))
    assert [(number, value.hex()) for number, value in read.elements] == elements
    assert read.intact is intact


@pytest.mark.req("RTP-35")
@given(st.one_of(st.sampled_from([0xBEDE, 0x1000, 0x1007]), st.integers(0, 0xFFFF)), st.binary(max_size=80))
def test_any_block_is_read(profile: int, data: bytes) -> None:
    for number, value in parse(profile, data).elements:
        assert number in range(1, 15 if profile == ONE_BYTE else 256)
        assert value in data


@given(ELEMENTS)
def test_what_is_built_is_read(elements: list[tuple[int, bytes]]) -> None:
    block = build(elements)
    assert len(block) % 4 == 0
    assert bool(block) is bool(elements)
    packet = rtp.build(payload_type=0, marker=True, sequence=1, timestamp=2, ssrc=3, payload=b"\x55" * 160)
    if not block:
        return
    plain, profile, data = rtp.split_extension(insert(packet, block))
    assert plain == packet
    assert parse(profile, data).elements == tuple(elements)
    assert parse(profile, data).intact
    assert rtp.parse(insert(packet, block)) == rtp.parse(packet)


@given(ELEMENTS.filter(bool), st.data())
def test_a_packet_that_ends_early_is_refused(elements: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = insert(bytes([0x80]) + bytes(11), build(elements))
    cut = whole[: data.draw(st.integers(12, len(whole) - 1))]
    with pytest.raises(PacketError):
        rtp.split_extension(cut)


@pytest.mark.parametrize(("number", "size"), [(0, 1), (15, 1), (1, 0), (1, 17)])
def test_what_the_one_byte_form_does_not_have(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="one-byte form"):
        build([(number, bytes(size))])
