"""The packets of a call do not depend on what carries them, so that a path may change under them."""

from __future__ import annotations

import pytest

from media.audio.sinks import NullSink
from media.audio.sources import ToneSource
from media.codecs import PCMU
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.network import Clock, End, Udp, Wire, seeded


def packets_of(*, ptime_ms: int, reliable: bool, changes: bool = False) -> list[bytes]:
    """What two seconds of a call send on a path."""
    wire = Wire()
    end = End(wire, Udp(), reliable=reliable)
    session = MediaSession(
        rtp=end,
        rtcp=end,
        codec=PCMU,
        payload_type=0,
        source=ToneSource(440),
        sink=NullSink(),
        random=seeded(1),
        ptime_ms=ptime_ms,
        ssrc=7,
    )
    clock = Clock(wire, 0.0)
    clock.start(session)
    clock.run(1.005)
    if changes:
        end.reliable = not reliable
    clock.run(2.005)
    return [packet for packet in end.sent if not rtp.is_rtcp(packet)]


@pytest.mark.req("ICETCP-10-9")
@pytest.mark.parametrize("ptime_ms", [10, 20, 40, 60])
def test_tcp_carries_the_packets_that_udp_would(ptime_ms: int) -> None:
    over_udp = packets_of(ptime_ms=ptime_ms, reliable=False)
    assert len(over_udp) in (2000 // ptime_ms, 2000 // ptime_ms + 1)
    assert {len(packet) for packet in over_udp} == {12 + 8 * ptime_ms}
    assert packets_of(ptime_ms=ptime_ms, reliable=True) == over_udp
    assert packets_of(ptime_ms=ptime_ms, reliable=False, changes=True) == over_udp
    assert packets_of(ptime_ms=ptime_ms, reliable=True, changes=True) == over_udp
