"""Packets of every length are played in frames of every length, and nothing is made up or left out."""

from __future__ import annotations

import pytest

from media.rtp import packet as rtp
from tests.media.bench import PEER, Bench


@pytest.mark.parametrize("phase", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("ours_ms", [10, 20, 40, 60, 100, 200])
@pytest.mark.parametrize("theirs_ms", [20, 60])
def test_long_packets_do_not_make_it_restless(ours_ms: int, theirs_ms: int, phase: float) -> None:
    bench = Bench(ptime_ms=ours_ms)
    size = 8 * theirs_ms
    bench.run(phase * ours_ms / 1000)
    for number in range(10_000 // theirs_ms):
        bench.rtp.deliver(
            rtp.build(
                payload_type=0,
                marker=False,
                sequence=number,
                timestamp=size * number,
                ssrc=PEER,
                payload=bytes((0x80,)) * size,
            ),
            bench.now,
        )
        bench.run(theirs_ms / 1000)
    figures = bench.session.statistics
    assert (figures.late, figures.concealed_ms, figures.stretched) == (0, 0, 0)
