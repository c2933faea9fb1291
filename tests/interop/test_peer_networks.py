"""Ours and others across a network with 50 ms round trip: every network, both roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from ice.types import Role
from tests.bench.nominate.cases import CASES, ROUND_TRIP_S, Case
from tests.bench.nominate.others import LIBNICE, Other, pion_from
from tests.bench.nominate.sockets import measure_other
from tests.peers.delayed_link import delayed_link
from tests.peers.process import Programs

pytestmark = [pytest.mark.peer("netns"), pytest.mark.root]

FIRST_TIMEOUT_MS = 2000
"""That of libnice; ours are later. A quiet machine takes 230 ms, one that stands still for a second more."""

DIALLED = pion_from(Path("pion"))
"""Says only what pion finds."""


@pytest.mark.peer("libnice")
@pytest.mark.req("ICETCP-10-1")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("case", [case for case in CASES if case.transport], ids=lambda case: case.name)
async def test_libnice_finds_a_path(programs: Programs, case: Case, role: Role) -> None:
    await a_path_is_found(programs, case, LIBNICE, role)


@pytest.mark.peer("pion")
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("case", "role"),
    [
        pytest.param(case, role, id=f"{case.name}-{role.value}")
        for case in CASES
        for role in Role
        if DIALLED.finds(case, role)
    ],
)
async def test_pion_finds_a_path(programs: Programs, pion_program: Path, case: Case, role: Role) -> None:
    await a_path_is_found(programs, case, pion_from(pion_program), role)


async def a_path_is_found(programs: Programs, case: Case, other: Other, role: Role) -> None:
    """Run the case; where we nominate no time-out is waited for."""
    async with delayed_link(ROUND_TRIP_S / 2) as link:
        measured = await measure_other(link, programs, case, other, role)
    assert not measured.problem
    assert measured.nominated_ms is not None
    assert case.floor_ms is not None
    assert measured.nominated_ms >= case.floor_ms
    if role is Role.CONTROLLING:
        assert not measured.given_up, "no check was waited for to its end"
        assert measured.nominated_ms < FIRST_TIMEOUT_MS, "nor was the peer"
