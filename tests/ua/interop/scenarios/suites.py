"""Whole suites against one peer."""

from __future__ import annotations

from pathlib import Path

from ua.config.account import Account
from ua.interop.catalog import select
from ua.interop.outcome import Verdict
from ua.interop.peer import Peer
from ua.interop.runner import Runner


async def all_pass(
    peer: Peer, folder: Path, *words: str, but: tuple[str, ...] = (), base: Account | None = None
) -> None:
    """Every scenario that these words mean passes, four at a time; none is skipped.

    Some are about time: where the machine stands still they are tried again.
    """
    scenarios = [each for each in select(words) if each.id not in but]
    outcomes = await Runner(peer, folder / "run", base=base, retries=3).run(scenarios)
    assert {each.scenario: (each.verdict, each.failure) for each in outcomes} == {
        each.id: (Verdict.PASSED, None) for each in scenarios
    }
