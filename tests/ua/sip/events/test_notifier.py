"""Subscriptions of others under virtual time."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.ua.sip.bench import make_request
from ua.sip.events.event import State
from ua.sip.events.notifier import Grant, Notifier, Package, Refusal, SendNotify, judge
from ua.sip.events.subscriber import ENDING_STATUSES
from ua.sip.syntax.message import Request

DIALOG = Package(name="dialog", content_type="application/dialog-info+xml")


def subscribe(*rows: tuple[str, str]) -> Request:
    request = make_request("SUBSCRIBE")
    return Request(method="SUBSCRIBE", uri=request.uri, headers=request.headers.with_added(*rows))


def verdict(*rows: tuple[str, str]) -> Grant | Refusal:
    return judge(subscribe(*rows), {"dialog": DIALOG})


@pytest.mark.req("SUB-2")
@pytest.mark.parametrize(
    ("rows", "status", "header"),
    [
        ([], 489, ("allow-events", "dialog")),
        ([("Event", "presence")], 489, ("allow-events", "dialog")),
        ([("Event", ";x")], 489, ("allow-events", "dialog")),
        ([("Event", "dialog"), ("Accept", "text/plain")], 406, ("accept", "application/dialog-info+xml")),
        ([("Event", "dialog"), ("Expires", "59")], 423, ("min-expires", "60")),
        ([("Event", "dialog"), ("Expires", "1")], 423, ("min-expires", "60")),
    ],
)
def test_a_subscribe_that_is_refused(
    rows: list[tuple[str, str]], status: int, header: tuple[str, str]
) -> None:
    refusal = verdict(*rows)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert refusal.headers.first(header[0]) == header[1]


@pytest.mark.req("SUB-2")
@pytest.mark.parametrize(
    ("rows", "expires"),
    [([], 3600), ([("Expires", "0")], 0), ([("Expires", "60")], 60), ([("Expires", "90000")], 3600)],
)
def test_a_subscribe_that_is_granted(rows: list[tuple[str, str]], expires: int) -> None:
    for accept in ([], [("Accept", "text/plain, application/*;q=0.5")], [("Accept", "*/*")]):
        grant = verdict(("o", "dialog;id=7"), *rows, *accept)
        assert isinstance(grant, Grant)
        assert (grant.expires, grant.event.id) == (expires, "7")


def only(core: Notifier) -> SendNotify:
    (command,) = core.take_commands()
    return command


@pytest.mark.req("SUB-2")
def test_a_notify_at_once_and_at_the_end() -> None:
    core = Notifier(expires=600, body=b"one", now=100.0)
    first = only(core)
    assert (str(first.state), first.body) == ("active;expires=600", b"one")
    core.answered(200, 100.1)
    core.handle_timer(699.9)
    assert core.take_commands() == []
    core.handle_timer(700.0)
    last = only(core)
    assert (str(last.state), last.body) == ("terminated;reason=timeout", b"one")
    core.answered(200, 700.1)
    assert core.ended
    assert core.next_timer() is None


@pytest.mark.req("SUB-2")
def test_a_fetch_is_one_notify() -> None:
    core = Notifier(expires=0, body=b"one", now=0.0)
    assert only(core).state.state is State.TERMINATED
    core.answered(500, 0.1)
    assert core.ended


@pytest.mark.req("REF-2", "SUB-2")
def test_changes_are_told_once_a_second_and_one_at_a_time() -> None:
    core = Notifier(expires=600, body=b"100", now=0.0)
    core.take_commands()
    core.publish(b"180", 0.1)
    core.publish(b"183", 0.2)
    assert core.take_commands() == [], "the first has no answer yet"
    core.answered(200, 0.3)
    assert core.take_commands() == [], "the first was less than a second ago"
    assert core.next_timer() == 1.0
    core.handle_timer(1.0)
    assert only(core).body == b"183"
    core.answered(200, 1.1)
    core.publish(b"183", 1.2)
    assert core.next_timer() == 600.0, "nothing has changed"
    core.finish(b"200", 1.5)
    assert core.take_commands() == []
    core.handle_timer(2.0)
    last = only(core)
    assert (str(last.state), last.body) == ("terminated;reason=noresource", b"200")
    core.publish(b"404", 2.1)
    assert core.take_commands() == []


@pytest.mark.req("SUB-2")
def test_a_refresh_is_told_at_once() -> None:
    core = Notifier(expires=60, body=b"one", now=0.0)
    core.take_commands()
    core.answered(200, 0.1)
    core.refresh(600, 0.2)
    assert str(only(core).state) == "active;expires=600"
    core.answered(200, 0.3)
    core.refresh(0, 0.4)
    assert str(only(core).state) == "terminated;reason=timeout"
    core.refresh(600, 0.5)
    assert core.take_commands() == []


@pytest.mark.req("SUB-2")
@pytest.mark.parametrize(
    ("status", "gone"),
    [*((status, True) for status in (*sorted(ENDING_STATUSES), 408)), (500, False), (200, False)],
)
def test_a_notify_that_is_refused(status: int, gone: bool) -> None:
    core = Notifier(expires=60, body=b"one", now=0.0)
    core.take_commands()
    core.answered(status, 0.1)
    assert core.ended is gone


class Machine(RuleBasedStateMachine):
    """Whatever happens: one NOTIFY at a time, one last one, and the last state is told."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.core = Notifier(expires=60, body=b"0", now=0.0)
        self.out = 0
        self.lasts = 0
        self.told = b""
        self.truth = b"0"
        self.look()

    def look(self) -> None:
        for command in self.core.take_commands():
            assert not self.lasts
            self.out += 1
            self.told = command.body
            self.lasts += command.state.state is State.TERMINATED

    @rule(body=st.sampled_from([b"1", b"2", b"3"]), last=st.booleans())
    def change(self, body: bytes, last: bool) -> None:
        if not self.core.is_ending:
            self.truth = body
        (self.core.finish if last else self.core.publish)(body, self.now)
        self.look()

    @rule(status=st.sampled_from([200, 500, 481]))
    @precondition(lambda self: self.out)
    def answer(self, status: int) -> None:
        self.out -= 1
        self.core.answered(status, self.now)
        self.look()

    @rule(seconds=st.integers(0, 100))
    def refresh(self, seconds: int) -> None:
        self.core.refresh(seconds, self.now)
        self.look()

    @rule(seconds=st.floats(0, 50))
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

    @invariant()
    def holds(self) -> None:
        assert self.out <= 1
        if self.lasts:
            assert self.told == self.truth
        if not self.core.ended and not self.out:
            assert self.core.next_timer() is not None, "it would never end"


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
