"""Attributes of TURN: every value survives the wire, malformed ones are refused (RFC 8656 §18)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import StunError
from ice.stun.address import UnsupportedFamily
from ice.stun.attributes import REGISTRY, Attribute
from ice.turn.attributes import (
    AdditionalAddressFamily,
    AddressErrorCode,
    ChannelNumber,
    Data,
    DontFragment,
    EvenPort,
    Icmp,
    Lifetime,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
    XorPeerAddress,
    XorRelayedAddress,
)
from ice.types import TransportAddress

ID = bytes(range(12))
addresses = st.builds(
    TransportAddress,
    host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    port=st.integers(0, 65535),
)
octets = st.integers(0, 255)
items: st.SearchStrategy[Attribute] = st.one_of(
    st.builds(ChannelNumber, number=st.integers(0, 0xFFFF)),
    st.builds(Lifetime, seconds=st.integers(0, 2**32 - 1)),
    st.builds(XorPeerAddress, address=addresses),
    st.builds(XorRelayedAddress, address=addresses),
    st.builds(Data, payload=st.binary(max_size=300)),
    st.builds(RequestedAddressFamily, family=octets),
    st.builds(AdditionalAddressFamily, family=octets),
    st.builds(EvenPort, reserve=st.booleans()),
    st.builds(RequestedTransport, protocol=octets),
    st.builds(DontFragment),
    st.builds(ReservationToken, token=st.binary(min_size=8, max_size=8)),
    st.builds(AddressErrorCode, family=octets, code=st.integers(300, 699), reason=st.text(max_size=20)),
    st.builds(Icmp, icmp_type=octets, icmp_code=octets, data=st.integers(0, 2**32 - 1)),
)


@given(items)
@pytest.mark.req("STUN-3")
def test_decode_after_encode_is_the_identity(item: Attribute) -> None:
    assert type(item).decode(item.encode(ID), ID) == item


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        (ChannelNumber(number=0x4001), "40010000"),
        (Lifetime(seconds=600), "00000258"),
        (RequestedTransport(), "11000000"),
        (RequestedAddressFamily(family=2), "02000000"),
        (EvenPort(reserve=True), "80"),
        (DontFragment(), ""),
        (Icmp(icmp_type=3, icmp_code=4, data=1280), "0000030400000500"),
        (AddressErrorCode(family=2, code=440), "02000428"),
        # The port under 0x2112, the address under the cookie (RFC 8489 §14.2).
        (XorPeerAddress(address=TransportAddress(host="192.0.2.1", port=32853)), "0001a147e112a643"),
    ],
)
@pytest.mark.req("STUN-3", "STUN-4", "TURN-1", "TURN-4")
def test_bytes_on_the_wire(item: Attribute, wire: str) -> None:
    assert item.encode(ID).hex() == wire


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0x000C, bytes(3)),
        (0x000D, bytes(5)),
        (0x0012, bytes(3)),
        (0x0016, bytes((0, 1, 0, 0, 0))),
        (0x0017, bytes(1)),
        (0x0018, bytes(2)),
        (0x0019, bytes(3)),
        (0x001A, bytes(4)),
        (0x0022, bytes(7)),
        (0x8000, bytes(8)),
        (0x8001, bytes(3)),
        (0x8001, bytes((2, 0, 7, 0))),
        (0x8001, bytes((2, 0, 4, 100))),
        (0x8001, bytes((2, 0, 4, 0, 0xFF))),
        (0x8004, bytes(7)),
    ],
)
@pytest.mark.req("STUN-3")
def test_malformed_values_are_refused(number: int, value: bytes) -> None:
    with pytest.raises(StunError):
        REGISTRY[number].decode(value, ID)


@given(st.sampled_from(sorted(REGISTRY)), st.binary(max_size=40))
def test_random_values_raise_nothing_but_the_documented_error(number: int, value: bytes) -> None:
    with contextlib.suppress(StunError, UnsupportedFamily):
        assert isinstance(REGISTRY[number].decode(value, ID), Attribute)


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(ValueError, match="16 bits"):
        ChannelNumber(number=0x10000).encode(ID)
    with pytest.raises(ValueError, match="8 bytes"):
        ReservationToken(token=bytes(9)).encode(ID)
    with pytest.raises(OverflowError):
        Lifetime(seconds=-1).encode(ID)
