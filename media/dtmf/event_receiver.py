"""Keys from the telephone events of one stream, each of them once (RFC 4733 §2.5.2).

Every report of an event tells the whole of it so far, so that any of them is enough, and most of the work
here is to know which reports belong together whatever was lost, came twice or came late:

- reports with the same event and timestamp are one event, reports that overlap in time too (some senders
  let the timestamp run on);
- an event whose timestamp is the end of the longest report of the former is its next segment;
- an event ends by its end bit, by a report of a later event, by audio that is later than it, or when
  nothing comes for three packet intervals; what is told of it after that is ignored;
- an event older than one that was told already is not told any more: digits in the wrong order are worse
  than a missing one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.dtmf.keys import KEYS, HeardKey
from media.dtmf.report import LONGEST, EventReport
from media.rtp.clock import TIMESTAMP_MASK, timestamp_difference

INTERVALS: Final = 3
"""Packet intervals that an event goes on without a report (§2.5.2.2)."""

FIRST_INTERVAL_S: Final = 0.05
"""What is taken for one before there are two reports (§2.5.1.2)."""

LEAST_INTERVAL_S, MOST_INTERVAL_S = 0.02, 0.2

LATE_S: Final = 10.0
"""A timestamp further back than this is no late packet, but another count (RFC 3550 §5.1)."""

_SHORTEST_SPAN_S: Final = 0.03
"""Reports that come closer together tell nothing of the clock of the sender."""

_REMEMBERED: Final = 64
_MOST_LOST_SEGMENTS: Final = 8


@dataclass(slots=True, kw_only=True)
class _Event:
    event: int
    start: int
    """Timestamp of the segment."""
    duration: int
    """Units of the segment so far."""
    former: int
    """Units of the segments before it."""
    reported_at: float
    first: int
    """Units that its first report told."""
    began_at: float
    """Arrival of that, monotonic seconds."""
    grown_at: float
    """Arrival of the last report that told more than all before."""
    interval: float | None = None
    """Seconds between its reports, None before there are two."""
    ended: bool = False
    """Whether its own end was seen."""
    among_audio: bool = False
    """Whether audio of the same time came beside it."""

    @property
    def end(self) -> int:
        """Timestamp that it reaches to."""
        return (self.start + self.duration) & TIMESTAMP_MASK

    def pace(self, clock_rate: int) -> float | None:
        """Seconds of its duration for each second that its reports took; None where they came at once."""
        seconds = self.grown_at - self.began_at
        if seconds < _SHORTEST_SPAN_S:
            return None
        return (self.former + self.duration - self.first) / clock_rate / seconds


class EventReceiver:
    """Finds the keys in the events of one stream (SSRC).

    Args:
        clock_rate: timestamp units per second of the stream.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._event: _Event | None = None
        self._past: deque[_Event] = deque(maxlen=_REMEMBERED)
        self._told: int | None = None
        """Start of the latest event that was told."""
        self.ignored = 0
        """Reports that belong to no key: duration 0, or an event that is none."""

    @property
    def sounding(self) -> str | None:
        """The key that is down, None where none is."""
        return None if self._event is None else KEYS[self._event.event]

    def receive(
        self, reports: Sequence[EventReport], timestamp: int, now: float, *, marker: bool = False
    ) -> tuple[HeardKey, ...]:
        """Take the reports of one packet; gives the keys that are up by that.

        Args:
            reports: in their order, each begins where the former ended (§2.5.2.4).
            timestamp: of the packet.
            now: arrival, monotonic seconds.
            marker: of the packet; not needed, for its packet may be lost, but it tells a new event.
        """
        heard: list[HeardKey] = []
        for report in reports:
            if report.event >= len(KEYS) or not report.duration:
                self.ignored += 1
            else:
                self._take(report, timestamp, now, heard, marker=marker and report is reports[0])
            timestamp = (timestamp + report.duration) & TIMESTAMP_MASK
        return tuple(heard)

    def audio(self, timestamp: int) -> tuple[HeardKey, ...]:
        """Other audio of the stream has come: it ends an event that it is later than.

        Audio of the time of the event itself, which some gateways send beside it, does not.
        """
        event = self._event
        if event is None:
            return ()
        beyond = timestamp_difference(timestamp, event.end)
        if beyond < 0:
            event.among_audio = event.among_audio or timestamp_difference(timestamp, event.start) >= 0
            return ()
        if event.among_audio or beyond < (event.interval or FIRST_INTERVAL_S) * self._clock_rate:
            return ()
        return self._finish()

    def elapse(self, now: float) -> tuple[HeardKey, ...]:
        """Time passes: an event of which nothing is heard any more is over."""
        event = self._event
        if event is None or now - event.reported_at < INTERVALS * (event.interval or FIRST_INTERVAL_S):
            return ()
        return self._finish()

    def finish(self) -> tuple[HeardKey, ...]:
        """The stream is over, and with it what sounds."""
        return () if self._event is None else self._finish()

    # --- inside -------------------------------------------------------------------------------------------

    def _take(
        self, report: EventReport, start: int, now: float, heard: list[HeardKey], *, marker: bool
    ) -> None:
        event = self._event
        if event is not None and self._goes_on(event, report, start, marker=marker):
            self._extend(event, report, start, now)
        elif self._is_past(report, start, marker=marker):
            return
        elif event is not None and self._is_late(start, event.start):
            # All of it came too late, but the one after it is not told yet.
            self._note(report, start, ended=True)
            late = _event(report.event, start, report.duration, now)
            heard.append(_told(late, self._clock_rate))
            self._told = start
            return
        else:
            if event is not None:
                heard += self._finish()
            event = self._event = _event(report.event, start, report.duration, now)
        if report.end:
            event.ended = True
            heard += self._finish()

    def _is_late(self, start: int, than: int) -> bool:
        return -LATE_S * self._clock_rate < timestamp_difference(start, than) < 0

    def _goes_on(self, event: _Event, report: EventReport, start: int, *, marker: bool) -> bool:
        if report.event != event.event:
            return False
        distance = timestamp_difference(start, event.start)
        # Where the timestamp runs on with the reports there is no pause between them.
        return distance == 0 or (not marker and (_is_segment(distance) or 0 < distance <= event.duration))

    def _extend(self, event: _Event, report: EventReport, start: int, now: float) -> None:
        distance = timestamp_difference(start, event.start)
        if _is_segment(distance):
            self._past.append(_event(event.event, event.start, 0, now))
            event.former += distance
            event.duration = 0
        # Where it merely ran on, the duration is still that of the whole event.
        if distance > 0:
            event.start = start
        step = (report.duration - event.duration) / self._clock_rate
        if step > 0 and event.duration:
            step = min(max(step, LEAST_INTERVAL_S), MOST_INTERVAL_S)
            event.interval = step if event.interval is None else min(event.interval, step)
        if step > 0:
            event.grown_at = now
        event.duration = max(event.duration, report.duration)
        event.reported_at = now

    def _is_past(self, report: EventReport, start: int, *, marker: bool) -> bool:
        """Whether it is told already, or may not be told any more."""
        for past in self._past:
            if report.event != past.event:
                continue
            distance = timestamp_difference(start, past.start)
            if distance == 0:
                return True
            if not marker and 0 < distance <= past.duration:
                past.start = start
                return True
            if not marker and not past.ended and _is_segment(distance):
                # The rest of an event that was given up.
                self._note(report, start, ended=report.end)
                return True
        return self._told is not None and self._is_late(start, self._told)

    def _note(self, report: EventReport, start: int, *, ended: bool) -> None:
        event = _event(report.event, start, report.duration, 0.0)
        event.ended = ended
        self._past.append(event)

    def _finish(self) -> tuple[HeardKey, ...]:
        event, self._event = self._event, None
        if event is None:
            return ()
        self._past.append(event)
        self._told = event.start
        return (_told(event, self._clock_rate),)


def _is_segment(distance: int) -> bool:
    """Whether a timestamp so much later is that of a later segment."""
    return distance > 0 and distance % LONGEST == 0 and distance // LONGEST <= _MOST_LOST_SEGMENTS


def _event(event: int, start: int, duration: int, now: float) -> _Event:
    return _Event(
        event=event,
        start=start,
        duration=duration,
        former=0,
        reported_at=now,
        first=duration,
        began_at=now,
        grown_at=now,
    )


def _told(event: _Event, clock_rate: int) -> HeardKey:
    duration = event.former + event.duration
    return HeardKey(
        key=KEYS[event.event],
        duration_ms=round(duration * 1000 / clock_rate),
        pace=event.pace(clock_rate),
    )
