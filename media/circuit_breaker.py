"""Rules by which a sender stops sending: its media is not wanted, or does harm (RFC 8083).

Five things can be seen: nobody reports (§4.1), nothing arrives (§4.2), more arrives broken than TCP would
send at all (§4.3), what arrives cannot be understood (§4.4), and, over TCP, where nothing is lost, packets
that are too old before they leave. Only sender and receiver reports count, extended reports do not (§6).
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass
from typing import Final

SILENT_REPORTS: Final = 5
"""k of RFC 8083 §4.2."""

TIMEOUT_INTERVALS: Final = 3
"""Reporting intervals without a report (RFC 8083 §4.1)."""

TCP_FACTOR: Final = 10
"""How much more than TCP we may send (RFC 8083 §4.3)."""

UNUSABLE_LOSS: Final = 0.5
UNUSABLE_DELAY_S: Final = 2.0
UNUSABLE_S: Final = 30.0
"""Speech with more loss, or one way later than this, for so long is of no use to anybody."""

GUESSED_ROUND_TRIP_S: Final = 0.1
"""Until one was measured."""

_QUEUE_S: Final = 5.0
_SHORTEST_GAP_S: Final = 0.5
_GAP_MEMORY_S: Final = 10.0
"""A pause between packets is the frame interval of a stream that leaves silence out (RFC 8083 §3, Tf)."""

_FEWEST_PACKETS: Final = 10


class Cause(enum.StrEnum):
    """Which of the rules."""

    NO_REPORTS = "no_reports"
    NOTHING_ARRIVES = "nothing_arrives"
    CONGESTION = "congestion"
    UNUSABLE = "unusable"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A rule says stop.

    Attributes:
        cause: the rule.
        interval: how long the trouble was watched, seconds; as long at least nothing is tried again.
        detail: one sentence for people.
    """

    cause: Cause
    interval: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report block says of our stream, and what we know at that time.

    Attributes:
        highest: extended highest sequence number.
        fraction_lost: of the packets since the report before, 0 to 1.
        round_trip: as measured by it, seconds; None where it says nothing of it.
        interval: deterministic reporting interval of who reports, seconds (Tdr).
    """

    highest: int
    fraction_lost: float
    round_trip: float | None
    interval: float


def smoothed(before: float | None, measured: float) -> float:
    """Tr of RFC 8083 §3, seconds."""
    return measured if before is None else 0.8 * before + 0.2 * measured


def tcp_throughput(*, size: float, round_trip: float, loss: float) -> float:
    """Bytes per second that TCP would reach (RFC 8083 §4.3, the simplified equation with b = 1).

    Args:
        size: of packets, bytes.
        round_trip: seconds.
        loss: share of packets, 0 to 1.
    """
    slowness = round_trip * math.sqrt(2 * loss / 3)
    return size / slowness if slowness else math.inf


def reports_until_timeout(*, frame: float, round_trip: float, interval: float) -> int:
    """MEDIA_TIMEOUT of RFC 8083 §4.2; all in seconds: longest gap between frames, Tr, Tdr."""
    return math.ceil(SILENT_REPORTS * max(frame, round_trip, interval) / interval)


def congestion_intervals(*, frame: float, round_trip: float, interval: float, own_interval: float) -> int:
    """CB_INTERVAL of RFC 8083 §4.3 for codecs that can change their rate with each frame (G = 1)."""
    reaction = max(10 * frame, 10 * round_trip, 3 * interval)
    return math.ceil(3 * min(reaction, max(15, 3 * own_interval)) / (3 * interval))


class CircuitBreaker:
    """Watches one stream that we send. It decides; stopping is up to the owner, who then calls `reset`.

    Args:
        frame: length of our packets, seconds.
        interval: our deterministic reporting interval with the fixed minimum, seconds (Td).
    """

    def __init__(self, *, frame: float, interval: float) -> None:
        self._frame = frame
        self._interval = interval
        self.round_trip: float | None = None
        """Tr, seconds; None until measured."""
        self.expects_reports = False
        """The peer is known to report: it has, once."""
        self._gap = frame
        self._gap_at = float("-inf")
        self.reset()

    def reset(self) -> None:
        """Nothing is sent: everything starts again with the next packet."""
        self._packets = -1
        self._reliable = False
        self._active_at: float | None = None
        self._since: float | None = None
        self._reported_at: float | None = None
        self._packets_at_report = self._bytes_at_report = 0
        self._highest: int | None = None
        self._frozen = 0
        self._allowed_frozen = 0
        self._losses: deque[tuple[float, float]] = deque()
        self._unusable_since: float | None = None
        self._queue: deque[tuple[float, int, int]] = deque()
        self._queue_since: float | None = None

    # --- what is seen -------------------------------------------------------------------------------------

    def sent(self, now: float, *, packets: int, bytes_: int, dropped: int, reliable: bool) -> Trip | None:
        """Look at our own counters; call a few times a second while sending.

        Args:
            now: monotonic seconds.
            packets: sent since the start.
            bytes_: their size.
            dropped: those of them that were too old to leave.
            reliable: the path is a TCP connection.
        """
        if self._packets < 0:
            self._packets_at_report, self._bytes_at_report = packets, bytes_
        elif packets > self._packets:
            self._is_active(now)
        self._packets, self._reliable = packets, reliable
        trip = self._queue_is_full(now, packets=packets, dropped=dropped) if reliable else None
        return trip or self._no_reports(now)

    def reported(self, now: float, report: Report, *, packets: int, bytes_: int) -> Trip | None:
        """Take a report block about our stream; `packets` and `bytes_` as in `sent`."""
        self.expects_reports = True
        if report.round_trip is not None:
            self.round_trip = smoothed(self.round_trip, report.round_trip)
        before, self._reported_at = self._reported_at, now
        since = before if before is not None else self._since
        count, size = packets - self._packets_at_report, bytes_ - self._bytes_at_report
        self._packets_at_report, self._bytes_at_report = packets, bytes_
        highest, self._highest = self._highest, report.highest
        if self._since is None or since is None or now <= since or count <= 0:
            return None
        duration = now - since
        trip = self._nothing_arrives(highest, report)
        if trip is None and not self._reliable and self._is_steady(count, duration, report):
            trip = self._congested(count, size, duration, report)
        return trip or self._unusable(now, count, report)

    # --- the rules ----------------------------------------------------------------------------------------

    def _is_active(self, now: float) -> None:
        last = self._active_at
        if last is None or now - last > self._interval:
            # A report may have come while there was nothing to report on.
            self._since = now
        elif now - last > max(self._gap, _SHORTEST_GAP_S):
            self._gap, self._gap_at = now - last, now
        elif now - self._gap_at > _GAP_MEMORY_S:
            self._gap = self._frame
        self._active_at = now

    def _no_reports(self, now: float) -> Trip | None:
        """RFC 8083 §4.1."""
        if not self.expects_reports or self._since is None or self._active_at is None:
            return None
        if now - self._active_at > self._interval:
            return None
        heard = max(self._since, self._reported_at or self._since)
        limit = TIMEOUT_INTERVALS * self._interval
        if now - heard <= limit:
            return None
        detail = f"the other side has not reported for {limit:.0f} s that our media arrives"
        return Trip(cause=Cause.NO_REPORTS, interval=limit, detail=detail)

    def _nothing_arrives(self, highest: int | None, report: Report) -> Trip | None:
        """RFC 8083 §4.2."""
        allowed = reports_until_timeout(
            frame=self._gap, round_trip=self.round_trip or 0.0, interval=report.interval
        )
        if highest is None or report.highest != highest:
            self._frozen, self._allowed_frozen = 0, allowed
            return None
        self._frozen += 1
        self._allowed_frozen = max(self._allowed_frozen, allowed)
        if self._frozen < self._allowed_frozen:
            return None
        detail = f"{self._frozen} reports in a row of the other side say that nothing of our media arrives"
        return Trip(
            cause=Cause.NOTHING_ARRIVES, interval=self._allowed_frozen * report.interval, detail=detail
        )

    def _is_steady(self, count: int, duration: float, report: Report) -> bool:
        """RFC 8083 §4.3: one packet in max(Tdr, Tr) at least."""
        return count * max(report.interval, self.round_trip or 0.0) >= duration

    def _congested(self, count: int, size: int, duration: float, report: Report) -> Trip | None:
        """RFC 8083 §4.3."""
        round_trip = GUESSED_ROUND_TRIP_S if self.round_trip is None else self.round_trip
        intervals = congestion_intervals(
            frame=self._gap, round_trip=round_trip, interval=report.interval, own_interval=self._interval
        )
        losses = self._losses
        losses.append((report.fraction_lost, duration))
        if len(losses) <= intervals:
            return None
        while len(losses) > intervals:
            losses.popleft()
        total = sum(seconds for _, seconds in losses)
        loss = sum(share * seconds for share, seconds in losses) / total
        rate = size / duration
        most = TCP_FACTOR * tcp_throughput(size=size / count, round_trip=round_trip, loss=loss)
        if rate <= most:
            return None
        detail = (
            f"{100 * loss:.0f} % of our packets are lost and a round trip takes {1000 * round_trip:.0f} ms:"
            " the path is congested"
        )
        return Trip(cause=Cause.CONGESTION, interval=total, detail=detail)

    def _unusable(self, now: float, count: int, report: Report) -> Trip | None:
        """RFC 8083 §4.4."""
        delay = 0.0 if report.round_trip is None else report.round_trip / 2
        lossy = report.fraction_lost > UNUSABLE_LOSS and count >= _FEWEST_PACKETS
        if not lossy and delay <= UNUSABLE_DELAY_S:
            self._unusable_since = None
            return None
        if self._unusable_since is None:
            self._unusable_since = now
        if now - self._unusable_since < UNUSABLE_S:
            return None
        what = f"{100 * report.fraction_lost:.0f} % are lost" if lossy else f"they take {delay:.1f} s"
        detail = f"for {UNUSABLE_S:.0f} s our packets were of no use to the other side: {what}"
        return Trip(cause=Cause.UNUSABLE, interval=UNUSABLE_S, detail=detail)

    def _queue_is_full(self, now: float, *, packets: int, dropped: int) -> Trip | None:
        """Over TCP: more than half of what we send is too old before it leaves."""
        queue = self._queue
        queue.append((now, packets, dropped))
        while len(queue) > 2 and now - queue[1][0] >= _QUEUE_S:
            queue.popleft()
        _, packets_before, dropped_before = queue[0]
        count, late = packets - packets_before, dropped - dropped_before
        if count < _FEWEST_PACKETS or late <= UNUSABLE_LOSS * count:
            self._queue_since = None
            return None
        if self._queue_since is None:
            self._queue_since = now
        if now - self._queue_since < UNUSABLE_S:
            return None
        detail = (
            f"for {UNUSABLE_S:.0f} s the TCP connection was too slow for our media:"
            f" {100 * late / count:.0f} % was too old before it left"
        )
        return Trip(cause=Cause.QUEUE, interval=UNUSABLE_S, detail=detail)
