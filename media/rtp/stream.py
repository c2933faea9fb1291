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

_LONGEST_RUN: Final = 16
"""So many packets take the short way until they are counted."""

_NUMBER_BIT, _TIMESTAMP_BIT = 64, 32
"""Where the lowest bits of number and timestamp are in a header that is read as one number."""


class ReceivedStream:
    """State of one SSRC of the peer.

    Nearly every packet of a call follows the one before it: the same in all but number, time and sound. Which
    header that would have is known beforehand (`next_header`). Such a packet is only kept, with the time of
    its arrival (`follow`); what all of these come to is counted when somebody asks.

    Args:
        ssrc: of the stream.
        clock_rate: timestamp units per second of its first packet.
        timestamp: of its first packet.
        buffer: where accepted packets go; it counts in `media.rtp.timeline.MEDIA_CLOCK`.
        now: monotonic seconds.
    """

    __slots__ = (
        "_bytes", "_following", "_header", "_heard_at", "_jitter", "_longest", "_media", "_packets",
        "_run", "_sequence", "_step", "_timeline", "_transit", "buffer", "last_sr", "last_sr_at",
        "next_header", "since", "ssrc",
    )  # fmt: skip

    def __init__(
        self, *, ssrc: int, clock_rate: int, timestamp: int, buffer: JitterBuffer, now: float
    ) -> None:
        self.ssrc = ssrc
        self.since = now
        self._heard_at = now
        self.buffer = buffer
        self._sequence = SequenceTracker()
        self._packets = 0
        self._bytes = 0
        self.last_sr = 0
        self.last_sr_at = 0.0
        self._timeline = Timeline(clock_rate, timestamp)
        self._jitter = InterarrivalJitter()
        self._transit = 0.0
        self._media = 0
        self.next_header = b""
        """Of a packet for `follow`; empty where the next packet must be looked at."""
        self._run: list[float] = []
        """Arrivals of the packets that took the short way and are not counted yet."""
        self._longest = self._step = self._header = self._following = 0

    @property
    def packets(self) -> int:
        """Accepted so far."""
        self._count()
        return self._packets

    @property
    def heard_at(self) -> float:
        """Arrival of the last one, monotonic seconds."""
        self._count()
        return self._heard_at

    @property
    def sequence(self) -> SequenceTracker:
        """The numbering."""
        self._count()
        return self._sequence

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in ms."""
        self._count()
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
        self._count()
        self.next_header = b""
        verdict = self._sequence.update(sequence)
        if verdict is Verdict.STRAY:
            return "sequence number out of range"
        restarted = verdict is Verdict.RESTARTED
        number = self._sequence.extend(sequence)
        clock = self._timeline.clock
        rate = clock.rate
        if codec.clock_rate != rate:
            clock = self._use_clock(codec.clock_rate, sequence, timestamp, now)
            rate = clock.rate
        self._heard_at = now
        self._packets += 1
        self._bytes += len(payload)
        extended = clock.extend(timestamp)
        transit = now * rate - extended
        limit = _DISCONTINUITY_S * rate
        if restarted or (self._packets > 1 and not -limit <= transit - self._transit <= limit):
            self.buffer.restart()
            self._jitter = InterarrivalJitter()
        self._transit = transit
        self._jitter.update(transit)
        self._media = media = clock.offset + extended * clock.scale
        if play and payload:
            put = self.buffer.put(number, media, payload, codec, now)
            if put is Put.MALFORMED:
                return "malformed payload"
            if put is Put.KEPT and verdict is Verdict.VALID and number == self._sequence.highest:
                self._expect(number, timestamp, codec, payload_type)
        return None

    def _expect(self, number: int, timestamp: int, codec: Codec, payload_type: int) -> None:
        """This packet was kept; one that follows it may take the short way."""
        buffer, clock = self.buffer, self._timeline.clock
        end = buffer.end_of(number)
        if end is None or end == self._media or buffer.delay.maximum >= _DISCONTINUITY_S:
            return
        self._longest = HEADER_LENGTH + codec.maximum_payload
        self._step = step = (end - self._media) // clock.scale
        self._following = 1 << _NUMBER_BIT | step << _TIMESTAMP_BIT
        header = HEADER.pack(PLAIN, payload_type, number & 0xFFFF, timestamp, self.ssrc)
        self._header = int.from_bytes(header, "big") + self._following
        if not self._wraps():
            self.next_header = self._header.to_bytes(HEADER_LENGTH, "big")

    def _wraps(self) -> bool:
        """True where number or timestamp begin anew within a run: those packets are looked at."""
        number = (self._sequence.highest & 0xFFFF) + _LONGEST_RUN
        return (
            number >= 0xFFFF or self._timeline.clock.last + (_LONGEST_RUN + 1) * self._step > TIMESTAMP_MASK
        )

    def follow(self, packet: bytes, now: float) -> bool:
        """Take a packet whose header is `next_header`; False where it must go to `receive`."""
        size = len(packet)
        if size > self._longest or not self.buffer.follow(packet[HEADER_LENGTH:], now):
            return False
        self._bytes += size - HEADER_LENGTH
        self._header = header = self._header + self._following
        self.next_header = header.to_bytes(HEADER_LENGTH, "big")
        self._run.append(now)
        if len(self._run) >= _LONGEST_RUN:
            self._count()
        return True

    def _count(self) -> None:
        """Let the packets that took the short way count, as `receive` would have done it."""
        run = self._run
        if not run:
            return
        tracker, clock, jitter, step = self._sequence, self._timeline.clock, self._jitter, self._step
        count, rate, extended, transit = len(run), clock.rate, clock.extended, self._transit
        for arrival in run:
            extended += step
            before, transit = transit, arrival * rate - extended
            jitter.jitter += (abs(transit - before) - jitter.jitter) / 16
        self._transit = jitter.transit = transit
        clock.extended, clock.last = extended, extended & TIMESTAMP_MASK
        tracker.highest += count
        tracker.received += count
        self._media = clock.offset + extended * clock.scale
        self._heard_at = run[-1]
        self._packets += count
        run.clear()
        if self._wraps():
            self.next_header = b""

    def receive_event(
        self, sequence: int, timestamp: int, size: int, clock_rate: int, now: float
    ) -> str | None:
        """Take a packet that holds no audio but events of `clock_rate`; returns why it is refused.

        All of them enter the figures of RTCP, whatever their timestamps (RFC 4733 §2.5.2.2), and none the
        playout delay.
        """
        self._count()
        self.next_header = b""
        verdict = self._sequence.update(sequence)
        if verdict is Verdict.STRAY:
            return "sequence number out of range"
        if verdict is Verdict.RESTARTED:
            self.buffer.restart()
            self._jitter = InterarrivalJitter()
        clock = self._timeline.clock
        self._media += int((now - self._heard_at) * MEDIA_CLOCK)
        self._heard_at = now
        self._packets += 1
        self._bytes += size
        if clock_rate == clock.rate:
            transit = now * clock.rate - clock.extend(timestamp)
            self._jitter.update(transit)
            if self._packets == 1:
                self._transit = transit
        self.buffer.pass_over(self._sequence.extend(sequence))
        return None

    def _use_clock(self, rate: int, sequence: int, timestamp: int, now: float) -> SourceClock:
        """A packet whose timestamps count another clock than those of the packet before it."""
        before = self._timeline.clock.rate
        elapsed = self._media + int((now - self._heard_at) * MEDIA_CLOCK)
        follows = self.buffer.end_of(self._sequence.extend(sequence) - 1)
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
        self._count()
        return receiver_info(
            ssrc=self.ssrc,
            fraction_lost=self._sequence.fraction_lost(),
            packets_lost=self._sequence.lost,
            highest_sequence=self._sequence.reported_highest,
            jitter=int(self._jitter.jitter),
            lsr=self.last_sr,
            dlsr=int((now - self.last_sr_at) * 65536) if self.last_sr else 0,
        )

    @property
    def bytes(self) -> int:
        """Of the payloads accepted so far."""
        return self._bytes
