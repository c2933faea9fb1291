"""One session on the bench: the other end of its path is in the hands of the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from media.audio.sinks import MemorySink, Sink
from media.audio.sources import SilenceSource, Source
from media.codecs import PCMA, PCMU, Codec
from media.config import MediaConfig
from media.events import (
    MediaCounters,
    MediaEvent,
)
from media.rtcp.compound import (
    RtcpItem,
    RtcpReceiverInfo,
    build,
    parse,
    receiver_info,
)
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.network import Clock, End, Udp, Wire, seeded

PEER = 0x0BADCAFE
WALL_CLOCK = 1_700_000_000.0


@dataclass
class Bench:
    """One session, the other end of its path in the test's hands."""

    muxed: bool = True
    seed: int = 1
    ptime_ms: int = 20
    frame_ms: int | None = None
    config: MediaConfig | None = None
    keepalive: bool = False
    source: Source = field(default_factory=SilenceSource)
    sink: Sink = field(default_factory=MemorySink)
    events: list[MediaEvent] = field(default_factory=list)
    counters: list[MediaCounters] = field(default_factory=list)
    ssrc: int | None = None
    sending: bool = True
    rate: int | None = None
    receive: Mapping[int, Codec] = field(default_factory=lambda: {8: PCMA})
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
            receive=self.receive,
            rate=self.rate,
            source=self.source,
            sink=self.sink,
            random=seeded(self.seed),
            ptime_ms=self.ptime_ms,
            frame_ms=self.frame_ms,
            ssrc=self.ssrc,
            config=self.config,
            keepalive=self.keepalive,
            sending=self.sending,
            on_event=self.events.append,
            on_counters=lambda draw: self.counters.append(draw()),
        )
        self.rtp.settle = self.rtcp.settle = self.session.inbox.settle
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
    def heard(self) -> bytes:
        """What was played so far."""
        assert isinstance(self.sink, MemorySink)
        return self.sink.pcm

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
