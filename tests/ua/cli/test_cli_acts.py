"""What `icephone call` does in a call: keys and transfers."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.cli.fake_phone import Script
from tests.ua.cli.test_cli_commands import URI
from tests.ua.peer import media_peer
from tests.ua.phones import account
from tests.ua.screen import Screen, objects
from ua.cli import call as command
from ua.cli.call import CallRequest, run_call
from ua.cli.ports import real_phone
from ua.cli.runner import Stop
from ua.errors import CallRejected, ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Silence


async def test_keys_are_pressed_with_pauses_once_media_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PAUSE_S", 0.01)
    script = Script(talks_forever=True)
    stop = Stop()
    calling = asyncio.create_task(run_call(CallRequest(uri=URI, dtmf="12,,#"), Screen(), stop, script.phone))
    async with asyncio.timeout(10):
        while script.digits != ["12", "#"]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    stop.request()
    assert await calling is ResultCode.INTERRUPTED


async def test_a_peer_that_takes_no_keys_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    script, screen = Script(talks_forever=True, refuse_digits=UsageError("its Allow lacks INFO")), Screen()
    request = CallRequest(uri=URI, dtmf="1", transfer="sip:carol@example.com")
    assert await run_call(request, screen, Stop(), script.phone) is ResultCode.OK
    assert "warning: its Allow lacks INFO" in screen.err.getvalue()
    assert script.transfers == ["sip:carol@example.com"]
    assert objects(capsys)[0]["result"] == "ok"


async def test_a_key_or_a_transfer_that_is_refused_ends_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    for script, request in (
        (
            Script(
                talks_forever=True, refuse_digits=CallRejected("the digit 1 was refused: 603", sip_code=603)
            ),
            CallRequest(uri=URI, dtmf="1"),
        ),
        (Script(talks_forever=True, transfer_status=603), CallRequest(uri=URI, transfer=URI)),
    ):
        screen = Screen()
        assert (await run_call(request, screen, Stop(), script.phone)).exit_code == 4
        assert script.calls[0].hung_up.is_set()
        (value,) = objects(capsys)
        assert (value["result"], value["sip_code"]) == ("rejected", 603)
        assert "603" in value["error"]
        assert screen.err.getvalue().count("error:") == 1


@pytest.mark.parametrize(
    "request_", [CallRequest(uri=URI, dtmf="12x"), CallRequest(uri=URI, transfer="http://x")]
)
async def test_keys_and_targets_that_are_none_are_found_before_the_call(request_: CallRequest) -> None:
    script = Script()
    with pytest.raises(UsageError):
        await run_call(request_, Screen(), Stop(), script.phone)
    assert not script.accounts


async def test_the_object_tells_what_happened_in_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    async with Phone(account("bob"), EventLog()) as bob:
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        request = CallRequest(uri=bob.addresses[0], listen="127.0.0.1:0", dtmf="1#", duration_s=2.0)
        calling = asyncio.ensure_future(run_call(request, Screen(), Stop(), real_phone))
        call = await ringing
        await call.accept(MediaPlan())
        await call.established()
        await call.hold(Silence())
        await call.resume()
        async with asyncio.timeout(10):
            while call.digits != "1#":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await calling is ResultCode.OK
        theirs = (await call.ended()).to_json()["events"]
    (value,) = objects(capsys)
    told = [(event["event"], event.get("state") or event.get("keys")) for event in value["events"]]
    assert sorted(told) == [("digits_sent", "1#"), ("hold", "held"), ("hold", "none")]
    assert [event["key"] for event in theirs if event["event"] == "digit"] == ["1", "#"]
    times = [event["at_ms"] for event in value["events"]]
    assert times == sorted(times)
    assert all(0 < at < 5000 for at in times)


async def test_a_refused_call_tells_what_was_offered(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    async with media_peer() as peer:
        request = CallRequest(uri=str(peer.uri), listen="127.0.0.1:0")
        calling = asyncio.ensure_future(run_call(request, screen, Stop(), real_phone))
        for _ in range(3):
            peer.answer(await peer.receive_request("INVITE"), 488)
            await peer.receive_request("ACK")
        assert (await calling).exit_code == 4
    (value,) = objects(capsys)
    assert (value["result"], value["sip_code"]) == ("rejected", 488)
    retried = [event for event in value["events"] if event["event"] == "offer_retried"]
    assert [(event["offered"], event["next"]) for event in retried] == [
        ("all candidates", "no TCP candidates"),
        ("no TCP candidates", "no ICE"),
    ]
    shown = screen.err.getvalue()
    assert "offered all candidates: 488 Not Acceptable Here, offered no TCP candidates: 488" in shown
