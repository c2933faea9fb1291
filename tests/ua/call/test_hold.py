"""Who holds whom, by directions alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes.direction import Direction
from tests.sdp.answering import HEAD, accepted, plain
from tests.sdp.local import LOCAL
from ua.call.hold import Hold, holding, read

DIRECTIONS = st.sampled_from(list(Direction))


@pytest.mark.req("sdp.md:OA-4")
@pytest.mark.parametrize(
    ("usual", "held"),
    [
        (Direction.SENDRECV, Direction.SENDONLY),
        (Direction.RECVONLY, Direction.INACTIVE),
        (Direction.SENDONLY, Direction.SENDONLY),
        (Direction.INACTIVE, Direction.INACTIVE),
    ],
)
def test_a_hold_stops_what_we_receive(usual: Direction, held: Direction) -> None:
    assert holding(usual) is held


@pytest.mark.req("sdp.md:OA-25")
@given(ours=st.booleans(), theirs=DIRECTIONS)
def test_what_the_other_side_forces_on_us_is_no_wish_of_ours(ours: bool, theirs: Direction) -> None:
    usual = Direction.SENDRECV
    wish = holding(usual) if ours else usual
    _, agreed = accepted(plain(f"a={theirs}"), replace(LOCAL, direction=wish))
    state = read(usual, wish, agreed)
    assert state.by_us is ours
    assert (state in (Hold.HELD, Hold.BOTH)) is (not theirs.receives)


@pytest.mark.req("sdp.md:OA-26")
def test_a_description_without_an_address_holds_us() -> None:
    usual = Direction.SENDRECV
    _, agreed = accepted(plain(head=HEAD.replace("c=IN IP4 198.51.100.9", "c=IN IP4 0.0.0.0")))
    assert read(usual, usual, agreed) is Hold.HELD
    _, agreed = accepted(plain())
    assert read(usual, usual, agreed) is Hold.NONE
    assert read(usual, usual, None) is Hold.NONE
