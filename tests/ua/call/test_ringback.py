"""When the tone of the caller's own phone plays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.call.ringback import Ringback


@pytest.mark.req("UAC-16", "RTP-37")
@given(st.lists(st.sampled_from([100, 180, 181, 183, None]), max_size=8))
def test_the_tone_plays_from_a_180_until_anything_else_is_heard(steps: list[int | None]) -> None:
    """None stands for media, the answer, or the end."""
    told: list[bool] = []
    ringback = Ringback(told.append)
    for step in steps:
        if step is None:
            ringback.end()
        else:
            ringback.rings(step)
    before = steps[: steps.index(None)] if None in steps else steps
    rang = 180 in before
    assert told == ([True] if rang else []) + ([False] if rang and None in steps else [])
