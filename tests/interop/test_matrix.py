"""Every scenario against the peers that tests can start: all ends as docs/interop.md says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.matrix.__main__ import FILE
from tests.interop.matrix.run import run
from tests.interop.matrix.table import CELLS, read
from tests.interop.matrix.worlds import WORLDS
from tests.peers.process import Programs
from ua.interop.catalog import all_scenarios

HINT = "python -m tests.interop.matrix writes it anew"


def worlds() -> list[Any]:
    """The peers, each with what it needs."""
    found = []
    for name, world in WORLDS.items():
        marks = [pytest.mark.peer(*world.programs)] if world.programs else []
        found.append(pytest.param(name, marks=[*marks, *([pytest.mark.root] if world.root else [])]))
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", worlds())
async def test_it_is_as_the_table_says(programs: Programs, name: str) -> None:
    results = await run(name, [], programs)
    unexpected = {
        each.scenario: (each.verdict.value, each.reason, None if each.failure is None else each.failure.seen)
        for each in results.outcomes
        if each.verdict.unexpected
    }
    assert unexpected == {}
    told = read(FILE.read_text(encoding="utf-8"))
    seen = {each.scenario: CELLS[each.verdict] for each in results.outcomes}
    assert {scenario: told.get(scenario, {}).get(name) for scenario in seen} == seen, HINT


def test_the_table_has_every_scenario_and_every_peer() -> None:
    told = read(FILE.read_text(encoding="utf-8"))
    assert list(told) == [each.id for each in all_scenarios()], HINT
    assert all(list(cells) == list(WORLDS) for cells in told.values()), HINT
