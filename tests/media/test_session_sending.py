from __future__ import annotations

import dataclasses
import itertools

import pytest

from media.audio.sinks import NullSink
from media.audio.sources import SilenceSource, ToneSource
from media.codecs import PCMA, PCMU
from media.config import MediaConfig, RtcpBandwidth
from media.events import (
    SsrcChanged,
)
from media.rtcp.compound import (
    RtcpByePacket,
    RtcpRrPacket,
    source_description,
)
from media.session import MediaSession
from tests.media.bench import PEER, Bench
from tests.media.network import End, Udp, Wire, seeded


@pytest.mark.req("RTP-2", "RTP-12")
def test_numbers_and_timestamps_go_up_evenly_without_a_marker() -> None:
    bench = Bench()
    bench.run(2.0)
    packets = bench.rtp_sent
    assert len(packets) == 101
    for before, after in itertools.pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert after.timestamp == (before.timestamp + 160) & 0xFFFFFFFF
    assert not any(packet.marker for packet in packets)
    assert {(packet.ssrc, packet.payload_type, len(packet.payload)) for packet in packets} == {
        (bench.session.ssrc, 0, 160)
    }


@pytest.mark.req("RTP-2", "RTP-12")
def test_timestamps_advance_while_nothing_is_sent_and_the_marker_tells_so() -> None:
    bench = Bench()
    bench.run(0.99)
    bench.session.sending = False
    bench.run(3.0)
    bench.session.sending = True
    bench.run(0.1)
    before, after = bench.rtp_sent[49:51]
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 160 + 24_000
    assert after.sequence == (before.sequence + 1) & 0xFFFF
    assert after.marker
    assert not bench.rtp_sent[51].marker
    assert after.ssrc == before.ssrc


@pytest.mark.req("RTP-2")
def test_a_stall_of_the_process_leaves_frames_out_and_keeps_the_time() -> None:
    bench = Bench()
    bench.run(0.09)
    bench.session.skip(25, 0.58)
    bench.session.tick(0.60)
    before, after = bench.rtp_sent[-2:]
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 26 * 160
    assert bench.session.statistics.skipped_frames == 25


@pytest.mark.req("RTP-12", "RTP-20")
def test_a_thousand_sessions_begin_with_different_numbers_and_names() -> None:
    starts, names = set(), set()
    for seed in range(1000):
        bench = Bench(seed=seed)
        bench.run(0.0)
        first = bench.rtp_sent[0]
        starts.add((first.sequence, first.timestamp, first.ssrc))
        names.add(bench.session.cname)
        assert first.sequence < 32_768
    assert len(starts) == len(names) == 1000


@pytest.mark.req("RTP-20")
def test_the_name_is_96_random_bits_in_base64_or_what_the_call_says() -> None:
    assert len(Bench().session.cname) == 16
    session = MediaSession(
        rtp=End(Wire(), Udp()),
        rtcp=None,
        codec=PCMU,
        payload_type=0,
        source=SilenceSource(),
        sink=NullSink(),
        random=seeded(1),
        cname="same",
    )
    assert session.cname == "same"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"payload_type": 64}, "payload type"),
        ({"payload_type": 95}, "payload type"),
        ({"payload_type": 128}, "payload type"),
        ({"ptime_ms": 5}, "5 ms"),
        ({"ptime_ms": 210}, "210 ms"),
        ({"receive": {9: dataclasses.replace(PCMU, clock_rate=8001)}}, "clock of 8001"),
        ({"codec": dataclasses.replace(PCMU, packet_ms=(10, 30))}, "PCMU makes no packets of 20 ms"),
        ({"rate": 8001}, "whole number of samples"),
    ],
)
@pytest.mark.req("RTP-8")
def test_misuse_raises(arguments: dict[str, object], reason: str) -> None:
    fixed: dict[str, object] = {"payload_type": 0, "codec": PCMU, "random": seeded(1), "rtcp": None}
    with pytest.raises(ValueError, match=reason):
        MediaSession(
            rtp=End(Wire(), Udp()),
            source=SilenceSource(),
            sink=NullSink(),
            **{**fixed, **arguments},  # type: ignore[arg-type]
        )


@pytest.mark.req("RTP-12")
def test_another_codec_goes_on_under_the_same_numbering() -> None:
    bench = Bench(source=ToneSource(400))
    bench.talk(10)
    bench.session.use_codec(PCMA, 8)
    bench.talk(10, payload_type=8)
    before, after = bench.rtp_sent[10:12]
    assert (before.payload_type, after.payload_type) == (0, 8)
    assert after.payload == PCMA.encode(ToneSource(400).read(11 * 320 + 320)[-320:])
    assert after.ssrc == before.ssrc
    assert after.sequence == (before.sequence + 1) & 0xFFFF
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 160
    with pytest.raises(ValueError, match="clock"):
        bench.session.use_codec(dataclasses.replace(PCMU, clock_rate=8001), 9)
    with pytest.raises(ValueError, match="payload type"):
        bench.session.use_codec(PCMU, 72)


def test_what_the_path_drops_is_counted() -> None:
    bench = Bench()
    bench.rtp.accept = False
    bench.run(0.99)
    assert bench.session.statistics.sent.dropped_stale == 49
    assert bench.counters[-1].dropped_stale == 49


@pytest.mark.req("RTP-11")
def test_a_held_call_keeps_its_path_open() -> None:
    bench = Bench(muxed=False, keepalive=True)
    bench.run(0.99)
    bench.session.sending = False
    times: list[float] = []
    for _ in range(3000):
        before = len(bench.rtp.sent)
        bench.run(0.02)
        times += [bench.now] * (len(bench.rtp.sent) - before)
    assert 4 <= len(times) <= 5
    assert all(b - a <= 15.0 for a, b in itertools.pairwise([0.98, *times]))
    before_hold, keepalive = bench.rtp_sent[49], bench.rtp_sent[50]
    assert keepalive.payload == b""
    assert keepalive.payload_type not in (0, 8)
    assert not keepalive.marker
    assert keepalive.ssrc == bench.session.ssrc
    assert keepalive.sequence == (before_hold.sequence + 1) & 0xFFFF


@pytest.mark.req("RTP-11", "RTP-32")
@pytest.mark.parametrize("rtcp", [True, False])
def test_reports_on_the_same_path_are_keepalive_enough_if_there_are_any(rtcp: bool) -> None:
    bandwidth = RtcpBandwidth() if rtcp else RtcpBandwidth(senders=0, receivers=0)
    bench = Bench(sending=False, keepalive=True, config=MediaConfig(rtcp_bandwidth=bandwidth))
    bench.run(0.1)
    before = len(bench.rtp_sent)
    bench.run(60)
    assert len(bench.rtp_sent) - before == (0 if rtcp else 4)


@pytest.mark.req("RTP-6", "RTP-32")
def test_rtcp_goes_on_in_a_held_call_often_enough_to_keep_the_path_open() -> None:
    bench = Bench(sending=False)
    bench.session.receiving = False
    times: list[float] = []
    for _ in range(600):
        before = len(bench.rtp.sent)
        bench.run(0.1)
        times += [bench.now] * (len(bench.rtp.sent) - before)
    assert len(times) >= 10
    assert all(b - a < 15 for a, b in itertools.pairwise(times))
    for items in bench.rtcp_sent:
        assert isinstance(items[0], RtcpRrPacket)
        assert items[0].reports == []


@pytest.mark.req("RTP-5")
def test_our_ssrc_from_elsewhere_is_left_with_bye_and_a_loop_changes_it_only_once() -> None:
    bench = Bench(ssrc=0x1111)
    bench.run(0.1)
    bench.talk(1, ssrc=0x1111)
    new = bench.session.ssrc
    assert new != 0x1111
    bench.run(0.1)
    bye = next(item for items in bench.rtcp_sent for item in items if isinstance(item, RtcpByePacket))
    assert bye.sources == [0x1111]
    assert bench.rtp_sent[-1].ssrc == new
    for _ in range(20):
        bench.talk(1, ssrc=new)
    assert bench.session.ssrc == new
    assert [event.ssrc for event in bench.told(SsrcChanged) if isinstance(event, SsrcChanged)] == [new]
    assert bench.session.statistics.refused["packet with our own SSRC"] == 21


@pytest.mark.req("RTP-5")
def test_the_new_ssrc_is_nobodys_else() -> None:
    draws = iter([PEER, 0x1111, 0x2222])
    bench = Bench(ssrc=0x1111)
    bench.talk(3)
    bench.session._identity._random = lambda size: next(draws).to_bytes(size, "big")
    bench.rtp.deliver(bench.packet(ssrc=0x1111), bench.now)
    assert bench.session.ssrc == 0x2222


@pytest.mark.req("RTP-5")
def test_our_ssrc_in_a_report_is_a_collision_as_well() -> None:
    bench = Bench(ssrc=0x1111)
    bench.run(0.1)
    bench.report(RtcpRrPacket(ssrc=0x1111), source_description(0x1111, "other"))
    assert bench.session.ssrc != 0x1111


@pytest.mark.req("RTP-5")
def test_a_peer_that_moves_is_heard_on() -> None:
    """The path may change under the session (ICE, mobility); the stream goes on without a flaw."""
    bench = Bench()
    bench.talk(50)
    receiver, bench.rtp.receiver = bench.rtp.receiver, None
    assert receiver is not None
    for _ in range(50):
        receiver(bench.packet(), bench.now)  # the same stream over a new socket
        bench.run(0.02)
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost, statistics.concealed_ms) == (100, 0, 0)
