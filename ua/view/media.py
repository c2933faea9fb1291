"""The media counters of the event log as one value, for the live line and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ua.events import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaView:
    """One `media` / `counters` entry (`media.events.MediaCounters`); None where nothing is known.

    Attributes:
        sent: RTP packets sent since the start.
        received: RTP packets accepted since the start.
        lost: packets that did not arrive.
        late: packets that came too late to be played.
        dropped_stale: packets that the path dropped instead of sending late.
        jitter_ms: interarrival jitter.
        buffer_ms: playout delay of the jitter buffer.
        packet_ms: audio of one packet of the peer, which has to be gathered before it is sent.
        rtt_ms: round trip.
        sent_level_db: level of the last 200 ms sent, dB below full scale (0 is loudest).
        received_level_db: level of the last 200 ms played.
        told_level_db: level of the last 200 ms that the peer says it sent (RFC 6464).
        mos: mean opinion score of the last 5 s.
        loss_percent: share of the packets of the last 5 s that could not be played: lost or late.
    """

    sent: int | None = None
    received: int | None = None
    lost: int | None = None
    late: int | None = None
    dropped_stale: int | None = None
    jitter_ms: float | None = None
    buffer_ms: float | None = None
    packet_ms: float | None = None
    rtt_ms: float | None = None
    sent_level_db: float | None = None
    received_level_db: float | None = None
    told_level_db: float | None = None
    mos: float | None = None
    loss_percent: float | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> MediaView:
        """The view of the `data` of an entry."""
        lost = _whole(data.get("lost"))
        return cls(
            sent=_whole(data.get("sent_packets")),
            received=_whole(data.get("received_packets")),
            # Duplicates can make it negative (RFC 3550 A.3), which means nothing to people.
            lost=None if lost is None else max(0, lost),
            late=_whole(data.get("late")),
            dropped_stale=_whole(data.get("dropped_stale")),
            jitter_ms=_number(data.get("jitter_ms")),
            buffer_ms=_number(data.get("buffer_ms")),
            # 0 is told until it is known.
            packet_ms=_number(data.get("packet_ms")) or None,
            rtt_ms=_number(data.get("round_trip_ms")),
            sent_level_db=_number(data.get("level_sent_dbfs")),
            received_level_db=_number(data.get("level_received_dbfs")),
            told_level_db=_number(data.get("level_told_dbov")),
            mos=_number(data.get("mos")),
            loss_percent=_number(data.get("loss_percent")),
        )

    @property
    def delay_ms(self) -> float | None:
        """Estimated delay from mouth to ear: packet time, half the round trip, jitter buffer.

        None before anything came.
        """
        if self.buffer_ms is None or self.packet_ms is None:
            return None
        return self.packet_ms + (self.rtt_ms or 0.0) / 2 + self.buffer_ms

    @property
    def missing(self) -> int | None:
        """Packets that could not be played: lost or late."""
        return None if self.lost is None else self.lost + (self.late or 0)

    def loss_percent_since(self, earlier: MediaView) -> float | None:
        """Share of the packets expected since `earlier` that could not be played, None where none was."""
        if (
            self.missing is None
            or earlier.missing is None
            or self.received is None
            or earlier.received is None
        ):
            return None
        # A late packet was received as well as missing.
        lost = max(0, (self.lost or 0) - (earlier.lost or 0))
        late = max(0, (self.late or 0) - (earlier.late or 0))
        expected = lost + max(0, self.received - earlier.received)
        return min(100.0, 100.0 * (lost + late) / expected) if expected else None


def is_counters(entry: LogEntry) -> bool:
    """True for the entries that `MediaView` reads."""
    return entry.source == "media" and entry.name in ("counters", "media_counters")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(value)


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
