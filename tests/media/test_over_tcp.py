"""RTP and RTCP over a path that loses nothing and drops what is late (RFC 4571 §3)."""

from __future__ import annotations

import pytest

from media.audio.sinks import MemorySink
from media.audio.sources import SilenceSource, ToneSource
from media.codecs import PCMU
from media.rtcp.compound import RtcpRrPacket, RtcpSrPacket, build, parse, source_description
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.bench import PEER, Bench
from tests.media.network import Clock, End, Tcp, Wire, pair, seeded


def two(*, muxed: bool = True, sending: bool = True) -> tuple[Wire, Clock, list[End], list[MediaSession]]:
    """Two sessions with a TCP connection between them, or one for RTP and one for RTCP."""
    wire = Wire()
    rtp_ends = pair(wire, Tcp(), Tcp(), reliable=True)
    rtcp_ends = rtp_ends if muxed else pair(wire, Tcp(), Tcp(), reliable=True)
    clock = Clock(wire)
    sessions: list[MediaSession] = []
    for number, (ours, reports) in enumerate(zip(rtp_ends, rtcp_ends, strict=True)):
        session = MediaSession(
            rtp=ours, rtcp=reports, codec=PCMU, payload_type=0, sink=MemorySink(),
            source=ToneSource(440) if number == 0 else SilenceSource(), random=seeded(number + 1),
            sending=sending, receiving=sending,
        )  # fmt: skip
        clock.start(session)
        sessions.append(session)
    return wire, clock, [*rtp_ends, *rtcp_ends], sessions


@pytest.mark.req("FRM-2")
def test_what_the_sender_drops_because_it_is_late_is_loss_to_the_receiver() -> None:
    _, clock, ends, (alice, bob) = two()
    sending, queue = ends[0].transfer, {"packets": 0, "dropped": 0}

    def drop_every_tenth(packet: bytes, now: float) -> float | None:
        """As a path does whose queue is full."""
        if not rtp.is_rtcp(packet):
            queue["packets"] += 1
            if queue["packets"] % 10 == 0:
                queue["dropped"] += 1
                return None
        return sending(packet, now)

    ends[0].transfer = drop_every_tenth
    clock.run(30)
    assert bob.statistics.received.lost == pytest.approx(queue["dropped"], abs=1)
    reported = [
        item.reports[0].fraction_lost
        for packet in ends[1].sent
        if rtp.is_rtcp(packet)
        for item in parse(packet)
        if isinstance(item, RtcpSrPacket | RtcpRrPacket) and item.reports
    ]
    assert reported
    assert all(20 <= fraction <= 30 for fraction in reported[1:])
    assert alice.statistics.sent.lost is not None
    assert alice.statistics.sent.lost >= 80


@pytest.mark.req("FRM-2")
def test_packets_out_of_order_are_put_in_order() -> None:
    """A relay brings over TCP what came over UDP, in any order."""
    bench = Bench()
    for _ in range(20):
        first, second = bench.packet(), bench.packet()
        bench.rtp.deliver(second, bench.now)
        bench.rtp.deliver(first, bench.now)
        bench.run(0.04)
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost, statistics.late) == (40, 0, 0)


@pytest.mark.req("FRM-4")
def test_each_connection_carries_its_own_kind_both_ways() -> None:
    _, clock, ends, sessions = two(muxed=False)
    clock.run(20)
    for session in sessions:
        session.stop(20)
    rtp_ends, rtcp_ends = ends[:2], ends[2:]
    for end in rtp_ends:
        assert end.sent
        assert not any(rtp.is_rtcp(packet) for packet in end.sent)
    for end in rtcp_ends:
        assert len(end.sent) >= 3
        assert all(rtp.is_rtcp(packet) for packet in end.sent)
    assert [session.statistics.refused for session in sessions] == [{}, {}]


@pytest.mark.req("FRM-4")
def test_the_wrong_kind_on_a_connection_is_dropped_and_counted() -> None:
    bench = Bench(muxed=False)
    bench.talk(5)
    bench.rtp.deliver(build([RtcpRrPacket(ssrc=PEER), source_description(PEER, "peer")]), bench.now)
    bench.rtcp.deliver(bench.packet(), bench.now)
    bench.run(1)
    statistics = bench.session.statistics
    assert statistics.peer_cname is None
    assert statistics.received.packets == 5
    assert sum(statistics.refused.values()) == 2


@pytest.mark.req("OA-24")
@pytest.mark.parametrize("muxed", [True, False])
def test_reports_go_both_ways_in_a_call_that_is_inactive(muxed: bool) -> None:
    _, clock, ends, sessions = two(muxed=muxed, sending=False)
    clock.run(60)
    for session, end in zip(sessions, ends[2:], strict=True):
        assert len([packet for packet in end.sent if rtp.is_rtcp(packet)]) >= 8
        assert not [packet for packet in ends[0].sent + ends[1].sent if not rtp.is_rtcp(packet)]
        assert session.statistics.peer_cname is not None
        assert session.statistics.sent.packets == 0
