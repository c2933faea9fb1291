from __future__ import annotations

from typing import TypeGuard

import pytest

from media.config import MediaConfig, RtcpBandwidth
from media.events import (
    PeerLeft,
    ReportReceived,
)
from media.rtcp.compound import (
    RtcpByePacket,
    RtcpItem,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    build,
    cname_of,
    source_description,
)
from media.rtp import packet as rtp
from tests.media.bench import PEER, WALL_CLOCK, Bench, block_about


@pytest.mark.req("RTP-6", "RTP-20")
def test_reports_are_compound_with_our_name() -> None:
    bench = Bench()
    for _ in range(20):
        bench.talk(50)
    assert 3 <= len(bench.rtcp_sent) <= 8
    for items in bench.rtcp_sent:
        report, sdes = items
        assert isinstance(report, RtcpSrPacket)
        assert isinstance(sdes, RtcpSdesPacket)
        assert [(chunk.ssrc, cname_of(chunk)) for chunk in sdes.chunks] == [
            (bench.session.ssrc, bench.session.cname)
        ]
        assert [block.ssrc for block in report.reports] == [PEER]


@pytest.mark.req("RTP-16")
def test_sender_reports_pair_wall_clock_and_timestamps_also_in_silence() -> None:
    bench = Bench()
    bench.run(29.99)
    bench.session.sending = False
    bench.run(8)
    reports = [items[0] for items in bench.rtcp_sent if isinstance(items[0], RtcpSrPacket)]
    first, last = reports[0].sender_info, reports[-1].sender_info
    seconds = (last.ntp_timestamp - first.ntp_timestamp) / (1 << 32)
    at_report = next(i for i, packet in enumerate(bench.rtp.sent) if rtp.is_rtcp(packet))
    assert first.rtp_timestamp == rtp.parse(bench.rtp.sent[at_report - 1]).timestamp
    ticks = (last.rtp_timestamp - first.rtp_timestamp) & 0xFFFFFFFF
    assert seconds > 20
    assert ticks / seconds == pytest.approx(8000, rel=50e-6)
    assert first.ntp_timestamp >> 32 == pytest.approx(WALL_CLOCK + 2_208_988_800 + 2, abs=3)
    assert last.packet_count == 1500
    assert last.octet_count == 1500 * 160


@pytest.mark.req("RTP-25", "RTP-6")
def test_who_stops_sending_becomes_a_receiver_after_two_intervals() -> None:
    bench = Bench()
    bench.run(20)
    bench.session.sending = False
    bench.run(40)
    kinds = [type(items[0]) for items in bench.rtcp_sent]
    assert kinds[0] is RtcpSrPacket
    assert kinds[-1] is RtcpRrPacket
    assert kinds == sorted(kinds, key=lambda kind: kind is RtcpRrPacket)


@pytest.mark.req("RTP-17", "RTP-18")
def test_report_blocks_hold_the_last_report_and_its_age() -> None:
    bench = Bench()
    bench.talk(5)
    info = RtcpSenderInfo(ntp_timestamp=0x0102030405060708, rtp_timestamp=0, packet_count=5, octet_count=800)
    sent = RtcpSrPacket(ssrc=PEER, sender_info=info, reports=[])
    bench.report(sent, source_description(PEER, "peer"))
    heard_at = bench.now
    while not bench.rtcp_sent:
        bench.talk(1)
    report = bench.rtcp_sent[0][0]
    assert isinstance(report, RtcpSrPacket)
    (block,) = report.reports
    assert block.lsr == 0x03040506
    assert block.dlsr == pytest.approx((bench.now - 0.02 - heard_at) * 65536, abs=0.03 * 65536)
    assert bench.session.statistics.peer_cname == "peer"


@pytest.mark.req("RTP-6")
def test_reports_speak_of_who_was_heard_since_the_last_one() -> None:
    bench = Bench()
    bench.talk(20, ssrc=1)
    for _ in range(10):
        bench.talk(50, ssrc=2)
    about = [[block.ssrc for block in items[0].reports] for items in bench.rtcp_sent if not_sdes(items[0])]
    assert about[0] == [1, 2]
    assert len(about) >= 2
    assert all(sources == [2] for sources in about[1:])


def not_sdes(item: RtcpItem) -> TypeGuard[RtcpSrPacket | RtcpRrPacket]:
    return isinstance(item, RtcpSrPacket | RtcpRrPacket)


@pytest.mark.req("RTP-18", "RTP-22")
def test_round_trip_comes_from_blocks_about_us_only() -> None:
    bench = Bench()
    while not bench.rtcp_sent:
        bench.run(0.02)
    report = bench.rtcp_sent[0][0]
    assert isinstance(report, RtcpSrPacket)
    lsr = (report.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
    sent_at = bench.now
    bench.run(0.5)
    about_others = block_about(bench.session.ssrc ^ 1, lsr=lsr, dlsr=0, packets_lost=77)
    without_report = block_about(bench.session.ssrc, lsr=0, dlsr=0)
    bench.report(RtcpRrPacket(ssrc=PEER, reports=[about_others, without_report]))
    assert bench.session.round_trip_ms is None
    assert bench.session.statistics.sent.lost == 0
    block = block_about(bench.session.ssrc, lsr=lsr, dlsr=int(0.4 * 65536), packets_lost=3, jitter=160)
    bench.report(RtcpRrPacket(ssrc=PEER, reports=[block]))
    assert bench.session.round_trip_ms == pytest.approx((bench.now - sent_at - 0.4) * 1000, abs=20.1)
    statistics = bench.session.statistics
    assert (statistics.sent.lost, statistics.sent.jitter_ms) == (3, 20)


def test_a_round_trip_from_elsewhere_serves_until_rtcp_knows() -> None:
    bench = Bench()
    bench.session.path_round_trip_ms = 80
    assert bench.session.round_trip_ms == 80
    bench.talk(20)
    delay = bench.session.statistics.delay_ms
    assert delay is not None
    assert 20 + 40 + 20 <= delay.p50 <= 20 + 40 + 60


@pytest.mark.req("RTP-15", "RTP-13")
def test_loss_and_duplicates_in_reports() -> None:
    bench = Bench()
    while not bench.rtcp_sent:
        for i in range(10):
            packet = bench.packet()
            if i != 5:
                bench.rtp.deliver(packet, bench.now)
            bench.run(0.02)
    report = bench.rtcp_sent[0][0]
    assert isinstance(report, RtcpSrPacket)
    assert report.reports[0].fraction_lost == pytest.approx(25, abs=3)
    for _ in range(100):
        packet = bench.packet()
        bench.rtp.deliver(packet, bench.now)
        bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    received = bench.session.statistics.received
    assert received.lost is not None
    assert received.lost < -80
    assert bench.session.statistics.duplicates == 100


@pytest.mark.req("RTP-21", "RTP-6")
def test_stopping_says_bye_once() -> None:
    bench = Bench()
    bench.talk(20)
    bench.session.stop(bench.now)
    bench.session.stop(bench.now)
    byes = [items for items in bench.rtcp_sent if any(isinstance(item, RtcpByePacket) for item in items)]
    assert len(byes) == 1
    report, sdes, bye = byes[0]
    assert isinstance(report, RtcpSrPacket)
    assert isinstance(sdes, RtcpSdesPacket)
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [bench.session.ssrc]
    assert bench.rtp.receiver is None


@pytest.mark.req("RTP-21")
def test_no_bye_from_one_who_never_sent_anything() -> None:
    bench = Bench(sending=False)
    bench.run(0.5)
    bench.session.stop(bench.now)
    assert bench.rtp.sent == []


@pytest.mark.req("RTP-21")
def test_a_bye_of_the_peer_is_told_and_late_packets_make_no_new_member() -> None:
    bench = Bench()
    bench.talk(20)
    bench.report(RtcpRrPacket(ssrc=PEER), source_description(PEER, "peer"))
    rtcp = bench.session._rtcp
    assert rtcp is not None
    assert rtcp._members.count == 2
    bench.report(RtcpRrPacket(ssrc=PEER), RtcpByePacket(sources=[PEER]))
    assert bench.told(PeerLeft) == [PeerLeft(at=bench.now, ssrc=PEER)]
    bench.talk(3)
    rtcp._refresh_members(bench.now)
    assert rtcp._members.count == 1
    assert bench.session.statistics.received.packets == 23


@pytest.mark.req("RTP-25")
def test_a_silent_member_is_forgotten_after_five_intervals() -> None:
    bench = Bench()
    bench.talk(10)
    bench.packet()
    bench.talk(10)
    bench.run(20)
    rtcp = bench.session._rtcp
    assert rtcp is not None
    assert rtcp._members.get(PEER) is not None
    assert rtcp._members.senders == 0
    bench.run(15)
    assert rtcp._members.get(PEER) is None
    assert bench.session._receiver.streams == {}
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost) == (20, 1)


@pytest.mark.req("RTP-26")
def test_reports_of_the_peer_count_for_the_average_size() -> None:
    bench = Bench()
    rtcp = bench.session._rtcp
    assert rtcp is not None
    before = rtcp.timer.average_size
    packet = build([RtcpRrPacket(ssrc=PEER), source_description(PEER, "n" * 200)])
    bench.rtp.deliver(packet, 0.0)
    assert rtcp.timer.average_size == pytest.approx(before + (len(packet) + 28 - before) / 16)


@pytest.mark.req("RTP-6", "RTP-27")
def test_no_bandwidth_means_no_rtcp() -> None:
    bench = Bench(config=MediaConfig(rtcp_bandwidth=RtcpBandwidth(senders=0, receivers=0)))
    bench.run(60)
    assert bench.rtcp_sent == []


@pytest.mark.req("RTP-8")
def test_rtp_and_rtcp_share_a_path_or_do_not() -> None:
    muxed, apart = Bench(), Bench(muxed=False)
    for bench in (muxed, apart):
        bench.talk(5)
        bench.report(RtcpRrPacket(ssrc=PEER), source_description(PEER, "peer"))
        bench.run(10)
        assert bench.session.statistics.peer_cname == "peer"
        assert bench.session.statistics.received.packets == 5
        assert bench.session.statistics.refused == {}
    assert not any(rtp.is_rtcp(packet) for packet in apart.rtp.sent)
    assert all(rtp.is_rtcp(packet) for packet in apart.rtcp.sent)
    assert len(apart.rtcp.sent) >= 2


@pytest.mark.req("sdp.md:OA-22")
def test_rtcp_that_is_switched_off_in_the_session_and_on_again() -> None:
    bench = Bench()
    bench.run(30)
    before = len(bench.rtcp_sent)
    assert before > 1
    bench.session.reporting = False
    bench.run(60)
    assert len(bench.rtcp_sent) == before
    bench.report(RtcpRrPacket(ssrc=PEER, reports=[]), source_description(PEER, "peer"))
    bench.session.reporting = True
    bench.run(30)
    assert before < len(bench.rtcp_sent) < before + 10
    bench.session.reporting = False
    sent = len(bench.rtcp_sent)
    bench.session.stop(bench.now)
    assert len(bench.rtcp_sent) == sent


def test_reports_of_the_peer_are_told_but_a_flood_is_not() -> None:
    bench = Bench()
    bench.talk(5)
    ours = bench.session.ssrc
    bench.report(RtcpRrPacket(ssrc=PEER, reports=[]))
    for _ in range(1000):
        bench.report(RtcpRrPacket(ssrc=PEER, reports=[]))
    bench.run(1)
    info = RtcpSenderInfo(ntp_timestamp=0, rtp_timestamp=0, packet_count=77, octet_count=0)
    block = block_about(ours, highest_sequence=70_000, packets_lost=9, fraction_lost=64)
    bench.report(RtcpSrPacket(ssrc=PEER, sender_info=info, reports=[block_about(5), block]))
    bench.run(1)
    bench.report(RtcpRrPacket(ssrc=6, reports=[block_about(5)]))
    first, second, third = bench.told(ReportReceived)
    assert isinstance(first, ReportReceived)
    assert (first.ssrc, first.about, first.ours, first.sent, first.highest) == (PEER, None, ours, None, None)
    assert isinstance(second, ReportReceived)
    assert (second.about, second.sent, second.highest, second.lost) == (ours, 77, 70_000, 9)
    assert second.fraction_lost == 0.25
    assert isinstance(third, ReportReceived)
    assert (third.ssrc, third.about, third.lost) == (6, 5, None)


def test_counters_tell_the_length_of_the_peers_packets() -> None:
    bench = Bench()
    bench.run(0.5)
    assert bench.counters[-1].packet_ms == 0
    bench.talk(20)
    assert bench.counters[-1].packet_ms == 20
