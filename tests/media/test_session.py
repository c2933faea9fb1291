from __future__ import annotations

import dataclasses
import itertools
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtp
from media.codecs import PCMA, PCMU
from media.config import MediaConfig, RtcpBandwidth
from media.errors import AudioFileError
from media.events import (
    AudioFailed,
    MediaCounters,
    MediaEvent,
    MediaRefused,
    MediaStarted,
    PeerLeft,
    SsrcChanged,
    StreamChanged,
)
from media.rtcp import (
    RtcpByePacket,
    RtcpItem,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    build,
    cname_of,
    parse,
    receiver_info,
    source_description,
)
from media.session import MediaSession
from media.sinks import MemorySink, NullSink, Sink
from media.sources import SilenceSource, Source, ToneSource
from tests.media.network import Clock, End, Udp, Wire, seeded

PEER = 0x0BADCAFE
WALL_CLOCK = 1_700_000_000.0


@dataclass
class Bench:
    """One session, the other end of its path in the test's hands."""

    muxed: bool = True
    seed: int = 1
    ptime_ms: int = 20
    config: MediaConfig | None = None
    keepalive: bool = False
    source: Source = field(default_factory=SilenceSource)
    sink: Sink = field(default_factory=MemorySink)
    events: list[MediaEvent] = field(default_factory=list)
    counters: list[MediaCounters] = field(default_factory=list)
    ssrc: int | None = None
    sending: bool = True
    now: float = 0.0

    def __post_init__(self) -> None:
        self.wire = Wire()
        self.rtp = End(self.wire, Udp())
        self.rtcp = self.rtp if self.muxed else End(self.wire, Udp())
        self.session = MediaSession(
            rtp=self.rtp,
            rtcp=self.rtcp,
            codec=PCMU,
            payload_type=0,
            receive={8: PCMA},
            source=self.source,
            sink=self.sink,
            random=seeded(self.seed),
            ptime_ms=self.ptime_ms,
            ssrc=self.ssrc,
            config=self.config,
            keepalive=self.keepalive,
            sending=self.sending,
            on_event=self.events.append,
            on_counters=self.counters.append,
        )
        self.clock = Clock(self.wire, WALL_CLOCK)
        self.clock.start(self.session)
        self._sequence = 100
        self.run(0.005)  # so that nothing that a test does falls on a tick

    def run(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)
        self.clock.run(self.now)

    def talk(self, packets: int, *, ssrc: int = PEER, payload_type: int = 0, level: int = 0x80) -> None:
        """The peer sends packets, 20 ms apart."""
        for _ in range(packets):
            self.rtp.deliver(self.packet(ssrc=ssrc, payload_type=payload_type, level=level), self.now)
            self.run(0.02)

    def packet(self, *, ssrc: int = PEER, payload_type: int = 0, level: int = 0x80) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return rtp.build(
            payload_type=payload_type,
            marker=False,
            sequence=self._sequence,
            timestamp=160 * self._sequence,
            ssrc=ssrc,
            payload=bytes((level,)) * 160,
        )

    def report(self, *items: RtcpItem) -> None:
        """The peer sends RTCP."""
        self.rtcp.deliver(build(items), self.now)

    @property
    def rtp_sent(self) -> list[rtp.RtpHeader]:
        return [rtp.parse(packet) for packet in self.rtp.sent if not rtp.is_rtcp(packet)]

    @property
    def rtcp_sent(self) -> list[list[RtcpItem]]:
        return [parse(packet) for packet in self.rtcp.sent if rtp.is_rtcp(packet)]

    def told(self, kind: type[MediaEvent]) -> list[MediaEvent]:
        return [event for event in self.events if isinstance(event, kind)]


def block_about(ssrc: int, **fields: int) -> RtcpReceiverInfo:
    values = {"fraction_lost": 0, "packets_lost": 0, "highest_sequence": 0, "jitter": 0, "lsr": 0, "dlsr": 0}
    return receiver_info(ssrc=ssrc, **{**values, **fields})


# --- sending ----------------------------------------------------------------------------------------------


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
        ({"receive": {9: dataclasses.replace(PCMU, sample_rate=16_000)}}, "sample rate"),
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


# --- receiving --------------------------------------------------------------------------------------------


@pytest.mark.req("RTP-4")
def test_plays_from_the_first_packet_and_tells_when_it_came() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.talk(1)
    bench.run(0.2)
    assert bench.told(MediaStarted) == [MediaStarted(at=1.005, ssrc=PEER, payload_type=0)]
    assert bench.session.first_received_at == 1.005
    assert isinstance(bench.sink, MemorySink)
    assert any(bench.sink.pcm)


@pytest.mark.req("RTP-13")
def test_an_unknown_payload_type_is_neither_played_nor_reported() -> None:
    bench = Bench()
    bench.talk(10)
    bench.rtp.deliver(
        rtp.build(payload_type=100, marker=True, sequence=5, timestamp=0, ssrc=PEER, payload=b"x"), bench.now
    )
    bench.talk(10)
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost) == (20, 0)
    assert statistics.refused == {"unknown payload type 100": 1}


@pytest.mark.req("RTP-13")
def test_report_types_are_no_payload_types() -> None:
    bench = Bench(muxed=False)
    for payload_type in (72, 73):
        bench.rtp.deliver(
            rtp.build(
                payload_type=payload_type, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=b"x"
            ),
            bench.now,
        )
    assert bench.session.statistics.received.packets == 0
    assert sum(bench.session.statistics.refused.values()) == 2


def test_both_laws_may_come_in_one_stream() -> None:
    bench = Bench()
    bench.talk(10, payload_type=0)
    bench.talk(10, payload_type=8)
    assert bench.session.statistics.received.packets == 20
    assert bench.session.statistics.refused == {}


@pytest.mark.req("PCM-1", "RTP-29")
@pytest.mark.parametrize(("length", "accepted"), [(1, True), (160, True), (1600, True), (1601, False)])
def test_payloads_up_to_200_ms_are_accepted(length: int, accepted: bool) -> None:
    bench = Bench()
    bench.rtp.deliver(
        rtp.build(payload_type=0, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=bytes(length)),
        0.0,
    )
    bench.run(1.0)
    assert bench.session.statistics.received.packets == accepted
    assert bool(bench.session.statistics.refused) is not accepted


def test_an_empty_packet_is_counted_and_not_played() -> None:
    bench = Bench()
    bench.rtp.deliver(
        rtp.build(payload_type=0, marker=False, sequence=1, timestamp=0, ssrc=PEER, payload=b""), 0
    )
    bench.run(0.5)
    assert bench.session.statistics.received.packets == 1
    assert bench.session.statistics.delay_ms is None


def test_each_kind_of_refusal_is_told_once_and_counted_always() -> None:
    bench = Bench()
    for _ in range(5):
        bench.rtp.deliver(b"\x80", bench.now)
        bench.rtp.deliver(b"\x81\xc9\0\1" + bytes(4), bench.now)
    assert [event.reason for event in bench.told(MediaRefused) if isinstance(event, MediaRefused)] == [
        "malformed RTP packet",
        "malformed RTCP packet",
    ]
    assert bench.session.statistics.refused == {"malformed RTP packet": 5, "malformed RTCP packet": 5}
    bench.run(0.3)
    assert bench.counters[-1].refused == {"malformed RTP packet": 5, "malformed RTCP packet": 5}


@pytest.mark.req("RTP-14")
def test_a_sender_that_starts_its_numbering_again_is_followed_at_once() -> None:
    bench = Bench()
    bench.talk(50)
    bench._sequence += 30_000
    bench.talk(50)
    statistics = bench.session.statistics
    assert statistics.received.lost == 0
    assert statistics.received.packets == 99
    assert statistics.refused == {"sequence number out of range": 1}
    played = sum(bench.session._receiver.figures.delays)
    assert played >= 94


@pytest.mark.req("RTP-36")
def test_a_new_ssrc_is_played_within_100_ms() -> None:
    bench = Bench()
    bench.talk(50, ssrc=1)
    bench.talk(2, ssrc=2)
    changed = bench.told(StreamChanged)
    assert [event.ssrc for event in changed if isinstance(event, StreamChanged)] == [2]
    before = sum(bench.session._receiver.figures.delays)
    bench.talk(4, ssrc=2)
    assert sum(bench.session._receiver.figures.delays) > before
    assert bench.session.statistics.received.lost == 0


@pytest.mark.req("RTP-36")
def test_two_talkers_do_not_alternate() -> None:
    """Both go on talking: the later one is played; when it stops, the other one is."""
    bench = Bench()
    bench.talk(5, ssrc=1)
    first, second = bench._sequence, 20_000
    for i in range(100):
        for ssrc, base in ((1, first), (2, second)):
            number = base + 1 + i
            packet = rtp.build(
                payload_type=0,
                marker=False,
                sequence=number,
                timestamp=160 * number,
                ssrc=ssrc,
                payload=b"\x80" * 160,
            )
            bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    assert [event.ssrc for event in bench.told(StreamChanged) if isinstance(event, StreamChanged)] == [2]
    bench.run(0.2)
    bench._sequence = first + 100
    bench.talk(3, ssrc=1)
    assert [event.ssrc for event in bench.told(StreamChanged) if isinstance(event, StreamChanged)] == [2, 1]


@pytest.mark.req("RTP-36")
def test_a_flood_of_sources_is_bounded_and_does_not_silence_the_talker() -> None:
    bench = Bench()
    rng = random.Random(1)
    bench.talk(10)
    for i in range(1000):
        if i % 20 == 0:
            bench.talk(1)
        bench.rtp.deliver(
            rtp.build(
                payload_type=0,
                marker=False,
                sequence=7,
                timestamp=0,
                ssrc=rng.getrandbits(32),
                payload=bytes(160),
            ),
            bench.now,
        )
    bench.talk(10)
    receiver = bench.session._receiver
    assert len(receiver.streams) <= MediaConfig().maximum_streams
    assert receiver.active is not None
    assert receiver.active.ssrc == PEER
    assert receiver.active.packets == 70
    assert bench.told(StreamChanged) == []


def test_more_good_sources_than_allowed_are_refused() -> None:
    bench = Bench()
    for ssrc in range(1, 20):
        bench.talk(2, ssrc=ssrc)
    assert len(bench.session._receiver.streams) == 16
    assert bench.session.statistics.refused["too many streams"] == 6


def test_hold_counts_but_does_not_play() -> None:
    bench = Bench()
    bench.talk(20)
    bench.session.receiving = False
    assert isinstance(bench.sink, MemorySink)
    at_hold = len(bench.sink.pcm)
    bench.talk(50)
    assert not any(bench.sink.pcm[at_hold:])
    assert len(bench.sink.pcm) - at_hold == 50 * 320
    bench.session.receiving = True
    bench.talk(20)
    assert any(bench.sink.pcm[at_hold:])
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost, statistics.late) == (90, 0, 0)


# --- our own SSRC -----------------------------------------------------------------------------------------


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


# --- RTCP -------------------------------------------------------------------------------------------------


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
    bench.talk(20)
    bench.run(20)
    rtcp = bench.session._rtcp
    assert rtcp is not None
    assert rtcp._members.get(PEER) is not None
    assert rtcp._members.senders == 0
    bench.run(15)
    assert rtcp._members.get(PEER) is None
    assert bench.session._receiver.streams == {}
    statistics = bench.session.statistics
    assert (statistics.received.packets, statistics.received.lost) == (20, 0)


@pytest.mark.req("RTP-26")
def test_reports_of_the_peer_count_for_the_average_size() -> None:
    bench = Bench()
    rtcp = bench.session._rtcp
    assert rtcp is not None
    before = rtcp._timer.average_size
    packet = build([RtcpRrPacket(ssrc=PEER), source_description(PEER, "n" * 200)])
    bench.rtp.deliver(packet, 0.0)
    assert rtcp._timer.average_size == pytest.approx(before + (len(packet) + 28 - before) / 16)


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


# --- figures and failures ---------------------------------------------------------------------------------


def test_counters_come_every_200_ms_with_levels() -> None:
    bench = Bench(source=ToneSource(400))
    bench.talk(50)
    assert len(bench.counters) == 5
    assert [round(b.at - a.at, 6) for a, b in itertools.pairwise(bench.counters)] == [0.2] * 4
    last = bench.counters[-1]
    assert last.level_sent_dbfs == pytest.approx(-9, abs=0.2)
    assert last.level_received_dbfs == pytest.approx(0, abs=0.3)
    assert last.sent_packets == 50
    assert last.received_packets == 49
    assert 20 <= last.buffer_ms <= 60


class FullDisk(NullSink):
    def __init__(self, after: int) -> None:
        self.left = after

    def write(self, pcm: bytes, /) -> None:
        self.left -= 1
        if self.left < 0:
            raise AudioFileError("no space left")


def test_a_sink_that_fails_is_told_and_replaced_and_the_call_goes_on() -> None:
    bench = Bench(sink=FullDisk(10), source=ToneSource(400))
    bench.run(2)
    (failure,) = bench.told(AudioFailed)
    assert failure == AudioFailed(at=failure.at, reason="no space left")
    assert failure.at == pytest.approx(0.2)
    assert len(bench.rtp_sent) >= 99
    assert bench.rtp_sent[-1].payload != b"\xff" * 160


@given(
    st.lists(
        st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\x80\xc8" + rest), max_size=20
    )
)
def test_random_packets_never_raise(packets: list[bytes]) -> None:
    bench = Bench()
    bench.talk(3)
    for packet in packets:
        bench.rtp.deliver(packet, bench.now)
        bench.run(0.02)
    bench.talk(3)
    assert bench.session.statistics.received.packets >= 6
