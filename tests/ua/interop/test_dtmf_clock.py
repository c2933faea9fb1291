from __future__ import annotations

from pathlib import Path

from tests.ua.interop.pbx import small_pbx
from ua.interop.catalog import select
from ua.interop.outcome import Verdict
from ua.interop.runner import Runner


async def test_the_small_pbx_counts_keys_in_the_right_clock(tmp_path: Path) -> None:
    async with small_pbx(
        tmp_path, extensions={"dtmf_read_back": "603"}, abilities=frozenset({"rfc4733"})
    ) as peer:
        (outcome,) = await Runner(peer, tmp_path / "run").run(select(["dtmf.clock"]))
    assert (outcome.verdict, outcome.failure, outcome.reason) == (Verdict.PASSED, None, "")
