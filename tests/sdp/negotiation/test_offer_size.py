"""Offers that must be small leave out what is missed least."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ice.types import Candidate, TcpType, Transport
from sdp.negotiation import offer_size
from tests.sdp import strategies
from tests.sdp.local import CANDIDATES, address, tcp, udp

DEFAULTS = (address(5000), address(5001))


def test_active_tcp_goes_first_then_rtcp() -> None:
    active = [each for each in CANDIDATES if each.tcptype is TcpType.ACTIVE]
    room = sum(map(offer_size.line_bytes, active))
    fewer = offer_size.fewer(CANDIDATES, excess=room, defaults=DEFAULTS)
    assert fewer == tuple(each for each in CANDIDATES if each.tcptype is not TcpType.ACTIVE)
    fewest = offer_size.fewer(CANDIDATES, excess=room + 1, defaults=DEFAULTS)
    assert fewest == (udp(5000), udp(5001, 2), tcp(6000, TcpType.PASSIVE))


def test_second_addresses_go_before_the_first_of_their_kind() -> None:
    second = udp(5002, host="198.51.100.7")
    third = udp(5003, host="198.51.100.8")
    candidates = (udp(5000), tcp(6000, TcpType.PASSIVE), second, third)
    fewer = offer_size.fewer(candidates, excess=1, defaults=DEFAULTS)
    assert fewer is not None
    assert len(fewer) == 3
    assert fewer[:2] == candidates[:2]


def test_what_must_stay_is_not_left_out() -> None:
    assert offer_size.fewer(CANDIDATES, excess=10_000, defaults=DEFAULTS) is None


@given(
    st.lists(strategies.candidates(max_component=2), max_size=12, unique=True),
    st.integers(-10, 1500),
    st.data(),
)
def test_it_makes_the_room_or_says_that_it_cannot(
    candidates: list[Candidate], excess: int, data: st.DataObject
) -> None:
    addresses = [each.address for each in candidates]
    defaults = set(data.draw(st.lists(st.sampled_from(addresses), max_size=2))) if addresses else set()
    fewer = offer_size.fewer(candidates, excess=excess, defaults=defaults)
    if fewer is None:
        return
    left_out = [each for each in candidates if each not in fewer]
    assert sum(map(offer_size.line_bytes, left_out)) >= excess or not excess > 0
    assert [each for each in candidates if each in fewer] == list(fewer)
    assert all(not (each.transport is Transport.UDP and each.address in defaults) for each in left_out)
    # No more than needed: without the last one it would not have sufficed.
    if left_out:
        assert sum(map(offer_size.line_bytes, left_out)) - max(map(offer_size.line_bytes, left_out)) < excess
