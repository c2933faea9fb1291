from __future__ import annotations

from pathlib import Path

from tests.ua.interop.pbx import small_pbx
from ua.interop.catalog import select
from ua.interop.outcome import Verdict
from ua.interop.runner import Runner


async def test_a_call_of_the_small_pbx_stands(tmp_path: Path) -> None:
    async with small_pbx(tmp_path) as peer:
        (outcome,) = await Runner(peer, tmp_path / "run").run(select(["calls.acknowledged"]))
    assert (outcome.verdict, outcome.failure) == (Verdict.PASSED, None)
    assert outcome.duration_s > 4
