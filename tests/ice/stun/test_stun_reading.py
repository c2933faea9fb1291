"""A packet passes several hands and is read once; the same addresses are not spelled out anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import StunError
from ice.stun.address import decode_address, encode_address, xor_mask
from ice.stun.binding import binding_indication
from ice.stun.message import parse
from ice.types import TransportAddress

MASKS = st.binary(min_size=12, max_size=12).map(xor_mask)
HOSTS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


def test_the_same_packet_is_read_once() -> None:
    packet = binding_indication(bytes(12))
    assert parse(packet) is parse(bytes(bytearray(packet)))
    assert parse(packet) is not parse(binding_indication(bytes(11) + b"\1"))


def test_a_bad_packet_is_refused_every_time() -> None:
    for _ in range(3):
        with pytest.raises(StunError, match="too few"):
            parse(b"\0\1")


@given(st.lists(st.tuples(HOSTS, st.integers(0, 65535), MASKS), min_size=1, max_size=5))
def test_addresses_come_back_under_every_mask(addresses: list[tuple[str, int, bytes]]) -> None:
    for host, port, mask in addresses:
        address = TransportAddress(host=host, port=port)
        assert decode_address(encode_address(address, mask), mask) == address
