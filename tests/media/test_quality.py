from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.quality import G711, G711_WITH_CONCEALMENT, Impairment, mos, r_factor


@pytest.mark.req("MOS-1")
@pytest.mark.parametrize(
    ("r", "score"), [(93.2, 4.409), (80, 4.024), (50, 2.575), (3, 1.0), (-1, 1.0), (101, 4.5)]
)
def test_scores_of_the_e_model(r: float, score: float) -> None:
    assert mos(r) == pytest.approx(score, abs=0.001)


@pytest.mark.req("MOS-1")
def test_g711_with_concealment_at_150_ms_and_one_percent() -> None:
    r = r_factor(delay_ms=150, loss_percent=1, impairment=G711_WITH_CONCEALMENT)
    assert r == pytest.approx(85.96, abs=0.01)
    assert mos(r) == pytest.approx(4.228, abs=0.001)


@pytest.mark.req("MOS-1")
def test_delay_hurts_more_beyond_the_knee() -> None:
    def loss_of_r(delay_ms: float) -> float:
        return r_factor(delay_ms=0, loss_percent=0) - r_factor(delay_ms=delay_ms, loss_percent=0)

    assert loss_of_r(100) == pytest.approx(2.4)
    assert loss_of_r(277.3) == pytest.approx(0.024 * 277.3 + 11)


@pytest.mark.req("MOS-1")
def test_codec_and_bursts_count() -> None:
    g729a = Impairment(ie=11, bpl=19)
    assert r_factor(delay_ms=0, loss_percent=0, impairment=g729a) == pytest.approx(93.2 - 11)
    assert r_factor(delay_ms=0, loss_percent=2, impairment=G711) < r_factor(delay_ms=0, loss_percent=2)
    assert r_factor(delay_ms=0, loss_percent=2, burst_ratio=2) < r_factor(delay_ms=0, loss_percent=2)


@pytest.mark.req("MOS-1")
@given(st.floats(0, 1000), st.floats(0, 100), st.floats(0, 200), st.floats(0, 50))
def test_more_delay_or_loss_never_helps(
    delay: float, loss: float, more_delay: float, more_loss: float
) -> None:
    better = mos(r_factor(delay_ms=delay, loss_percent=loss))
    worse = mos(r_factor(delay_ms=delay + more_delay, loss_percent=min(100, loss + more_loss)))
    assert 1 <= worse <= better + 1e-9 <= 4.5
