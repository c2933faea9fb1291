"""One received SSRC: its numbering, its statistics and its jitter buffer."""

from __future__ import annotations

from typing import Final

from media.codecs.codec import Codec
from media.playout.jitter import JitterBuffer, Put
from media.rtcp.compound import RtcpReceiverInfo, receiver_info
from media.rtp.clock import TIMESTAMP_MASK, InterarrivalJitter
from media.rtp.packet import HEADER, HEADER_LENGTH, PLAIN
from media.rtp.sequence import SequenceTracker, Verdict
from media.rtp.timeline import MEDIA_CLOCK, SourceClock, Timeline

_DISCONTINUITY_S: Final = 5.0
"""A transit that jumps this far is a new timestamp base, not a delay."""


class ReceivedStream:
    """State of one SSRC of the peer.

    Nearly every packet of a call follows the one before it: the same in all but number, time and sound. Which
    header that would have is known beforehand (`next_header`), and such a packet costs a fraction (`follow`).

    Args:
        ssrc: of the stream.
        clock_rate: timestamp units per second of its first packet.
        timestamp: of its first packet.
        buffer: where accepted packets go; it counts in `media.rtp.timeline.MEDIA_CLOCK`.
        now: monotonic seconds.
    """

    __slots__ = (
        "_codec", "_jitter", "_media", "_payload_type", "_size", "_step", "_timeline", "_transit", "buffer",
        "bytes", "heard_at", "last_sr", "last_sr_at", "next_header", "packets", "sequence", "since", "ssrc",
    )  # fmt: skip

    def __init__(
        self, *, ssrc: int, clock_rate: int, timestamp: int, buffer: JitterBuffer, now: float
    ) -> None:
        self.ssrc = ssrc
        self.since = now
        self.heard_at = now
        self.buffer = buffer
        self.sequence = SequenceTracker()
        self.packets = 0
        self.bytes = 0
        self.last_sr = 0
        self.last_sr_at = 0.0
        self._timeline = Timeline(clock_rate, timestamp)
        self._jitter = InterarrivalJitter()
        self._transit = 0.0
        self._media = 0
        self.next_header = b""
        """Of a packet for `follow`; empty where the next packet must be looked at."""
        self._codec: Codec | None = None
        self._payload_type = self._size = self._step = 0

    @property
    def jitter(self) -> float:
        """Interarrival jitter in timestamp units of the clock used last."""
        return self._jitter.jitter

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in ms."""
        return self._jitter.jitter * 1000 / self._timeline.clock.rate

    def receive(
        self,
        sequence: int,
        timestamp: int,
        payload: bytes,
        codec: Codec,
        now: float,
        *,
        play: bool,
        payload_type: int,
    ) -> str | None:
        """Take one packet; returns the reason where it is refused.

        Args:
            sequence: 16 bits of the header.
            timestamp: 32 bits of the header.
            payload: without padding; an empty one keeps the path open and plays nothing.
            codec: of its payload type.
            now: arrival, monotonic seconds.
            play: whether the payload goes to the jitter buffer.
            payload_type: of the header.
        """
        self.next_header = b""
        verdict = self.sequence.update(sequence)
        if verdict is Verdict.STRAY:
            return "sequence number out of range"
        restarted = verdict is Verdict.RESTARTED
        number = self.sequence.extend(sequence)
        clock = self._timeline.clock
        rate = clock.rate
        if codec.clock_rate != rate:
            clock = self._use_clock(codec.clock_rate, sequence, timestamp, now)
            rate = clock.rate
        self.heard_at = now
        self.packets += 1
        self.bytes += len(payload)
        extended = clock.extend(timestamp)
        transit = now * rate - extended
        limit = _DISCONTINUITY_S * rate
        if restarted or (self.packets > 1 and not -limit <= transit - self._transit <= limit):
            self.buffer.restart()
            self._jitter = InterarrivalJitter()
        self._transit = transit
        self._jitter.update(transit)
        self._media = media = clock.offset + extended * clock.scale
        if play and payload:
            put = self.buffer.put(number, media, payload, codec, now)
            if put is Put.MALFORMED:
                return "malformed payload"
            if put is Put.KEPT and verdict is Verdict.VALID and number == self.sequence.highest:
                self._expect(number, timestamp, payload, codec, payload_type)
        return None

    def _expect(self, number: int, timestamp: int, payload: bytes, codec: Codec, payload_type: int) -> None:
        """This packet was kept; one that follows it may take the short way."""
        end = self.buffer.end_of(number)
        if end is None:
            return
        self._codec, self._payload_type, self._size = codec, payload_type, len(payload)
        self._step = (end - self._media) // self._timeline.clock.scale
        following = (timestamp + self._step) & TIMESTAMP_MASK
        self.next_header = HEADER.pack(PLAIN, payload_type, (number + 1) & 0xFFFF, following, self.ssrc)

    def follow(self, packet: bytes, now: float) -> bool:
        """Take a packet whose header is `next_header`; False where it must go to `receive`.

        All that `receive` would do with it, in one place: what a packet costs is above all calls.
        """
        codec = self._codec
        if codec is None or len(packet) != HEADER_LENGTH + self._size:
            return False
        clock = self._timeline.clock
        extended = clock.extended + self._step
        transit = now * clock.rate - extended
        moved = transit - self._transit
        if abs(moved) > _DISCONTINUITY_S * clock.rate:
            return False
        tracker, jitter = self.sequence, self._jitter
        number = tracker.highest = tracker.highest + 1
        tracker.received += 1
        clock.extended = extended
        clock.last = timestamp = extended & TIMESTAMP_MASK
        self._transit = jitter.transit = transit
        jitter.jitter += (abs(moved) - jitter.jitter) / 16
        self.heard_at = now
        self.packets += 1
        self.bytes += self._size
        self._media = media = clock.offset + extended * clock.scale
        self.buffer.follow(number, media, packet[HEADER_LENGTH:], codec, now)
        following = (timestamp + self._step) & TIMESTAMP_MASK
        self.next_header = HEADER.pack(PLAIN, self._payload_type, (number + 1) & 0xFFFF, following, self.ssrc)
        return True

    def receive_event(
        self, sequence: int, timestamp: int, size: int, clock_rate: int, now: float
    ) -> str | None:
        """Take a packet that holds no audio but events of `clock_rate`; returns why it is refused.

        All of them enter the figures of RTCP, whatever their timestamps (RFC 4733 §2.5.2.2), and none the
        playout delay.
        """
        self.next_header = b""
        verdict = self.sequence.update(sequence)
        if verdict is Verdict.STRAY:
            return "sequence number out of range"
        if verdict is Verdict.RESTARTED:
            self.buffer.restart()
            self._jitter = InterarrivalJitter()
        clock = self._timeline.clock
        self._media += int((now - self.heard_at) * MEDIA_CLOCK)
        self.heard_at = now
        self.packets += 1
        self.bytes += size
        if clock_rate == clock.rate:
            transit = now * clock.rate - clock.extend(timestamp)
            self._jitter.update(transit)
            if self.packets == 1:
                self._transit = transit
        self.buffer.pass_over(self.sequence.extend(sequence))
        return None

    def _use_clock(self, rate: int, sequence: int, timestamp: int, now: float) -> SourceClock:
        """A packet whose timestamps count another clock than those of the packet before it."""
        before = self._timeline.clock.rate
        elapsed = self._media + int((now - self.heard_at) * MEDIA_CLOCK)
        follows = self.buffer.end_of(self.sequence.extend(sequence) - 1)
        clock = self._timeline.switch(rate, timestamp, follows=follows, elapsed=elapsed)
        self._jitter.rescale(rate / before)
        self._transit = now * rate - clock.extend(timestamp)
        return clock

    def sender_report(self, ntp_middle: int, now: float) -> None:
        """Note the last sender report of this source: the middle 32 bits of its NTP time."""
        self.last_sr = ntp_middle
        self.last_sr_at = now

    def report(self, now: float) -> RtcpReceiverInfo:
        """The report block about this stream (RFC 3550 §6.4.1); begins a new interval of the fraction."""
        return receiver_info(
            ssrc=self.ssrc,
            fraction_lost=self.sequence.fraction_lost(),
            packets_lost=self.sequence.lost,
            highest_sequence=self.sequence.reported_highest,
            jitter=int(self._jitter.jitter),
            lsr=self.last_sr,
            dlsr=int((now - self.last_sr_at) * 65536) if self.last_sr else 0,
        )
