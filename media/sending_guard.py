"""Whether we may send: stops a stream that a circuit breaker has cut, until there is reason to try again.

RFC 8083 §4.5: nothing is sent again by itself. There must be news: another path, the wish of a user, or,
where nobody reported, a report. On the same path it waits for as long as the trouble was watched.
"""

from __future__ import annotations

from collections.abc import Callable

from media.circuit_breaker import Cause, CircuitBreaker, Report, Trip
from media.config import BreakerAction
from media.events import MediaEvent, SendingResumed, SendingStopped
from media.rtcp.compound import RtcpReceiverInfo
from media.rtcp.interval import FIXED_MINIMUM_S
from media.rtp.packet import HEADER_LENGTH
from media.rtp.sender import RtpSender


class SendingGuard:
    """Feeds the circuit breaker of one sender and keeps what it said.

    Args:
        sender: what is watched.
        action: what a trip leads to.
        ptime_ms: length of our packets.
        on_event: called with `SendingStopped` and `SendingResumed`.

    Attributes:
        stopped: we must not send.
        action: as given; may be changed.
    """

    def __init__(
        self,
        sender: RtpSender,
        action: BreakerAction,
        ptime_ms: int,
        on_event: Callable[[MediaEvent], None],
    ) -> None:
        self._sender = sender
        self._ssrc = sender.ssrc
        self._breaker = CircuitBreaker(frame=ptime_ms / 1000, interval=FIXED_MINIMUM_S)
        self.action = action
        self._on_event = on_event
        self.stopped = False
        self._trip: Trip | None = None
        self._again_at = 0.0
        self._news = ""

    def watch(self, now: float, *, sending: bool, reporting: bool) -> None:
        """Look at the counters of the sender; call a few times a second.

        Args:
            now: monotonic seconds.
            sending: we are to send.
            reporting: RTCP is in use.
        """
        if self.stopped:
            if self._news and now >= self._again_at:
                self._resume(now, self._news)
            return
        sender = self._sender
        if not sending or not reporting or sender.ssrc != self._ssrc:
            self._ssrc = sender.ssrc
            self._breaker.reset()
            return
        trip = self._breaker.sent(
            now,
            packets=sender.packets,
            bytes_=self._bytes,
            dropped=sender.dropped,
            reliable=sender.path.reliable,
        )
        if trip is not None:
            self._cut(trip, now)

    def reported(
        self, block: RtcpReceiverInfo, now: float, *, round_trip: float | None, interval: float
    ) -> None:
        """Take a report block about our stream; times in seconds (`interval`: of the peer's reports)."""
        if self.stopped:
            return
        report = Report(
            highest=block.highest_sequence,
            fraction_lost=block.fraction_lost / 256,
            round_trip=round_trip,
            interval=interval,
        )
        trip = self._breaker.reported(now, report, packets=self._sender.packets, bytes_=self._bytes)
        if trip is not None:
            self._cut(trip, now)

    @property
    def _bytes(self) -> int:
        return self._sender.bytes + HEADER_LENGTH * self._sender.packets

    def heard(self) -> None:
        """A report of the peer came, about whatever: it is there."""
        if self._trip is not None and self._trip.cause is Cause.NO_REPORTS:
            self._news = "the other side reports again"

    def retry(self, reason: str, now: float, *, elsewhere: bool = False) -> None:
        """There is reason to send again; does nothing where nothing was stopped.

        Args:
            reason: one sentence for people.
            now: monotonic seconds.
            elsewhere: over another path, so that nothing need be waited for.
        """
        if elsewhere and not self.stopped:
            self._breaker.reset()
        elif self.stopped and (elsewhere or now >= self._again_at):
            self._resume(now, reason)
        elif self.stopped:
            self._news = reason

    def _cut(self, trip: Trip, now: float) -> None:
        self._breaker.reset()
        if self.action == "warn" and self._trip is not None and self._trip.cause is trip.cause:
            return  # that was told
        self._trip = trip
        self._news = ""
        self._again_at = now + trip.interval
        self.stopped = self.action == "stop"
        self._on_event(
            SendingStopped(at=now, cause=trip.cause.value, reason=trip.detail, stopped=self.stopped)
        )

    def _resume(self, now: float, reason: str) -> None:
        self.stopped = False
        self._trip = None
        self._news = ""
        self._on_event(SendingResumed(at=now, reason=reason))
