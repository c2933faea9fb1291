"""Our subscriptions under virtual time."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ua.sip.events.event import State, SubscriptionState
from ua.sip.events.subscriber import (
    ENDING_STATUSES,
    MAX_RAISES,
    RETRY_S,
    UNSAID_RETRY_S,
    Phase,
    SendSubscribe,
    Subscriber,
    SubscriptionChanged,
    SubscriptionEnded,
)
from ua.sip.transaction.timers import Timers

TIMERS = Timers()
TIMER_N = 32.0


def state(value: State = State.ACTIVE, **options: object) -> SubscriptionState:
    return SubscriptionState(state=value, **options)  # type: ignore[arg-type]


def started(*, implicit: bool = False) -> Subscriber:
    subscriber = Subscriber(expires=3600, timers=TIMERS, implicit=implicit)
    subscriber.start(0.0)
    return subscriber


def active(now: float = 1.0, expires: int = 3600) -> Subscriber:
    subscriber = started()
    subscriber.take_commands()
    subscriber.answered(200, expires=expires, now=now)
    subscriber.notified(state(expires=expires), now)
    subscriber.take_events()
    return subscriber


def ended(subscriber: Subscriber) -> SubscriptionEnded:
    (event,) = subscriber.take_events()
    assert isinstance(event, SubscriptionEnded)
    return event


@pytest.mark.req("SUB-1")
def test_a_notify_may_precede_the_answer() -> None:
    subscriber = started()
    assert subscriber.take_commands() == [SendSubscribe(expires=3600)]
    subscriber.notified(state(State.PENDING, expires=600), 0.1)
    assert subscriber.phase is Phase.PENDING
    subscriber.answered(202, expires=3600, now=0.2)
    subscriber.notified(state(expires=600), 5.0)
    assert [type(event) for event in subscriber.take_events()] == [SubscriptionChanged, SubscriptionChanged]
    assert subscriber.next_timer() == 5.0 + 540, "the time of the NOTIFY counts, not that of the answer"


@pytest.mark.req("SUB-1")
def test_an_answer_grants_less_but_never_more() -> None:
    subscriber = started()
    subscriber.answered(200, expires=100_000, now=0.0)
    subscriber.notified(state(), 0.0)
    assert subscriber.next_timer() == 3540.0
    subscriber.handle_timer(3540.0)
    subscriber.answered(200, expires=60, now=3540.0)
    assert subscriber.next_timer() == 3570.0


@pytest.mark.req("SUB-1")
@pytest.mark.parametrize("answered", [True, False])
def test_without_a_notify_timer_n_ends_it(answered: bool) -> None:
    subscriber = started()
    if answered:
        subscriber.answered(200, expires=3600, now=1.0)
    subscriber.handle_timer(TIMER_N - 0.1)
    assert subscriber.phase is Phase.WAITING
    assert subscriber.next_timer() == TIMER_N
    subscriber.handle_timer(TIMER_N)
    assert ended(subscriber).reason == "no NOTIFY came"


@pytest.mark.req("SUB-1")
def test_a_first_refusal_ends_it_for_good() -> None:
    subscriber = started()
    subscriber.answered(489, now=1.0)
    assert ended(subscriber) == SubscriptionEnded(reason="refused with 489", status=489)
    assert subscriber.next_timer() is None


@pytest.mark.req("SUB-1")
def test_a_time_that_is_too_short_is_raised_a_few_times() -> None:
    subscriber = started()
    subscriber.take_commands()
    for number in range(MAX_RAISES):
        subscriber.answered(423, min_expires=4000 + number, now=1.0)
        assert subscriber.take_commands() == [SendSubscribe(expires=4000 + number)]
    subscriber.answered(423, min_expires=9000, now=1.0)
    assert ended(subscriber).status == 423


@pytest.mark.req("SUB-1")
@pytest.mark.parametrize("status", sorted(ENDING_STATUSES))
def test_a_refresh_that_ends_it(status: int) -> None:
    subscriber = active()
    subscriber.handle_timer(3600.0)
    assert subscriber.take_commands() == [SendSubscribe(expires=3600)]
    subscriber.answered(status, now=3600.0)
    end = ended(subscriber)
    assert end.status == status
    assert end.retry_in == (0.0 if status == 481 else None), "a notifier that forgot us is asked anew"


@pytest.mark.req("SUB-1")
@pytest.mark.parametrize("failure", ["500", "timeout"])
def test_a_refresh_that_fails_otherwise_is_tried_again_until_the_time_is_over(failure: str) -> None:
    subscriber = active(now=0.0)
    now, tries = 0.0, 0
    while subscriber.phase is Phase.ACTIVE:
        at = subscriber.next_timer()
        assert at is not None
        now = at
        subscriber.handle_timer(now)
        if subscriber.take_commands():
            tries += 1
            if failure == "500":
                subscriber.answered(500, now=now)
            else:
                subscriber.failed("no answer", now)
    assert (now, tries) == (3600.0, 2)
    assert ended(subscriber) == SubscriptionEnded(reason="its time is over", retry_in=0.0)


@pytest.mark.req("SUB-1")
@pytest.mark.parametrize(
    ("reason", "after", "retry_in"),
    [
        ("deactivated", None, 0.0),
        ("timeout", 50, 0.0),
        ("probation", 50, 50.0),
        ("probation", None, 0.0),
        ("giveup", 70, 70.0),
        ("giveup", None, UNSAID_RETRY_S),
        ("", None, UNSAID_RETRY_S),
        ("whatever", 10_000_000, 3600.0),
        ("rejected", 5, None),
        ("noresource", None, None),
        ("invariant", None, None),
    ],
)
def test_what_follows_the_end(reason: str, after: int | None, retry_in: float | None) -> None:
    subscriber = active()
    subscriber.notified(state(State.TERMINATED, reason=reason, retry_after=after), 100.0)
    end = ended(subscriber)
    assert (end.reason, end.retry_in) == (reason or "ended by the other side", retry_in)
    subscriber.notified(state(), 101.0)
    assert subscriber.take_events() == []


def test_a_notifier_that_ends_it_at_once_is_not_asked_at_once() -> None:
    subscriber = started()
    subscriber.notified(state(State.TERMINATED, reason="deactivated"), 0.5)
    assert ended(subscriber).retry_in == RETRY_S


@pytest.mark.req("SUB-1")
def test_the_state_is_asked_for_when_a_part_was_missed() -> None:
    subscriber = active()
    subscriber.refresh()
    subscriber.refresh()
    assert subscriber.take_commands() == [SendSubscribe(expires=3600)]
    subscriber.answered(200, expires=3600, now=5.0)
    subscriber.unsubscribe(6.0)
    subscriber.take_commands()
    subscriber.answered(200, expires=0, now=6.1)
    subscriber.refresh()
    assert subscriber.take_commands() == []


@pytest.mark.req("SUB-1")
def test_the_end_that_we_ask_for() -> None:
    subscriber = active()
    subscriber.unsubscribe(10.0)
    subscriber.unsubscribe(10.0)
    assert subscriber.take_commands() == [SendSubscribe(expires=0)]
    subscriber.answered(200, expires=0, now=10.1)
    assert subscriber.phase is Phase.ACTIVE, "the last NOTIFY is still to come"
    subscriber.notified(state(State.TERMINATED, reason="timeout"), 10.2)
    assert ended(subscriber).retry_in is None


def test_the_end_without_a_last_notify() -> None:
    subscriber = active()
    subscriber.unsubscribe(10.0)
    subscriber.answered(200, now=10.1)
    subscriber.handle_timer(10.0 + TIMER_N)
    assert ended(subscriber).reason == "ended by us"


def test_the_end_waits_for_the_answer_to_what_is_out() -> None:
    subscriber = started()
    subscriber.take_commands()
    subscriber.unsubscribe(0.1)
    assert subscriber.take_commands() == []
    subscriber.answered(200, expires=3600, now=0.2)
    assert subscriber.take_commands() == [SendSubscribe(expires=0)]


@pytest.mark.req("REF-2", "EXT-4")
def test_the_subscription_of_a_refer_is_not_asked_for() -> None:
    subscriber = started(implicit=True)
    assert subscriber.take_commands() == []
    subscriber.notified(state(expires=60), 0.1)
    subscriber.answered(202, now=0.2)
    assert subscriber.next_timer() == pytest.approx(30.1)
    subscriber.handle_timer(30.1)
    assert subscriber.take_commands() == [SendSubscribe(expires=3600)], (
        "but refreshed where the call takes longer"
    )
    refused = started(implicit=True)
    refused.answered(603, now=0.1)
    assert ended(refused).status == 603


class Machine(RuleBasedStateMachine):
    """Whatever comes in whatever order: one end, one SUBSCRIBE at a time, no timer in the past."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Subscriber(expires=600, timers=TIMERS)
        self.now = 0.0
        self.out = 0
        self.ends = 0
        self.core.start(0.0)
        self.look()

    def look(self) -> None:
        self.out += len(self.core.take_commands())
        self.ends += sum(isinstance(event, SubscriptionEnded) for event in self.core.take_events())

    @rule(
        status=st.sampled_from([200, 202, 404, 423, 481, 489, 500, 603]),
        seconds=st.none() | st.integers(0, 900),
    )
    @precondition(lambda self: self.out)
    def answer(self, status: int, seconds: int | None) -> None:
        self.out -= 1
        self.core.answered(status, expires=seconds, min_expires=seconds, now=self.now)
        self.look()

    @rule()
    @precondition(lambda self: self.out)
    def fail(self) -> None:
        self.out -= 1
        self.core.failed("no answer", self.now)
        self.look()

    @rule(
        value=st.sampled_from(State),
        seconds=st.none() | st.integers(0, 900),
        reason=st.sampled_from(["", "giveup"]),
    )
    def notify(self, value: State, seconds: int | None, reason: str) -> None:
        self.core.notified(state(value, expires=seconds, reason=reason), self.now)
        self.look()

    @rule(seconds=st.floats(0, 700))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100):
            at = self.core.next_timer()
            if at is None or at > end:
                break
            self.now = max(self.now, at)
            self.core.handle_timer(self.now)
            self.look()
        else:
            raise AssertionError("a timer that never rests")
        self.now = end

    @rule()
    def leave(self) -> None:
        self.core.unsubscribe(self.now)
        self.look()

    @invariant()
    def holds(self) -> None:
        assert self.out <= 1
        assert self.ends == (self.core.phase is Phase.ENDED)
        if self.core.phase is Phase.ENDED:
            assert self.core.next_timer() is None
        else:
            assert self.core.next_timer() is not None, "it would never end"


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
