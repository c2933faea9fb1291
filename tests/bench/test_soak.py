"""A long call is watched: a short one runs through, and what goes wrong is named."""

from __future__ import annotations

import dataclasses
import math

from tests.bench.soak import Minute, problems, soak

FINE = Minute(minute=1.0, delay_ms=50.0, clock_ms=0.0, lost=0, late=0, skipped=0, rss_mb=80.0)


async def test_a_short_call_has_a_delay_that_was_measured() -> None:
    rows = await soak(seconds=2.4, path="udp", codec="PCMU", period_s=1.2)
    assert len(rows) >= 2
    assert 0 < rows[-1].delay_ms < 1000
    assert rows[-1].rss_mb > 10


def test_what_should_not_be_is_named() -> None:
    def with_end(**changes: float) -> list[str]:
        return problems([FINE, FINE, dataclasses.replace(FINE, **changes)])  # type: ignore[arg-type]

    assert with_end() == []
    assert with_end(delay_ms=65.0, rss_mb=85.0, skipped=9) == []
    assert with_end(delay_ms=71.0) == ["the delay went from 50.0 to 71.0 ms"]
    assert with_end(delay_ms=20.0) == []
    assert with_end(delay_ms=math.nan) == ["the delay went from 50.0 to nan ms"]
    assert with_end(rss_mb=89.0) == ["memory went from 80.0 to 89.0 MB"]
    assert with_end(lost=3) == ["3 packets were lost"]
    assert problems([FINE]) == []
