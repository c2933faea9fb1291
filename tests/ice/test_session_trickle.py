"""A session whose peer tells its candidates one by one, over something that repeats and reorders."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from ice.candidates.trickle import CandidateMessage
from ice.description import message_from_json, message_to_json
from ice.messages import CandidateAdded
from ice.types import Description, SessionState
from tests.ice.sessions import NOMINATION_S, two


def messages(description: Description) -> list[CandidateMessage]:
    """One message for each candidate, the last of them the end; over their JSON form."""
    told = [
        CandidateMessage(ufrag=description.credentials.ufrag, number=number, candidates=(candidate,))
        for number, candidate in enumerate(description.candidates, start=1)
    ]
    told.append(
        CandidateMessage(ufrag=description.credentials.ufrag, number=len(told) + 1, end_of_candidates=True)
    )
    return [message_from_json(json.loads(json.dumps(message_to_json(each)))) for each in told]


@pytest.mark.req("USE-21", "TRI-2", "TRI-3")
async def test_trickled_candidates_lead_to_a_path() -> None:
    async with two() as (left, right, _):
        bare = replace(right.description, candidates=(), end_of_candidates=False)
        left.session.set_remote(bare)
        right.session.set_remote(replace(left.description, candidates=(), end_of_candidates=False))
        for here, there in ((left, right), (right, left)):
            sent = messages(there.description)
            for message in [*reversed(sent), *sent]:
                here.session.trickle.receive(message)
            wrong = replace(sent[0], ufrag="another")
            here.session.trickle.receive(wrong)
            assert here.session.trickle.refused == {"generation": 1, "ended": len(sent)}
            added = [event.candidate for event in here.of(CandidateAdded) if not event.local]
            signalled = [each for each in added if each in there.description.candidates]
            assert signalled == list(there.description.candidates)
        async with asyncio.timeout(NOMINATION_S):
            await left.session.completed()
            await right.session.completed()
        assert left.session.state is right.session.state is SessionState.COMPLETED


@pytest.mark.req("TRI-5")
async def test_of_a_foundation_the_lower_component_is_told_first() -> None:
    async with two(components=2) as (left, _right, _):
        told = left.description.candidates
        components: dict[str, list[int]] = {}
        for candidate in told:
            components.setdefault(candidate.foundation, []).append(candidate.component)
        assert len(components) > 1
        assert all(order == sorted(order) for order in components.values())
        assert {tuple(sorted(set(order))) for order in components.values()} == {(1, 2)}


async def test_candidates_follow_their_description() -> None:
    async with two() as (left, right, _):
        with pytest.raises(ValueError, match="follow the description"):
            left.session.trickle.receive(messages(right.description)[0])
