"""Two sessions over a simulated path: the audio that arrives is the audio that was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from media.audio.correlation import Correlation, correlate
from media.audio.samples import melody
from media.audio.sinks import MemorySink, Sink
from media.audio.sources import EchoSource, PcmSource, SilenceSource, Source, ToneSource
from media.codecs import for_name
from media.session import MediaSession
from media.statistics import MediaStatistics
from tests.media.network import Clock, Tcp, Udp, Wire, pair, seeded
from tests.tones import share_of_power

SECONDS = 12
MUSIC = melody() * (SECONDS // 4)

Transfer = Callable[[bytes, float], float | None]


@dataclass
class Outcome:
    alice: MediaStatistics
    bob: MediaStatistics
    correlation: Correlation
    heard_by_alice: bytes
    heard_by_bob: bytes


def call(
    there: Transfer,
    back: Transfer,
    *,
    reliable: bool = False,
    codec: str = "PCMU",
    muxed: bool = True,
    ptimes: tuple[int, int] = (20, 20),
    pace: float = 1.0,
    seconds: float = SECONDS,
    bob_source: Source | None = None,
    bob_sink: Sink | None = None,
) -> Outcome:
    """Alice sends music to Bob, who sends a tone unless told otherwise."""
    wire = Wire()
    rtp_a, rtp_b = pair(wire, there, back, reliable=reliable)
    rtcp_a, rtcp_b = (rtp_a, rtp_b) if muxed else pair(wire, there, back, reliable=reliable)
    heard_a, heard_b = MemorySink(), MemorySink()
    format_ = for_name(codec)
    payload_type = {"PCMU": 0, "PCMA": 8}[codec]
    alice = MediaSession(
        rtp=rtp_a, rtcp=rtcp_a, codec=format_, payload_type=payload_type, ptime_ms=ptimes[0],
        source=PcmSource(MUSIC), sink=heard_a, random=seeded(1),
    )  # fmt: skip
    bob = MediaSession(
        rtp=rtp_b, rtcp=rtcp_b, codec=format_, payload_type=payload_type, ptime_ms=ptimes[1],
        source=bob_source or ToneSource(1000), sink=bob_sink or heard_b, random=seeded(2),
    )  # fmt: skip
    clock = Clock(wire)
    clock.start(alice)
    clock.start(bob, at=0.007, pace=pace)
    clock.run(seconds)
    alice.sending = bob.sending = False
    clock.run(seconds + 1)
    return Outcome(
        alice=alice.statistics,
        bob=bob.statistics,
        correlation=correlate(MUSIC[: int(seconds * 16_000)], heard_b.pcm),
        heard_by_alice=heard_a.pcm,
        heard_by_bob=heard_b.pcm,
    )


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
@pytest.mark.parametrize("muxed", [True, False])
def test_a_clean_path_changes_nothing_but_the_time(codec: str, muxed: bool) -> None:
    it = call(Udp(delay=0.03), Udp(delay=0.03), codec=codec, muxed=muxed)
    assert it.correlation.value > 0.999
    assert it.correlation.shifts == 0
    assert it.correlation.compared_ms >= (SECONDS - 0.2) * 1000
    assert share_of_power(it.heard_by_alice[8000:150_000], 1000) > 0.98
    for us, them in ((it.alice, it.bob), (it.bob, it.alice)):
        assert us.sent.packets == them.received.packets == pytest.approx(50 * SECONDS, abs=1)
        assert us.sent.bytes == them.received.bytes == 160 * us.sent.packets
        assert us.sent.lost == us.received.lost == us.received.dropped_stale == us.concealed_ms == 0
        assert us.round_trip_ms == pytest.approx(60, abs=0.1)
        assert us.delay_ms is not None
        assert 20 + 30 + 20 <= us.delay_ms.p50 <= us.delay_ms.p99 <= 20 + 30 + 60
        assert us.mos is not None
        assert us.mos > 4.3
        assert us.refused == {}
        assert us.peer_cname


def test_the_estimated_delay_is_the_true_one() -> None:
    """The offset between the recordings is the delay, but for the packet time that gathering takes."""
    it = call(Udp(delay=0.03), Udp(delay=0.03))
    assert it.bob.delay_ms is not None
    bobs_clock_started_later_ms = 7
    true_ms = it.correlation.offset / 8 + bobs_clock_started_later_ms + 20
    assert it.bob.delay_ms.p50 == pytest.approx(true_ms, abs=1.5)


@pytest.mark.req("RTP-31")
def test_two_percent_loss_and_reorder() -> None:
    there = Udp(delay=0.03, jitter=0.03, loss=0.02, seed=5)
    it = call(there, Udp(delay=0.03, jitter=0.03, loss=0.02, seed=6))
    assert it.correlation.value >= 0.95
    received = it.bob.received
    assert received.lost is not None
    assert it.bob.received.packets + received.lost == it.alice.sent.packets
    assert 5 <= received.lost <= 25
    assert it.bob.concealed_ms == pytest.approx(20 * (received.lost + it.bob.late), abs=60)
    assert received.jitter_ms is not None
    assert 5 <= received.jitter_ms <= 15
    assert it.bob.mos is not None
    assert 3.9 <= it.bob.mos <= 4.35
    assert it.alice.sent.lost is not None
    assert 0 < it.alice.sent.lost <= received.lost


@pytest.mark.req("RTP-31")
def test_tcp_with_two_percent_lost_segments() -> None:
    it = call(Tcp(loss=0.02, seed=7), Tcp(loss=0.02, seed=8), reliable=True)
    assert it.correlation.value >= 0.95
    assert it.bob.received.lost == 0
    assert it.bob.waits == 0
    assert it.bob.delay_ms is not None
    assert it.bob.delay_ms.p99 <= 20 + 25 + 130


@pytest.mark.req("RTP-31")
def test_tcp_that_stands_still_for_a_second_recovers() -> None:
    """Delay returns to what it was, and what the burst brought too late is told as dropped."""
    there = Tcp(loss=0.01, seed=7)
    there.blackouts = [(5.0, 6.0)]
    it = call(there, Tcp(seed=8), reliable=True)
    assert it.correlation.value >= 0.9
    assert it.bob.received.lost == 0
    assert 30 <= it.bob.received.dropped_stale <= 60
    assert it.bob.delay_ms is not None
    assert it.bob.delay_ms.p50 <= 20 + 25 + 130
    assert it.bob.waits >= 1


@pytest.mark.req("RTP-31")
@pytest.mark.parametrize("ppm", [-300, 300])
def test_clocks_that_run_apart(ppm: int) -> None:
    it = call(Udp(), Udp(), pace=1 + ppm / 1e6)
    assert it.correlation.value >= 0.95
    assert it.bob.waits == it.bob.late == it.bob.received.dropped_stale == 0


@pytest.mark.req("RTP-29")
@pytest.mark.parametrize("ptimes", [(10, 20), (20, 10), (60, 20), (20, 60), (30, 40), (100, 20), (200, 10)])
def test_packet_times_may_differ(ptimes: tuple[int, int]) -> None:
    it = call(Udp(), Udp(), ptimes=ptimes)
    assert it.correlation.value >= 0.98
    assert it.bob.concealed_ms == 0
    assert it.bob.received.packets == pytest.approx(SECONDS * 1000 / ptimes[0], abs=1)


def test_an_echo_comes_back() -> None:
    echo = EchoSource()
    it = call(Udp(), Udp(), bob_source=echo, bob_sink=echo)
    back = correlate(MUSIC, it.heard_by_alice)
    assert back.value > 0.99
    assert back.offset / 8 <= 20 + 20 + 130


def test_nothing_sent_is_nothing_heard() -> None:
    it = call(lambda *_: None, Udp(), bob_source=SilenceSource())
    assert it.correlation.value == 0
    assert it.bob.received.packets == 0
    assert it.bob.delay_ms is None
    assert it.bob.mos is None
    assert it.bob.first_received_at is None
