from __future__ import annotations

from tests.bench.media import measure


def test_a_session_costs_less_than_the_codec_alone_would_with_aiortc() -> None:
    figures = {figure.name: figure for figure in measure(seconds=2, repeat=2)}
    assert all(figure.ms_per_call_second > 0 for figure in figures.values())
    build = figures["encode and build"].ratio
    assert build is not None
    assert build > 3
