"""Runs scenarios against one peer of the matrix."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Final

from tests.certificates import Authority
from tests.interop.matrix.worlds import WORLDS
from tests.peers.process import Programs
from ua import clock
from ua.interop.catalog import select
from ua.interop.outcome import Verdict
from ua.interop.results import RunResults
from ua.interop.runner import Runner
from ua.interop.scenario import Scenario

_CHANCES: Final = ("second", "third")
"""Both ends of all calls are on this machine: what it was too busy for is tried again, alone."""


async def run(
    name: str, words: Sequence[str], programs: Programs, *, at_once: int | None = None
) -> RunResults:
    """Start a peer, run the scenarios that `words` mean; evidence goes into the folder of `programs`."""
    world = WORLDS[name]
    authority = Authority(programs.folder)
    scenarios = select(words)
    begun = clock.now()
    async with world.start(programs, authority) as peer:
        runner = Runner(peer, programs.folder / "results", at_once=at_once or world.at_once)
        outcomes = await runner.run(scenarios)
        for chance in _CHANCES:
            failed = {each.scenario for each in outcomes if each.verdict in (Verdict.FAILED, Verdict.ERROR)}
            if not failed:
                break
            alone = Runner(peer, programs.folder / chance, at_once=1)
            ended = {each.scenario: each for each in await alone.run(_of(scenarios, failed))}
            outcomes = tuple(ended.get(each.scenario, each) for each in outcomes)
    return RunResults.of(
        peer=name,
        peer_title=peer.title,
        started="",
        version="",
        outcomes=outcomes,
        scenarios=scenarios,
        duration_s=clock.now() - begun,
    )


def _of(scenarios: Sequence[Scenario], ids: Set[str]) -> list[Scenario]:
    return [each for each in scenarios if each.id in ids]


def run_alone(name: str, words: Sequence[str]) -> RunResults:
    """The same outside a test."""

    async def alone() -> RunResults:
        with tempfile.TemporaryDirectory(prefix="icephone-matrix-") as folder:
            programs = Programs(Path(folder))
            try:
                return await run(name, words, programs)
            finally:
                await programs.stop()

    return asyncio.run(alone())
