"""The clockworks of an endpoint: each is handled in time, and those that wait cost nothing."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ua.sip.clocks import Clocks

TIMES = st.integers(min_value=0, max_value=50)


class Alarm:
    """Goes off at a time; counts how often it is asked."""

    def __init__(self, at: float | None) -> None:
        self.at = at
        self.gone_off: list[float] = []
        self.asked = 0

    def next_timer(self) -> float | None:
        self.asked += 1
        return self.at

    def handle_timer(self, now: float) -> None:
        assert self.at is not None
        assert self.at <= now
        self.gone_off.append(now)
        self.at = None

    def abandon(self) -> None:
        self.at = None


class Again(Alarm):
    """Goes off every ten seconds."""

    def handle_timer(self, now: float) -> None:
        super().handle_timer(now)
        self.at = now + 10


def clocks_of(*alarms: Alarm) -> Clocks:
    clocks = Clocks()
    for alarm in alarms:
        clocks.add(alarm)
    return clocks


def test_those_that_are_due_go_off_once() -> None:
    early, late, never = Alarm(1), Alarm(5), Alarm(None)
    clocks = clocks_of(late, early, never)
    assert clocks.next_timer() == 1
    clocks.handle_timer(3)
    clocks.handle_timer(3)
    assert (early.gone_off, late.gone_off) == ([3], [])
    assert clocks.next_timer() == 5


def test_one_goes_off_again() -> None:
    again = Again(1)
    clocks = clocks_of(again)
    clocks.handle_timer(1)
    assert clocks.next_timer() == 11
    clocks.handle_timer(11)
    assert again.gone_off == [1, 11]


def test_an_earlier_time_counts_once_it_is_told() -> None:
    alarm = Alarm(20)
    clocks = clocks_of(alarm)
    alarm.at = 2
    clocks.changed(alarm)
    assert clocks.next_timer() == 2


def test_a_later_time_needs_no_word() -> None:
    alarm = Alarm(2)
    clocks = clocks_of(alarm)
    alarm.at = 20
    clocks.handle_timer(2)
    assert alarm.gone_off == []
    assert clocks.next_timer() == 20


def test_one_that_was_taken_out_does_not_go_off() -> None:
    alarm = Alarm(2)
    clocks = clocks_of(alarm)
    clocks.discard(alarm)
    clocks.changed(alarm)
    clocks.handle_timer(3)
    assert alarm.gone_off == []
    assert (len(clocks), clocks.next_timer()) == (0, None)


def test_one_that_another_takes_out_does_not_go_off() -> None:
    class Jealous(Alarm):
        def handle_timer(self, now: float) -> None:
            super().handle_timer(now)
            clocks.discard(other)

    first, other = Jealous(1), Alarm(2)
    clocks = clocks_of(first, other)
    clocks.handle_timer(3)
    assert (first.gone_off, other.gone_off) == ([3], [])


def test_a_thousand_that_wait_are_not_asked() -> None:
    waiting = [Alarm(1000) for _ in range(1000)]
    alarm = Again(1)
    clocks = clocks_of(alarm, *waiting)
    for second in range(1, 100):
        clocks.changed(alarm)
        clocks.handle_timer(second)
    assert {each.asked for each in waiting} == {1}


def test_those_that_come_and_go_leave_nothing() -> None:
    clocks = Clocks()
    for number in range(1000):
        alarm = Alarm(10_000 - number)
        clocks.add(alarm)
        clocks.discard(alarm)
    assert len(clocks._queue) < 100


class ClocksMachine(RuleBasedStateMachine):
    """Against asking all of them each time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.clocks = Clocks()
        self.alarms: list[Alarm] = []

    @rule(after=st.none() | TIMES)
    def add(self, after: int | None) -> None:
        alarm = Alarm(None if after is None else self.now + after)
        self.alarms.append(alarm)
        self.clocks.add(alarm)

    @rule(index=TIMES, after=TIMES)
    def change(self, index: int, after: int) -> None:
        if self.alarms:
            alarm = self.alarms[index % len(self.alarms)]
            alarm.at = self.now + after
            self.clocks.changed(alarm)

    @rule(index=TIMES)
    def stop(self, index: int) -> None:
        if self.alarms:
            self.alarms[index % len(self.alarms)].at = None

    @rule(index=TIMES)
    def discard(self, index: int) -> None:
        if self.alarms:
            self.clocks.discard(self.alarms.pop(index % len(self.alarms)))

    @rule(seconds=TIMES)
    def wait(self, seconds: int) -> None:
        self.now += seconds
        due = [alarm for alarm in self.alarms if alarm.at is not None and alarm.at <= self.now]
        self.clocks.handle_timer(self.now)
        assert all(alarm.at is None for alarm in due)

    @invariant()
    def nobody_is_late(self) -> None:
        times = [alarm.at for alarm in self.alarms if alarm.at is not None]
        assert len(self.clocks) == len(self.alarms)
        if times:
            at = self.clocks.next_timer()
            assert at is not None
            assert at <= min(times)


TestClocks = ClocksMachine.TestCase
TestClocks.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
