"""Numbers a user may change; the defaults fit calls over UDP and over TCP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BreakerAction = Literal["stop", "warn"]
"""What a circuit breaker does (RFC 8083): end our sending, or tell of it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterConfig:
    """Bounds of the adaptive playout delay, in ms above the fastest packet of the path.

    Attributes:
        start_ms: delay before anything is known, on a path that loses packets (UDP).
        minimum_ms: least delay on such a path.
        maximum_ms: most delay there; audio older than this is skipped.
        reliable_minimum_ms: least delay, and the first one, on a reliable path (TCP): a lost segment is
            repeated after a round trip and a timeout, and everything behind it waits.
        reliable_maximum_ms: most delay on a reliable path.
        capacity: packets kept at most, which is also the reorder window.
    """

    start_ms: int = 40
    minimum_ms: int = 20
    maximum_ms: int = 200
    reliable_minimum_ms: int = 80
    reliable_maximum_ms: int = 500
    capacity: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcpBandwidth:
    """RTCP bytes per second of the whole session, headers of UDP and IP included (RFC 3550 §6.2).

    Attributes:
        senders: share of those who send media (b=RS, RFC 3556).
        receivers: share of the others (b=RR); both 0 turn RTCP off.
    """

    senders: float = 100.0
    receivers: float = 300.0

    @property
    def total(self) -> float:
        """Of all participants together."""
        return self.senders + self.receivers


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConfig:
    """What a session may be told besides codec and paths.

    Attributes:
        jitter: bounds of the playout delay.
        rtcp_bandwidth: what RTCP may use; by default 5 % of one G.711 stream (RFC 3550 §6.2).
        rtcp_minimum_s: least interval between two compound packets in seconds (RFC 3550 §6.2);
            `media.rtcp.interval.reduced_minimum` computes smaller ones.
        counters_ms: period of `MediaCounters`.
        keepalive_ms: longest silence on the media path before a keepalive is sent, where the session is
            told to send them (RFC 6263 §4; not below 15 s).
        maximum_streams: SSRCs of the peer that are kept at the same time.
        circuit_breaker: what is done where our media does no good.
    """

    jitter: JitterConfig = JitterConfig()
    rtcp_bandwidth: RtcpBandwidth = RtcpBandwidth()
    rtcp_minimum_s: float = 5.0
    counters_ms: int = 200
    keepalive_ms: int = 15_000
    maximum_streams: int = 16
    circuit_breaker: BreakerAction = "stop"
