"""The event log: what is kept, and who is told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ua.call.outcome import CallLog
from ua.events import EventLog, LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SomethingHappened:
    at: float
    count: int


def test_entries_are_plain_values_in_order() -> None:
    log = EventLog()
    log.record(1.0, "alice", "call", "state", state="ringing", digits=(1, 2))
    log.record_event("alice", "media", SomethingHappened(at=2.0, count=3))
    assert [(entry.at, entry.name, entry.data) for entry in log.entries] == [
        (1.0, "state", {"state": "ringing", "digits": [1, 2]}),
        (2.0, "something_happened", {"count": 3}),
    ]


@pytest.mark.req("LIM-3")
def test_the_oldest_entries_go_where_there_are_too_many() -> None:
    log = EventLog(keep_bytes=100_000)
    for number in range(1000):
        log.record(number, "bob", "sip", "message", text="x" * 9500)
    assert [entry.at for entry in log.entries] == list(range(990, 1000))
    assert log.forgotten == 990
    log.record(1000, "bob", "sip", "message", text="x" * 1_000_000)
    assert log.entries == ()


def test_who_keeps_nothing_tells_subscribers_all_the_same() -> None:
    log = EventLog(keep_bytes=0)
    log.record(1.0, "bob", "call", "state", state="ringing")
    told: list[LogEntry] = []
    end = log.subscribe(told.append)
    log.record(2.0, "bob", "call", "state", state="ended")
    log.record_event("bob", "media", SomethingHappened(at=3.0, count=1))
    end()
    log.record(4.0, "bob", "call", "state", state="ended")
    assert [entry.at for entry in told] == [2.0, 3.0]
    assert log.entries == ()


def test_a_log_knows_whether_it_has_readers() -> None:
    log = EventLog(keep_bytes=0)
    of_call = CallLog(log)
    found = [EventLog().has_readers, of_call.has_readers]
    end = log.subscribe(lambda _: None)
    found.append(of_call.has_readers)
    end()
    assert [*found, log.has_readers] == [True, False, True, False]
