"""The course of a scenario: what happened so far, what it waits for, whose its calls are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ua import clock
from ua.call.call import Call
from ua.events import EventLog


class Course:
    """What there is to see of one run of one scenario.

    Attributes:
        log: everything that all its phones see.
        standing: where the scenario stands, for people.
        started: when it began, monotonic seconds.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.standing = "it has not begun"
        self.started = clock.now()
        self._sides: dict[Call, tuple[str, float]] = {}

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what goes on, for the message of a scenario that takes too long."""
        before, self.standing = self.standing, what
        yield
        self.standing = before

    def begins(self, call: Call, party: str) -> None:
        """A call begins, at the phone that has this name in the log."""
        self._sides[call] = (party, clock.now())

    def side_of(self, call: Call) -> tuple[str, float]:
        """Name in the log of the phone of a call, and when the call began; "" and 0.0 where nobody knows."""
        return self._sides.get(call, ("", 0.0))
