"""Levels of both directions, and the counters that a session tells every 200 ms."""

from __future__ import annotations

from collections.abc import Mapping

from media.audio import pcm as audio
from media.events import MediaCounters
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender


class Meter:
    """Adds up the energy of the frames, and draws the counters from sender and receiver.

    A session adds the square of each frame's level to `square_sent` and `square_received`.

    Args:
        frames: frames in a period.
    """

    __slots__ = (
        "_frames",
        "_seen",
        "level_received_dbfs",
        "level_sent_dbfs",
        "square_received",
        "square_sent",
    )

    def __init__(self, frames: int) -> None:
        self._frames = max(1, frames)
        self._seen = 0
        self.square_sent = 0.0
        """Squares of the levels (RMS) of the frames sent in this period."""
        self.square_received = 0.0
        """The same of the frames played."""
        self.level_sent_dbfs = audio.SILENCE_DBFS
        """Of the last whole period."""
        self.level_received_dbfs = audio.SILENCE_DBFS
        """Of the last whole period."""

    def frame(self) -> bool:
        """A frame is over; true at the end of a period, whose levels are known now."""
        self._seen += 1
        if self._seen % self._frames:
            return False
        self.level_sent_dbfs = audio.dbfs((self.square_sent / self._frames) ** 0.5)
        self.level_received_dbfs = audio.dbfs((self.square_received / self._frames) ** 0.5)
        self.square_sent = self.square_received = 0.0
        return True

    def counters(
        self,
        now: float,
        *,
        sender: RtpSender,
        receiver: RtpReceiver,
        round_trip_ms: float | None,
        refused: Mapping[str, int],
    ) -> MediaCounters:
        """What is told at the end of a period."""
        active = receiver.active
        return MediaCounters(
            at=now,
            sent_packets=sender.packets,
            received_packets=receiver.packets,
            lost=receiver.lost,
            dropped_stale=sender.dropped,
            late=receiver.figures.late,
            jitter_ms=0.0 if active is None else active.jitter_ms,
            buffer_ms=0.0 if active is None else active.buffer.delay.delay * 1000,
            packet_ms=0.0 if active is None else active.buffer.packet_ms,
            round_trip_ms=round_trip_ms,
            level_sent_dbfs=self.level_sent_dbfs,
            level_received_dbfs=self.level_received_dbfs,
            refused=dict(refused),
        )
