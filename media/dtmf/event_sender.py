"""Keys as telephone events, packet by packet (RFC 4733 §2.5.1).

The sender is asked once for each audio frame whether an event packet goes in its place. It counts in
timestamps, so frames that a stalled process left out only make an event longer in steps, never wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.dtmf.keys import MOST_WAITING, Press
from media.dtmf.report import LONGEST, EventReport
from media.rtp.clock import TIMESTAMP_MASK, timestamp_difference

FINAL_REPORTS: Final = 3
"""How often the last report of an event, and of a segment, is sent (§2.5.1.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPacket:
    """What goes out in place of one audio packet, under the next sequence number.

    Attributes:
        timestamp: where the event, or its segment, begins.
        marker: first packet of an event.
        report: the payload.
    """

    timestamp: int
    marker: bool
    report: EventReport


@dataclass(slots=True, kw_only=True)
class _Event:
    press: Press
    on_sent: Callable[[], None] | None
    start: int
    """Timestamp of the segment."""
    left: int
    """Units from there to the end of the event."""
    is_new: bool = True
    finals: int = 0
    """Last reports of the segment that went out."""


class EventSender:
    """Keys of one direction, one after the other.

    Args:
        clock_rate: timestamp units per second of the audio, which events share (§2.1).
        defer_end: leave the end bit off the first of the last reports where the event ends with its frame,
            as one does who cannot know that it is over (§2.5.1.4).
    """

    def __init__(self, clock_rate: int, *, defer_end: bool = False) -> None:
        self.clock_rate = clock_rate
        """Units per second from the next event on."""
        self._defer_end = defer_end
        self._waiting: deque[tuple[Press, Callable[[], None] | None]] = deque()
        self._event: _Event | None = None
        self._pause_until: int | None = None

    @property
    def busy(self) -> bool:
        """Whether `frame` wants to be asked."""
        return self._event is not None or self._pause_until is not None or bool(self._waiting)

    @property
    def room(self) -> int:
        """Keys that can be added."""
        return MOST_WAITING - len(self._waiting)

    def press(self, press: Press, on_sent: Callable[[], None] | None = None) -> None:
        """Add a key; `on_sent` is called once its last packet is out, or it was given up.

        Raises:
            OverflowError: too many wait.
        """
        if not self.room:
            raise OverflowError(f"{MOST_WAITING} keys wait already")
        self._waiting.append((press, on_sent))

    def frame(self, timestamp: int, step: int) -> EventPacket | None:
        """What goes out in place of a frame; None lets the audio pass.

        Args:
            timestamp: of the first sample of the frame.
            step: its length, units.
        """
        event = self._event
        if event is None:
            event = self._next(timestamp)
            if event is None:
                return None
        elapsed = timestamp_difference(timestamp + step, event.start)
        if event.left > LONGEST and (elapsed > LONGEST or event.finals):
            return self._segment_end(event)
        ends = elapsed >= event.left
        report = EventReport(
            event=event.press.event,
            end=ends and not (self._defer_end and not event.finals and elapsed == event.left),
            duration=min(elapsed, event.left),
        )
        packet = EventPacket(timestamp=event.start, marker=event.is_new, report=report)
        event.is_new = False
        if ends:
            event.finals += 1
            if event.finals == FINAL_REPORTS:
                self._finish(event)
        return packet

    def interrupt(self) -> None:
        """Nothing can be sent for now: give up the key that is down; the others wait."""
        event, self._event, self._pause_until = self._event, None, None
        if event is not None and event.on_sent is not None:
            event.on_sent()

    def clear(self) -> None:
        """Give up all of them."""
        waiting, self._waiting = self._waiting, deque()
        self.interrupt()
        for _, on_sent in waiting:
            if on_sent is not None:
                on_sent()

    # --- inside -------------------------------------------------------------------------------------------

    def _next(self, timestamp: int) -> _Event | None:
        if self._pause_until is not None:
            if timestamp_difference(self._pause_until, timestamp) > 0:
                return None
            self._pause_until = None
        if not self._waiting:
            return None
        press, on_sent = self._waiting.popleft()
        length = press.duration_ms * self.clock_rate // 1000
        self._event = _Event(press=press, on_sent=on_sent, start=timestamp, left=length)
        return self._event

    def _segment_end(self, event: _Event) -> EventPacket:
        """§2.5.1.3: the longest duration, never with the end bit; then a new segment where this one ended.

        The three reports go out before the first one of the new segment: a receiver that sees the old
        timestamp again after a new one may take it for another key.
        """
        report = EventReport(event=event.press.event, duration=LONGEST)
        packet = EventPacket(timestamp=event.start, marker=event.is_new, report=report)
        event.is_new = False
        event.finals += 1
        if event.finals == FINAL_REPORTS:
            event.finals = 0
            event.start = (event.start + LONGEST) & TIMESTAMP_MASK
            event.left -= LONGEST
        return packet

    def _finish(self, event: _Event) -> None:
        pause = event.press.pause_ms * self.clock_rate // 1000
        self._pause_until = (event.start + event.left + pause) & TIMESTAMP_MASK
        self._event = None
        if event.on_sent is not None:
            event.on_sent()
