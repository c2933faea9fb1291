"""Directions of offers and answers."""

from __future__ import annotations

import itertools

import pytest

from sdp.attributes import direction
from sdp.attributes.direction import Direction
from sdp.syntax.parser import parse
from tests.sdp.bodies import crlf

SENDRECV, SENDONLY, RECVONLY, INACTIVE = Direction

# RFC 3264 §6.1: offer -> what an answer may say; and ours for a normal call, hold with music, silent hold.
LEGAL = {
    SENDRECV: {SENDRECV, SENDONLY, RECVONLY, INACTIVE},
    SENDONLY: {RECVONLY, INACTIVE},
    RECVONLY: {SENDONLY, INACTIVE},
    INACTIVE: {INACTIVE},
}
OURS = {
    SENDRECV: (SENDRECV, SENDONLY, INACTIVE),
    SENDONLY: (RECVONLY, INACTIVE, INACTIVE),
    RECVONLY: (SENDONLY, SENDONLY, INACTIVE),
    INACTIVE: (INACTIVE, INACTIVE, INACTIVE),
}


@pytest.mark.req("OA-3")
@pytest.mark.parametrize("offer", Direction)
def test_table_of_answers(offer: Direction) -> None:
    wishes = (SENDRECV, SENDONLY, INACTIVE)
    assert tuple(direction.answer(offer, wish) for wish in wishes) == OURS[offer]


@pytest.mark.req("OA-3")
@pytest.mark.parametrize(("offer", "wish"), list(itertools.product(Direction, Direction)))
def test_every_answer_is_legal_and_never_more_than_the_wish(offer: Direction, wish: Direction) -> None:
    answer = direction.answer(offer, wish)
    assert answer in LEGAL[offer]
    assert answer.limited_to(wish) is answer


def test_reverse() -> None:
    assert [each.reverse for each in Direction] == [SENDRECV, RECVONLY, SENDONLY, INACTIVE]


@pytest.mark.req("SDP-8866-17", "OA-3")
@pytest.mark.parametrize(
    ("session", "media", "expected"),
    [
        ([], [], SENDRECV),
        (["a=inactive"], ["a=sendrecv"], SENDRECV),
        (["a=sendonly"], [], SENDONLY),
        ([], ["a=recvonly"], RECVONLY),
        ([], ["a=recvonly", "a=sendonly"], SENDONLY),
        (["a=inactive", "a=sendonly"], [], SENDONLY),
        ([], ["a=SendOnly"], SENDRECV),
        ([], ["a=sendonly:1"], SENDRECV),
    ],
)
def test_direction_in_force(session: list[str], media: list[str], expected: Direction) -> None:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *session,
             "m=audio 4000 RTP/AVP 0", *media]  # fmt: skip
    description = parse(crlf("\n".join(lines)))
    assert direction.read(description, description.media[0]) is expected
