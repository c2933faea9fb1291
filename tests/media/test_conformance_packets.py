"""The packets of a call do not depend on what carries them, so that a path may change under them."""

from __future__ import annotations

import pytest

from media import rtp
from media.sources import ToneSource
from tests.media.bench import Bench


def packets_of(*, ptime_ms: int, reliable: bool, changes: bool = False) -> list[bytes]:
    """What two seconds of a call send on a path."""
    bench = Bench(ptime_ms=ptime_ms, source=ToneSource(440), ssrc=7)
    bench.rtp.reliable = reliable
    bench.run(1.0)
    if changes:
        bench.rtp.reliable = not reliable
    bench.run(1.0)
    return [packet for packet in bench.rtp.sent if not rtp.is_rtcp(packet)]


@pytest.mark.req("ICETCP-10-9")
@pytest.mark.parametrize("ptime_ms", [10, 20, 40, 60])
def test_tcp_carries_the_packets_that_udp_would(ptime_ms: int) -> None:
    over_udp = packets_of(ptime_ms=ptime_ms, reliable=False)
    assert len(over_udp) in (2000 // ptime_ms, 2000 // ptime_ms + 1)
    assert {len(packet) for packet in over_udp} == {12 + 8 * ptime_ms}
    assert packets_of(ptime_ms=ptime_ms, reliable=True) == over_udp
    assert packets_of(ptime_ms=ptime_ms, reliable=False, changes=True) == over_udp
