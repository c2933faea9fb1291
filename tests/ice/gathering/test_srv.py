"""The order of service records."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.gathering.srv import ServiceRecord, in_order

RECORDS = st.lists(
    st.builds(
        ServiceRecord,
        priority=st.integers(0, 3),
        weight=st.integers(0, 65535),
        port=st.integers(0, 65535),
        target=st.sampled_from(["a.example.com", "b.example.com", "c.example.com"]),
    ),
    max_size=8,
)


def record(target: str, priority: int = 0, weight: int = 0) -> ServiceRecord:
    return ServiceRecord(priority=priority, weight=weight, port=3478, target=target)


@pytest.mark.req("STUN-42")
@given(RECORDS, st.integers(0, 2**32))
def test_all_are_tried_lowest_priority_first(records: list[ServiceRecord], seed: int) -> None:
    ordered = in_order(records, random.Random(seed).randbytes)
    assert Counter(ordered) == Counter(records)
    priorities = [record.priority for record in ordered]
    assert priorities == sorted(priorities)


@pytest.mark.req("STUN-42")
def test_weight_is_the_share_of_being_first() -> None:
    chance = random.Random(1)
    records = (record("big", weight=60), record("small", weight=20), record("other", weight=20))
    first = Counter(in_order(records, chance.randbytes)[0].target for _ in range(3000))
    assert 1680 < first["big"] < 1920
    assert 500 < first["small"] < 700


@pytest.mark.req("STUN-42")
def test_weight_zero_comes_first_hardly_ever_but_does() -> None:
    chance = random.Random(1)
    records = (record("never", weight=0), record("always", weight=9))
    first = Counter(in_order(records, chance.randbytes)[0].target for _ in range(3000))
    assert 200 < first["never"] < 400


def test_a_domain_may_say_that_it_does_not_offer_the_service() -> None:
    assert not record(".").offered
    assert not record("").offered
    assert record("stun.example.com.").offered
