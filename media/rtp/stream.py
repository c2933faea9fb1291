"""One received SSRC: its numbering, its statistics and its jitter buffer."""

from __future__ import annotations

from typing import Final

from media.codecs.codec import Codec
from media.playout.jitter import JitterBuffer
from media.rtcp.compound import RtcpReceiverInfo, receiver_info
from media.rtp.clock import InterarrivalJitter, timestamp_difference
from media.rtp.sequence import SequenceTracker, Verdict

_DISCONTINUITY_S: Final = 5.0
"""A transit that jumps this far is a new timestamp base, not a delay."""


class ReceivedStream:
    """State of one SSRC of the peer.

    Args:
        ssrc: of the stream.
        clock_rate: timestamp units per second.
        buffer: where accepted packets go.
    """

    __slots__ = (
        "_clock_rate", "_jitter", "_last_timestamp", "_timestamp", "_transit", "buffer", "bytes", "heard_at",
        "last_sr", "last_sr_at", "packets", "sequence", "since", "ssrc",
    )  # fmt: skip

    def __init__(self, *, ssrc: int, clock_rate: int, buffer: JitterBuffer, now: float) -> None:
        self.ssrc = ssrc
        self.since = now
        self.heard_at = now
        self.buffer = buffer
        self.sequence = SequenceTracker()
        self.packets = 0
        self.bytes = 0
        self.last_sr = 0
        self.last_sr_at = 0.0
        self._clock_rate = clock_rate
        self._jitter = InterarrivalJitter()
        self._timestamp: int | None = None
        self._last_timestamp = 0
        self._transit = 0.0

    @property
    def jitter(self) -> float:
        """Interarrival jitter in timestamp units."""
        return self._jitter.jitter

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in ms."""
        return self._jitter.jitter * 1000 / self._clock_rate

    def receive(
        self, sequence: int, timestamp: int, payload: bytes, codec: Codec, now: float, *, play: bool
    ) -> str | None:
        """Take one packet; returns the reason where it is refused.

        Args:
            sequence: 16 bits of the header.
            timestamp: 32 bits of the header.
            payload: without padding; an empty one keeps the path open and plays nothing.
            codec: of its payload type.
            now: arrival, monotonic seconds.
            play: whether the payload goes to the jitter buffer.
        """
        verdict = self.sequence.update(sequence)
        if verdict is Verdict.STRAY:
            return "sequence number out of range"
        self.heard_at = now
        self.packets += 1
        self.bytes += len(payload)
        extended = self._extend(timestamp)
        transit = now * self._clock_rate - extended
        jump = self.packets > 1 and abs(transit - self._transit) > _DISCONTINUITY_S * self._clock_rate
        if jump or verdict is Verdict.RESTARTED:
            self.buffer.restart()
            self._jitter = InterarrivalJitter()
        self._transit = transit
        self._jitter.update(transit)
        if play and payload:
            self.buffer.put(self.sequence.extend(sequence), extended, payload, codec, now)
        return None

    def _extend(self, timestamp: int) -> int:
        if self._timestamp is None:
            self._timestamp = timestamp
        else:
            self._timestamp += timestamp_difference(timestamp, self._last_timestamp)
        self._last_timestamp = timestamp
        return self._timestamp

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
