"""libnice and ours across a network with 50 ms round trip: every network, both roles."""

from __future__ import annotations

import pytest

from ice.types import Role
from tests.bench.nominate.cases import CASES, ROUND_TRIP_S, Case
from tests.bench.nominate.sockets import measure_libnice
from tests.peers.delayed_link import delayed_link
from tests.peers.process import Programs

pytestmark = [pytest.mark.peer("netns", "libnice"), pytest.mark.root]

UNHURRIED_MS = 1000
"""Far above 230 ms, what a quiet machine takes, and far below 2 s, the first time-out of libnice."""


@pytest.mark.req("ICETCP-10-1")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("case", [case for case in CASES if case.transport], ids=lambda case: case.name)
async def test_a_path_is_found(programs: Programs, case: Case, role: Role) -> None:
    async with delayed_link(ROUND_TRIP_S / 2) as link:
        measured = await measure_libnice(link, programs, case, role)
    assert not measured.problem
    assert measured.nominated_ms is not None
    assert case.floor_ms is not None
    assert measured.nominated_ms >= case.floor_ms
    if role is Role.CONTROLLING:
        assert measured.nominated_ms < UNHURRIED_MS, "where we nominate no time-out is waited for"
