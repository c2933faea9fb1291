"""What a session tells its owner: counters every 200 ms, and single events.

Each holds `at`, the monotonic time in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from media.audio.pcm import SILENCE_DBFS


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCounters:
    """State of the media every 200 ms (RTP packets and payload bytes since the start).

    Attributes:
        at: monotonic seconds.
        sent_packets: RTP packets handed to the path.
        received_packets: RTP packets accepted.
        lost: packets that should have come and did not (RFC 3550 A.3); negative with duplicates.
        dropped_stale: packets that the path dropped instead of sending late.
        late: packets that came too late to be played.
        jitter_ms: interarrival jitter (RFC 3550 A.8).
        buffer_ms: playout delay aimed at, above the fastest packet of the path.
        packet_ms: media time from one packet of the peer to the next, 0 until known.
        round_trip_ms: None until known.
        level_sent_dbfs: level of the last 200 ms sent, -127 for silence.
        level_received_dbfs: level of the last 200 ms played.
        level_told_dbov: level of the last 200 ms that the peer says it sent (RFC 6464), on the same scale;
            None where it says nothing.
        mos: mean opinion score of the last 5 s (E-model), None until measured.
        loss_percent: of the packets of the last 5 s, those that were lost or late, None until measured.
        refused: packets refused since the start, by reason.
        malformed_extensions: packets whose header extension could not be read to its end (RFC 8285), and
            whose audio was played.
    """

    at: float
    sent_packets: int = 0
    received_packets: int = 0
    lost: int = 0
    dropped_stale: int = 0
    late: int = 0
    jitter_ms: float = 0.0
    buffer_ms: float = 0.0
    packet_ms: float = 0.0
    round_trip_ms: float | None = None
    level_sent_dbfs: float = SILENCE_DBFS
    level_received_dbfs: float = SILENCE_DBFS
    level_told_dbov: float | None = None
    mos: float | None = None
    loss_percent: float | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    malformed_extensions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStarted:
    """The first RTP packet was accepted."""

    at: float
    ssrc: int
    payload_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChanged:
    """Another SSRC of the peer is played from now on."""

    at: float
    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SsrcChanged:
    """Somebody else used our SSRC; we use `ssrc` from now on (RFC 3550 §8.2)."""

    at: float
    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLeft:
    """The peer sent BYE for its stream (RFC 3550 §6.6); this does not end the call."""

    at: float
    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReceived:
    """The peer's RTCP came: a sender or receiver report (RFC 3550 §6.4); a few in a second are told.

    Attributes:
        at: monotonic seconds.
        ssrc: of who reports.
        about: the stream that it says something about: ours where there is a block about it, else another
            one, None without any block.
        ours: our own.
        sent: RTP packets that it says it has sent, None in a receiver report.
        highest: extended highest sequence number of ours that it has received, None without a block.
        lost: packets of ours that it misses, None without a block.
        fraction_lost: of those since its last report, 0 to 1, None without a block.
    """

    at: float
    ssrc: int
    about: int | None
    ours: int
    sent: int | None = None
    highest: int | None = None
    lost: int | None = None
    fraction_lost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRefused:
    """A packet was dropped; the first of each reason is told, all are counted in `MediaCounters`."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFailed:
    """Source or sink failed and was replaced by silence or nothing, e.g. because the disk is full."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHeard:
    """The peer pressed a key; told once it is up.

    Attributes:
        at: monotonic seconds.
        key: 0 to 9, *, #, A to D, or ! for a hook flash.
        duration_ms: for how long.
        way: "rfc4733" for telephone events, "inband" for tones in the audio.
        pace: seconds of `duration_ms` for each second between the reports of the event: 1 where the peer
            counts in the clock it named, 0.125 where it counts ms at 8000 Hz. None where it cannot be told.
    """

    at: float
    key: str = field(repr=False)
    duration_ms: int
    way: Literal["rfc4733", "inband"]
    pace: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingStopped:
    """A circuit breaker says that our media does no good (RFC 8083); RTCP goes on.

    Attributes:
        at: monotonic seconds.
        cause: name of the rule (`media.circuit_breaker.Cause`).
        reason: one sentence.
        stopped: whether we stopped; false where only a warning was asked for.
    """

    at: float
    cause: str
    reason: str
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingResumed:
    """We send again, for this reason."""

    at: float
    reason: str


MediaEvent = (
    MediaStarted
    | StreamChanged
    | SsrcChanged
    | PeerLeft
    | ReportReceived
    | MediaRefused
    | AudioFailed
    | KeyHeard
    | SendingStopped
    | SendingResumed
)
