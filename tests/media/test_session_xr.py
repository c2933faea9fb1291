"""Extended reports of a session (RFC 3611)."""

from __future__ import annotations

import dataclasses

import pytest

from media.rtcp.compound import RtcpRrPacket, XrPacket, source_description
from media.rtcp.extended import XrTerms
from media.rtcp.xr import Delay, Delays, ReferenceTime, VoipMetrics
from tests.media.bench import PEER, Bench


def extended(bench: Bench) -> list[XrPacket]:
    return [item for items in bench.rtcp_sent for item in items if isinstance(item, XrPacket)]


def blocks(bench: Bench) -> list[object]:
    return [block for packet in extended(bench) for block in packet.blocks]


def tell(bench: Bench, *told: ReferenceTime | Delays | VoipMetrics) -> None:
    packet = XrPacket(ssrc=PEER, blocks=told)
    bench.report(RtcpRrPacket(ssrc=PEER), source_description(PEER, "peer"), packet)


@pytest.mark.req("XR-3")
def test_who_did_not_ask_gets_none() -> None:
    bench = Bench()
    for _ in range(5):
        bench.talk(100)
        tell(bench, ReferenceTime(ntp=1 << 40))
    bench.session.sending = False
    bench.run(20)
    assert len(bench.rtcp_sent) >= 3
    assert not extended(bench)


@pytest.mark.req("XR-2", "XR-3")
def test_how_the_peer_is_heard() -> None:
    bench = Bench()
    bench.session.extended.terms = XrTerms(voip_metrics=True)
    for number in range(600):
        if number % 100 in (40, 43, 46):  # three of ten packets: a burst of 7 in each 100
            bench.packet()
            bench.run(0.02)
        else:
            bench.talk(1)
    metrics = [block for block in blocks(bench) if isinstance(block, VoipMetrics)]
    assert metrics
    last = metrics[-1]
    assert last.ssrc == PEER
    assert last.loss_rate in (7, 8)
    assert last.discard_rate == 0
    assert last.burst_density == 256 * 3 // 7
    assert last.gap_density == 0
    assert last.burst_ms == 140
    assert 1000 <= last.gap_ms <= 1860
    assert (last.gmin, last.external_r_factor, last.signal_level) == (16, 127, 127)
    assert last.mos_cq <= last.mos_lq < 44
    assert 20 <= last.end_system_ms <= 220
    assert last.buffer_ms <= last.buffer_maximum_ms <= last.buffer_limit_ms


@pytest.mark.req("XR-2")
def test_a_packet_that_came_too_late_is_discarded_and_not_lost() -> None:
    bench = Bench()
    bench.session.extended.terms = XrTerms(voip_metrics=True)
    for _ in range(5):
        bench.talk(50)
        late = bench.packet()
        bench.run(0.02)
        bench.talk(40)
        bench.rtp.deliver(late, bench.now)
        bench.talk(20)
    last = [block for block in blocks(bench) if isinstance(block, VoipMetrics)][-1]
    assert last.loss_rate == 0
    assert last.discard_rate in (2, 3)
    assert last.gap_density in (2, 3)
    assert last.burst_density == 0


@pytest.mark.req("XR-3")
def test_a_listener_learns_the_round_trip() -> None:
    bench = Bench(sending=False)
    bench.session.extended.terms = XrTerms(asks=True, answers="all")
    bench.run(10)
    asked = [block for block in blocks(bench) if isinstance(block, ReferenceTime)]
    assert asked
    # two reports of ours on, the peer tells that it had the last one for all but 250 ms
    last = (asked[-1].ntp >> 16) & 0xFFFFFFFF
    sent_at = bench.now
    while len([block for block in blocks(bench) if isinstance(block, ReferenceTime)]) == len(asked):
        sent_at = bench.now
        bench.run(0.02)
    newest = [block for block in blocks(bench) if isinstance(block, ReferenceTime)][-1]
    assert newest.ntp > asked[-1].ntp
    last = (newest.ntp >> 16) & 0xFFFFFFFF
    bench.run(1)
    held = int((bench.now - sent_at - 0.25) * 65536)
    tell(bench, Delays(delays=(Delay(ssrc=bench.session.ssrc ^ 1, last=1, since=1),)))
    assert bench.session.round_trip_ms is None
    tell(bench, Delays(delays=(Delay(ssrc=bench.session.ssrc, last=last, since=held),)))
    assert bench.session.round_trip_ms == pytest.approx(250, abs=25)


@pytest.mark.req("XR-3")
@pytest.mark.parametrize(
    ("terms", "sending", "answered"),
    [
        (XrTerms(answers="all"), False, True),
        (XrTerms(answers="sender"), True, True),
        (XrTerms(answers="sender"), False, False),
        (XrTerms(answers="all", longest=16), True, True),
        (XrTerms(answers="all", longest=15), True, False),
    ],
)
def test_who_asks_for_the_round_trip_is_answered_as_agreed(
    terms: XrTerms, sending: bool, answered: bool
) -> None:
    bench = Bench(sending=sending)
    bench.session.extended.terms = terms
    bench.run(4)
    tell(bench, ReferenceTime(ntp=0x0102030405060708))
    asked_at = bench.now
    before = len(bench.rtcp_sent)
    while len(bench.rtcp_sent) == before:
        bench.run(0.02)
    found = [block for block in blocks(bench) if isinstance(block, Delays)]
    assert bool(found) is answered
    if found:
        (delay,) = found[0].delays
        assert (delay.ssrc, delay.last) == (PEER, 0x03040506)
        assert delay.since == pytest.approx((bench.now - asked_at) * 65536, abs=0.03 * 65536)


def test_what_the_peer_says_of_us_is_kept() -> None:
    bench = Bench()
    bench.talk(200)
    own = bench.session.extended.metrics(None)
    assert own is not None
    scores = []
    for about, score in ((PEER, 30), (bench.session.ssrc, 37), (bench.session.ssrc, 127)):
        tell(bench, dataclasses.replace(own, ssrc=about, mos_cq=score))
        scores.append(bench.session.statistics.peer_mos)
    assert scores == [None, 3.7, None]
