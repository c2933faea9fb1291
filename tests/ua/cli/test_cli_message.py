"""`icephone message`, and what `register --watch` tells of waiting messages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.ua.cli.fake_phone import Script
from tests.ua.cli.test_cli_commands import account_file
from tests.ua.screen import Screen, objects
from ua.cli.message import MessageRequest, run_message
from ua.cli.register import RegisterRequest, run_register
from ua.cli.runner import Stop
from ua.errors import AuthenticationError, CallRejected, ResultCode, TimedOut
from ua.events import EventLog


async def test_a_message_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    request = MessageRequest(uri="sip:bob@example.com", text="hi there")
    assert await run_message(request, Screen(), Stop(), script.phone) is ResultCode.OK
    assert script.texts == [("sip:bob@example.com", "hi there")]
    assert objects(capsys) == [{"schema": 1, "result": "ok", "uri": "sip:bob@example.com", "sip_code": 200}]
    assert script.closed == 1


async def test_a_message_that_is_not_taken() -> None:
    request = MessageRequest(uri="sip:bob@example.com", text="hi")
    with pytest.raises(CallRejected, match="404") as refused:
        await run_message(request, Screen(), Stop(), Script(message_status=404).phone)
    assert refused.value.exit_code == 4
    hasty = MessageRequest(uri="sip:bob@example.com", text="hi", timeout_s=0.01)
    with pytest.raises(TimedOut, match=r"bob@example\.com did not answer"):
        await run_message(hasty, Screen(), Stop(), Script(rings_forever=True).phone)
    with pytest.raises(AuthenticationError):
        await run_message(request, Screen(), Stop(), Script(password="other").phone)
    stop = Stop()
    stop.request()
    patient = MessageRequest(uri="sip:bob@example.com", text="hi")
    result = await run_message(patient, Screen(), stop, Script(rings_forever=True).phone)
    assert result is ResultCode.INTERRUPTED


@pytest.mark.req("SUB-1")
async def test_watching_tells_of_waiting_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    logs: list[EventLog] = []
    screen = Screen()
    stop = Stop()

    def make(account: object, log: EventLog) -> object:
        logs.append(log)
        return script.phone(account, log)  # type: ignore[arg-type]

    request = RegisterRequest(config=account_file(tmp_path), watch=True)
    watching = asyncio.create_task(run_register(request, screen, stop, make))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert script.watched == [("message-summary", None, 3600)]
    counts = {"voice-message": {"new": 2, "old": 1, "urgent_new": 0, "urgent_old": 0}}
    for content in ({"waiting": True, "counts": counts}, {"waiting": False, "counts": {}}):
        logs[0].record(0.0, "alice", "sip", "subscription", state="notified", content=content)
    logs[0].record(0.0, "alice", "sip", "subscription", state="ended", reason="refused with 489")
    stop.request()
    await watching
    told = screen.err.getvalue()
    assert "voice-message: 2 new, 1 old" in told
    assert "messages waiting: no" in told
    assert "489" not in told, "a server that knows nothing of messages is no matter"
    events = [each for each in objects(capsys) if each.get("event") == "messages"]
    assert [each["waiting"] for each in events] == [True, False]
