"""The media counters of the event log as one value, for the live line and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaView:
    """One `media` / `counters` entry; numbers since the start of the session, None where unknown.

    Attributes:
        sent: RTP packets sent.
        received: RTP packets received.
        lost: packets that did not arrive.
        dropped_stale: packets thrown away because they came or waited too long.
        jitter_ms: interarrival jitter.
        delay_ms: delay from arrival, or from the peer's clock where it is known, to playing.
        rtt_ms: round trip measured by RTCP.
        mos: estimated mean opinion score.
        sent_level_db: level of what is sent, dB below full scale (0 is loudest).
        received_level_db: level of what arrives.
    """

    sent: int | None = None
    received: int | None = None
    lost: int | None = None
    dropped_stale: int | None = None
    jitter_ms: float | None = None
    delay_ms: float | None = None
    rtt_ms: float | None = None
    mos: float | None = None
    sent_level_db: float | None = None
    received_level_db: float | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> MediaView:
        """The view of the `data` of an entry."""
        return cls(
            sent=_whole(data.get("sent_packets")),
            received=_whole(data.get("received_packets")),
            lost=_whole(data.get("lost")),
            dropped_stale=_whole(data.get("dropped_stale")),
            jitter_ms=_number(data.get("jitter_ms")),
            delay_ms=_number(data.get("delay_ms")),
            rtt_ms=_number(data.get("rtt_ms")),
            mos=_number(data.get("mos")),
            sent_level_db=_number(data.get("sent_level_db")),
            received_level_db=_number(data.get("received_level_db")),
        )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(value)


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
