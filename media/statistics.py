"""What is known about the media of a call at one moment, or at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionStatistics:
    """One direction of the media.

    Attributes:
        packets: RTP packets sent to the path, or accepted from it.
        bytes: their payload bytes (RFC 3550 §6.4.1: no headers, no padding).
        lost: packets that did not arrive (RFC 3550 A.3), negative with duplicates. Of the sent direction
            what the peer last reported, None before its first report.
        dropped_stale: packets dropped on purpose because they were old: by the path when sending, by the
            jitter buffer when receiving (came too late, or skipped to keep the delay bounded).
        jitter_ms: interarrival jitter (RFC 3550 A.8) in ms. Of the sent direction as reported by the peer.
    """

    packets: int = 0
    bytes: int = 0
    lost: int | None = None
    dropped_stale: int = 0
    jitter_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayStatistics:
    """Mouth to ear delay of the played packets in ms, an estimate (see `MediaStatistics`)."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStatistics:
    """State of one media session.

    The delay of a packet is estimated as: the time in which its audio was gathered (the packet time), half
    the round trip (from RTCP, else as measured by ICE; nothing where neither is known), and the time it lay
    in the jitter buffer. Half a round trip is exact only where both directions take equally long.

    Attributes:
        sent: our packets.
        received: the peer's packets, of all its streams.
        round_trip_ms: least of the last eight round trips by RTCP; else as measured by ICE, else None.
        delay_ms: None before the first packet was played.
        mos: mean opinion score estimated from delay and loss (E-model), None before the first packet.
        recent_mos: the same of the last 5 s.
        concealed_ms: audio made up in place of lost or late packets.
        recovered_ms: audio of lost packets that came from the copy in the next one (in-band FEC).
        late: packets that came after their time to be played.
        duplicates: packets that came twice.
        waits: times the playout had to wait for late packets.
        stretched: times a pitch period was left out or repeated to adjust the delay.
        buffer_ms: playout delay aimed at, above the fastest packet of the path.
        level_sent_dbfs: level of the last 200 ms sent; -127 is silence.
        level_received_dbfs: level of the last 200 ms played.
        level_told_dbov: level of the last 200 ms that the peer says it sent (RFC 6464), None where it says
            nothing.
        first_received_at: monotonic seconds of the first accepted RTP packet, None before.
        refused: packets refused, by reason.
        malformed_extensions: packets with a header extension that could not be read to its end (RFC 8285).
        skipped_frames: frames that the clock left out after a stall of this process.
        peer_cname: canonical name that the peer gave itself (RFC 3550 §6.5.1).
        peer_mos: how well the peer hears us by its own account (MOS-CQ of RFC 3611), None where it says
            nothing.
    """

    sent: DirectionStatistics
    received: DirectionStatistics
    round_trip_ms: float | None
    delay_ms: DelayStatistics | None
    mos: float | None
    concealed_ms: float
    recovered_ms: float
    late: int
    duplicates: int
    waits: int
    stretched: int
    buffer_ms: float
    level_sent_dbfs: float
    level_received_dbfs: float
    first_received_at: float | None
    refused: Mapping[str, int]
    skipped_frames: int
    peer_cname: str | None
    peer_mos: float | None = None
    recent_mos: float | None = None
    level_told_dbov: float | None = None
    malformed_extensions: int = 0
