"""What -v and --sip-trace show of the event log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.ua.phones import account
from tests.ua.screen import Screen
from ua.cli.call import CallRequest, run_call
from ua.cli.ports import real_phone
from ua.cli.runner import Stop
from ua.cli.trace import trace_log
from ua.errors import ResultCode
from ua.events import EventLog, LogEntry, Source
from ua.phone import Phone
from ua.plan import MediaPlan
from ua.view.trace_lines import format_entry

MESSAGE: dict[str, Any] = {
    "direction": "out",
    "transport": "tcp",
    "local": "192.0.2.1:40000",
    "remote": "192.0.2.2:5060",
    "size": 512,
    "text": "OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nTo: <sip:bob@192.0.2.2>\r\n\r\n",
}


def entry(name: str = "message", source: Source = "sip", **data: object) -> LogEntry:
    return LogEntry(at=1.5, party="alice", source=source, name=name, data=data)


def test_a_message_is_shown_with_its_way() -> None:
    shown = format_entry(entry(**MESSAGE), 1.0, sip=True, rest=False)
    assert shown == (
        "    500.0 ms  alice  sip  192.0.2.1:40000 --> 192.0.2.2:5060  tcp, 512 bytes\n"
        "    OPTIONS sip:bob@192.0.2.2 SIP/2.0\n"
        "    To: <sip:bob@192.0.2.2>"
    )
    received = format_entry(entry(**MESSAGE | {"direction": "in"}), 1.0)
    assert received is not None
    assert " <-- " in received.partition("\n")[0]


@pytest.mark.parametrize(
    ("what", "by_trace", "by_verbose"),
    [
        (entry("connection", reason="opened", remote="192.0.2.2:5060"), True, True),
        (entry("refused", reason="no Via", text="x"), True, True),
        (entry("transaction", reason="no ACK"), True, False),
        (entry("counters", counters={"sent": 3, "keep-alives sent": 7}), True, False),
        (entry("state", "call", state="established"), False, True),
        (entry("pair_nominated", "ice"), False, True),
        (entry("counters", "media"), False, False),
    ],
)
def test_each_option_shows_its_own(what: LogEntry, by_trace: bool, by_verbose: bool) -> None:
    assert (format_entry(what, 0.0, sip=True, rest=False) is not None) is by_trace
    assert (format_entry(what, 0.0, sip=False, rest=True) is not None) is by_verbose


def test_keep_alives_are_counted() -> None:
    shown = format_entry(entry("counters", counters={"sent": 3, "keep-alives sent": 7}), 0.0, sip=True)
    assert shown is not None
    assert shown.endswith("counters  sent: 3, keep-alives sent: 7")
    nothing = format_entry(entry("counters", counters={}), 0.0, sip=True)
    assert nothing is not None
    assert nothing.endswith("counters  nothing sent, nothing received")


@pytest.mark.req("LIM-6")
def test_nothing_from_the_wire_moves_the_cursor_or_passes_for_a_line_of_ours() -> None:
    screen, log = Screen(sip_trace=True), EventLog()
    stop = trace_log(log, screen)
    forged = "x\n    0.1 ms  alice  sip  a --> b\x1b[2J\u202e"
    log.record(0.0, "alice", "sip", "message", **MESSAGE | {"text": forged})
    log.record(0.0, "alice", "sip", "refused", reason=forged)
    stop()
    log.record(0.0, "alice", "sip", "refused", reason="too late")
    shown = screen.err.getvalue()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[2J\\u202e" in shown
    assert "too late" not in shown
    assert [line[:4] for line in shown.splitlines()][1:3] == ["    ", "    "]
    assert len(shown.splitlines()) == 4


async def test_the_trace_of_a_call_has_every_message_once() -> None:
    screen, log = Screen(sip_trace=True), EventLog()
    async with Phone(account("bob"), log) as bob:
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        request = CallRequest(uri=bob.addresses[0], listen="127.0.0.1:0", duration_s=0.1)
        calling = asyncio.ensure_future(run_call(request, screen, Stop(), real_phone))
        call = await ringing
        await call.accept(MediaPlan())
        assert await calling is ResultCode.OK
        await call.ended()
    shown = screen.err.getvalue()
    seen_by_bob = [each for each in log.entries if each.name == "message"]
    heads = [line for line in shown.splitlines() if line.endswith(" bytes") and " sip  127.0.0.1:" in line]
    assert len(heads) == len(seen_by_bob) >= 5
    assert {int(head.split()[-2]) for head in heads} == {each.data["size"] for each in seen_by_bob}
    for method in ("INVITE", "ACK", "BYE"):
        assert sum(line.startswith(f"    {method} sip:") for line in shown.splitlines()) == 1
    assert "a=ice-pwd:***" in shown
    received = sum(" <-- " in head for head in heads)
    assert f"received: {received}, sent: {len(heads) - received}\n" in shown
