"""Levels of both directions, and the counters that a session tells every 200 ms."""

from __future__ import annotations

from collections.abc import Mapping

from media.audio import pcm as audio
from media.audio.level import ToldLevel
from media.events import MediaCounters
from media.interval_quality import IntervalQuality
from media.quality import Impairment
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender


class Meter:
    """Measures the frames of a period together, and draws the counters from sender and receiver.

    A session adds each frame to `sent` or `received`; all are of one length.

    Args:
        frames: frames in a period.
        told: the level that the peer tells besides.
    """

    __slots__ = (
        "_quality",
        "_told",
        "frames",
        "level_received_dbfs",
        "level_sent_dbfs",
        "mos",
        "received",
        "sent",
    )

    def __init__(self, frames: int, told: ToldLevel) -> None:
        self._quality = IntervalQuality()
        self._told = told
        self.mos: float | None = None
        """Mean opinion score of the last 5 s, as of the last counters."""
        self.frames = max(1, frames)
        """So many played frames are a period."""
        self.sent: list[bytes] = []
        """What was sent in this period; less than was played where nothing was."""
        self.received: list[bytes] = []
        """What was played."""
        self.level_sent_dbfs = audio.SILENCE_DBFS
        """Of the last whole period."""
        self.level_received_dbfs = audio.SILENCE_DBFS
        """Of the last whole period."""

    def measure(self) -> None:
        """A period is over: its levels are known now."""
        self.level_sent_dbfs = self._level(self.sent)
        self.level_received_dbfs = self._level(self.received)
        self._told.measure()
        self.sent.clear()
        self.received.clear()

    def _level(self, frames: list[bytes]) -> float:
        """What is missing of a period was silence."""
        return audio.dbfs(audio.rms(b"".join(frames)) * (len(frames) / self.frames) ** 0.5)

    def counters(
        self,
        now: float,
        *,
        sender: RtpSender,
        receiver: RtpReceiver,
        round_trip_ms: float | None,
        impairment: Impairment,
        refused: Mapping[str, int],
    ) -> MediaCounters:
        """What is told at the end of a period; `impairment` is that of the codec."""
        active = receiver.active
        packets, lost, late = receiver.packets, receiver.lost, receiver.figures.late
        jitter_ms = buffer_ms = packet_ms = 0.0
        self.mos = None
        if active is not None:
            jitter_ms, packet_ms = active.jitter_ms, active.buffer.packet_ms
            buffer_ms = active.buffer.delay.delay * 1000
            delay_ms = packet_ms + (round_trip_ms or 0.0) / 2 + buffer_ms
            self.mos = self._quality.mos(
                now, received=packets, lost=lost, late=late, delay_ms=delay_ms, impairment=impairment
            )
        return MediaCounters(
            at=now,
            sent_packets=sender.packets,
            received_packets=packets,
            lost=lost,
            dropped_stale=sender.dropped,
            late=late,
            jitter_ms=jitter_ms,
            buffer_ms=buffer_ms,
            packet_ms=packet_ms,
            mos=self.mos,
            loss_percent=None if self.mos is None else self._quality.loss_percent,
            round_trip_ms=round_trip_ms,
            level_sent_dbfs=self.level_sent_dbfs,
            level_received_dbfs=self.level_received_dbfs,
            level_told_dbov=self._told.last,
            malformed_extensions=receiver.extensions.malformed,
            refused=dict(refused),
        )
