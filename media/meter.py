"""Levels of both directions, and the counters that a session tells every 200 ms."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from media.audio import pcm as audio
from media.events import MediaCounters
from media.interval_quality import IntervalQuality
from media.quality import Impairment
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender


class Meter:
    """Keeps the frames of the last period, and draws levels and counters when somebody looks.

    A session adds each frame to `sent` and `received`, an empty one where nothing was sent; all others are of
    one length.

    Args:
        frames: frames in a period.
        sender: our RTP.
        receiver: the peer's RTP.
    """

    __slots__ = ("_quality", "_receiver", "_sender", "frames", "received", "sent")

    def __init__(self, frames: int, sender: RtpSender, receiver: RtpReceiver) -> None:
        self._quality = IntervalQuality()
        self._sender = sender
        self._receiver = receiver
        self.frames = max(1, frames)
        """So many frames are a period."""
        self.sent: deque[bytes] = deque(maxlen=self.frames)
        """What was sent."""
        self.received: deque[bytes] = deque(maxlen=self.frames)
        """What was played."""

    @property
    def level_sent_dbfs(self) -> float:
        """Of the last frames that make a period."""
        return self._level(self.sent)

    @property
    def level_received_dbfs(self) -> float:
        """Of the last frames that make a period."""
        return self._level(self.received)

    def _level(self, frames: Collection[bytes]) -> float:
        """What is missing of a period was silence."""
        heard = sum(1 for frame in frames if frame)
        return audio.dbfs(audio.rms(b"".join(frames)) * (heard / self.frames) ** 0.5)

    def measure(self, now: float) -> None:
        """A period is over: take note of what is compared with later ones."""
        receiver = self._receiver
        receiver.extensions.level.measure()
        if receiver.active is not None:
            late = receiver.figures.late
            self._quality.note(now, received=receiver.packets, lost=receiver.lost, late=late)

    def mos(self, round_trip_ms: float | None, impairment: Impairment) -> float | None:
        """Mean opinion score of the last 5 s, with a codec that suffers like that; None until measured."""
        active = self._receiver.active
        if active is None:
            return None
        buffer = active.buffer
        delay_ms = buffer.packet_ms + (round_trip_ms or 0.0) / 2 + buffer.delay.delay * 1000
        return self._quality.mos(delay_ms=delay_ms, impairment=impairment)

    def counters(
        self, now: float, *, round_trip_ms: float | None, impairment: Impairment, refused: Mapping[str, int]
    ) -> MediaCounters:
        """What is told at the end of a period; `impairment` is that of the codec."""
        sender, receiver = self._sender, self._receiver
        active = receiver.active
        mos = self.mos(round_trip_ms, impairment)
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
            mos=mos,
            loss_percent=None if mos is None else self._quality.loss_percent,
            round_trip_ms=round_trip_ms,
            level_sent_dbfs=self.level_sent_dbfs,
            level_received_dbfs=self.level_received_dbfs,
            level_told_dbov=receiver.extensions.level.last,
            malformed_extensions=receiver.extensions.malformed,
            refused=dict(refused),
        )
