from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import PCMU
from media.codecs.opus import Opus
from media.interval_quality import WINDOW_S, IntervalQuality
from media.quality import G711_WITH_CONCEALMENT, OPUS, mos, r_factor
from tests.media.bench import Bench


def score(
    quality: IntervalQuality, now: float, received: int, lost: int = 0, *, late: int = 0, delay_ms: float = 50
) -> float | None:
    quality.note(now, received=received, lost=lost, late=late)
    return quality.mos(delay_ms=delay_ms, impairment=G711_WITH_CONCEALMENT)


def test_nothing_is_said_before_anything_was_expected() -> None:
    quality = IntervalQuality()
    assert score(quality, 0.0, 0) is None
    assert quality.loss_percent is None
    assert score(quality, 0.2, 10) == pytest.approx(mos(r_factor(delay_ms=50, loss_percent=0)))


def test_old_losses_are_forgotten() -> None:
    quality = IntervalQuality()
    score(quality, 0.0, 0)
    bad = score(quality, 0.2, 5, 5)
    assert bad == pytest.approx(mos(r_factor(delay_ms=50, loss_percent=50)))
    assert quality.loss_percent == 50
    later = [score(quality, 0.2 * n, 10 * n - 5, 5) for n in range(2, 40)]
    assert later == sorted(later)  # type: ignore[type-var]
    assert later[-1] == pytest.approx(mos(r_factor(delay_ms=50, loss_percent=0)))
    assert WINDOW_S == 5
    assert quality.loss_percent == 0


def test_late_packets_are_lost_and_delay_counts() -> None:
    quality = IntervalQuality()
    score(quality, 0.0, 0)
    assert score(quality, 1.0, 50, late=5) == pytest.approx(mos(r_factor(delay_ms=50, loss_percent=10)))
    assert quality.loss_percent == 10
    calm, slow = IntervalQuality(), IntervalQuality()
    score(calm, 0.0, 0)
    score(slow, 0.0, 0)
    assert score(calm, 1.0, 50) > score(slow, 1.0, 50, delay_ms=400)  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-5, 50), st.integers(0, 5))))
def test_any_counts_give_a_score_or_none(steps: list[tuple[int, int, int]]) -> None:
    quality = IntervalQuality()
    received = lost = late = 0
    for number, (more, missing, slow) in enumerate(steps):
        received, lost, late = received + more, lost + missing, late + slow
        found = score(quality, 0.2 * number, received, lost, late=late)
        assert found is None or 1 <= found <= 4.5


def test_a_session_tells_it_with_its_counters_for_its_own_codec() -> None:
    bench = Bench()
    bench.run(1)
    assert [each.mos for each in bench.counters] == [None] * len(bench.counters)
    bench.talk(100)
    plain = bench.counters[-1].mos
    bench.session.use_codec(Opus(), 96, {0: PCMU})
    bench.talk(100)
    other = bench.counters[-1].mos
    assert plain is not None
    assert other is not None
    assert OPUS.ie > G711_WITH_CONCEALMENT.ie
    assert other < plain
    assert bench.session.statistics.recent_mos == other


def test_scores_and_levels_are_known_where_nobody_looked_before() -> None:
    bench, seen = Bench(), Bench()
    bench.session._on_counters = lambda _draw: None
    for each in (bench, seen):
        each.talk(100, level=0x10)
    figures = bench.session.statistics
    assert not bench.counters
    assert figures == seen.session.statistics
    assert figures.recent_mos is not None
    assert figures.level_received_dbfs == seen.counters[-1].level_received_dbfs > -20
