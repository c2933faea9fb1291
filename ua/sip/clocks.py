"""What has timers beside the transactions, and when the first of them is due (core)."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Final, Protocol

_IDLE_ENTRIES: Final = 64
"""So many entries of the queue may be out of date before it is swept, beside one for each clock."""


class Clockwork(Protocol):
    """Something with timers."""

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""

    def abandon(self) -> None:
        """The endpoint is closed."""


class Clocks:
    """All clockworks of one endpoint; a thousand calls that wait cost nothing. Times are monotonic seconds.

    A clockwork is asked for its time when it is added, at `changed`, and when a time that it gave has come.
    It must call `changed` where the time may have moved to earlier, or where there was none. A later one,
    or none any more, needs no word.
    """

    def __init__(self) -> None:
        self._numbers: dict[Clockwork, int] = {}
        self._noted: dict[int, tuple[float, Clockwork]] = {}
        self._queue: list[tuple[float, int]] = []
        self._next = itertools.count(1)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Clockwork]:
        return iter(tuple(self._numbers))

    def __contains__(self, clock: object) -> bool:
        return clock in self._numbers

    def add(self, clock: Clockwork) -> None:
        """Begin to ask it; one that is there already may be added again."""
        self._numbers.setdefault(clock, 0)
        self.changed(clock)

    def discard(self, clock: Clockwork) -> None:
        """Ask it no more."""
        number = self._numbers.pop(clock, 0)
        self._noted.pop(number, None)
        if len(self._queue) > 2 * len(self._numbers) + _IDLE_ENTRIES:
            self._queue = [entry for entry in self._queue if entry[1] in self._noted]
            heapq.heapify(self._queue)

    def changed(self, clock: Clockwork) -> None:
        """Its time may be an earlier one than before."""
        number = self._numbers.get(clock)
        if number is None or (at := clock.next_timer()) is None:
            return
        noted = self._noted.get(number)
        if noted is None or at < noted[0]:
            self._noted.pop(number, None)
            number = self._numbers[clock] = next(self._next)
            self._noted[number] = at, clock
            heapq.heappush(self._queue, (at, number))

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None for never; it may turn out that nothing is due."""
        while self._queue and self._queue[0][1] not in self._noted:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def handle_timer(self, now: float) -> None:
        """Handle what is due, each clockwork once."""
        due = []
        while (at := self.next_timer()) is not None and at <= now:
            due.append(self._noted.pop(heapq.heappop(self._queue)[1])[1])
        for clock in due:
            if clock not in self._numbers:
                continue  # another one has taken it out
            at = clock.next_timer()
            if at is not None and at <= now:
                clock.handle_timer(now)
            self.changed(clock)
