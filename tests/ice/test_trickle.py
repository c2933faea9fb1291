"""RFC 8838 §9: candidates that come after the description, in order, each once, of the right generation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.trickle import MAX_HELD, CandidateMessage, TrickleReceiver
from ice.description import MAX_CANDIDATES, message_from_json, message_to_json
from ice.errors import DescriptionError
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    Transport,
    TransportAddress,
)


def description(ufrag: str = "first", *, end: bool = False) -> Description:
    return Description(
        credentials=Credentials(ufrag=ufrag, password="p" * 24), candidates=(), end_of_candidates=end
    )


def candidate(number: int) -> Candidate:
    return Candidate(
        foundation="1",
        component=1,
        transport=Transport.UDP,
        priority=1000 - number,
        address=TransportAddress(host="192.0.2.1", port=40000 + number),
        type=CandidateType.HOST,
    )


def message(number: int, ufrag: str = "first", *, end: bool = False) -> CandidateMessage:
    return CandidateMessage(
        ufrag=ufrag, number=number, candidates=(candidate(number),), end_of_candidates=end
    )


def receiver() -> TrickleReceiver:
    made = TrickleReceiver()
    made.begin(description())
    return made


@pytest.mark.req("USE-21", "TRI-2")
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.permutations([*range(1, n + 1)] * 2))))
def test_whatever_carries_them_each_comes_once_and_in_order(sent: tuple[int, list[int]]) -> None:
    count, order = sent
    one = receiver()
    given_on = [each.number for number in order for each in one.receive(message(number))]
    assert given_on == list(range(1, count + 1))
    assert one.refused["duplicate"] == count


@pytest.mark.req("USE-21", "TRI-2")
def test_another_generation_is_ignored() -> None:
    one = receiver()
    assert one.receive(message(1, "other")) == []
    assert one.refused == {"generation": 1}
    one.receive(message(1))
    # A restart: messages of the old one come too late, the numbers begin anew.
    one.begin(description("second"))
    assert one.receive(message(2)) == []
    assert [each.number for each in one.receive(message(1, "second"))] == [1]


@pytest.mark.req("USE-21", "TRI-3")
def test_nothing_is_taken_after_the_end() -> None:
    one = receiver()
    assert one.receive(message(3)) == []
    assert [each.number for each in one.receive(message(1))] == [1]
    assert [each.number for each in one.receive(message(2, end=True))] == [2]
    assert one.receive(message(4)) == []
    assert one.refused == {"ended": 1}
    full = TrickleReceiver()
    full.begin(description(end=True))
    assert full.receive(message(1)) == []


def test_a_description_that_is_repeated_changes_nothing() -> None:
    one = receiver()
    one.receive(message(1))
    one.begin(description())
    assert one.receive(message(1)) == []
    assert len(one.receive(message(2))) == 1


def test_what_waits_is_bounded() -> None:
    one = receiver()
    for number in range(2, MAX_HELD + 10):
        assert one.receive(message(number)) == []
    assert one.refused == {"too many": 8}
    assert len(one.receive(message(1))) == MAX_HELD + 1


def test_before_the_description_it_is_our_callers_mistake() -> None:
    with pytest.raises(ValueError, match="follow the description"):
        TrickleReceiver().receive(message(1))


@given(st.integers(1, 2**31), st.integers(0, 5), st.booleans())
def test_the_json_form_says_the_same(number: int, count: int, end: bool) -> None:
    told = CandidateMessage(
        ufrag="evtj",
        number=number,
        candidates=tuple(candidate(each) for each in range(count)),
        end_of_candidates=end,
    )
    assert message_from_json(json.loads(json.dumps(message_to_json(told)))) == told
    assert message_from_json({**message_to_json(told), "later": 1}) == told


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"ufrag": "a"},
        {"number": 0},
        {"number": None},
        {"candidates": [{}]},
        {"candidates": [None] * (MAX_CANDIDATES + 1)},
        {"end_of_candidates": 1},
    ],
)
def test_wrong_messages_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DescriptionError):
        message_from_json({**message_to_json(message(1)), **change})
