"""The commands on a phone that plays a script: results, exit codes, signals, passwords."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from tests.ua.cli.fake_phone import Script
from tests.ua.screen import Screen, objects
from ua.cli import session
from ua.cli.answer import AnswerRequest, numbered, run_answer
from ua.cli.call import CallRequest, run_call
from ua.cli.register import RegisterRequest, run_register
from ua.cli.runner import Stop
from ua.errors import (
    AuthenticationError,
    CallRejected,
    ConfigurationError,
    NoMediaPath,
    ResultCode,
    TimedOut,
    UaError,
    Unreachable,
    UsageError,
)
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile
from ua.results import CallResult

URI = "sip:bob@192.0.2.20"


@pytest.fixture(autouse=True)
def nobody_elses_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("ICEPHONE_CONFIG", "ICEPHONE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


# --- call -------------------------------------------------------------------------------------------------


async def test_a_call_ends_with_its_object(capsys: pytest.CaptureFixture[str]) -> None:
    script, screen = Script(), Screen()
    code = await run_call(CallRequest(uri=URI), screen, Stop(), script.phone)
    assert code is ResultCode.OK
    (value,) = objects(capsys)
    assert (value["result"], value["ice"]["transport"], value["remote"]) == ("ok", "tcp", URI)
    assert script.calls[0].plan == MediaPlan(source=Silence())
    assert script.closed == 1
    assert "calling sip:bob@192.0.2.20" in screen.err.getvalue()


async def test_a_call_for_people_shows_why_and_a_table() -> None:
    script, screen = Script(), Screen(json_results=False)
    await run_call(CallRequest(uri=URI), screen, Stop(), script.phone)
    text = screen.out.getvalue()
    assert "UDP: 4 checks, 0 answers; TCP active nominated at 168 ms" in text
    assert "TCP active, a to b" in text
    assert "50 packets, 8000 bytes" in text


async def test_what_is_said_and_how_long(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 12000))
    for request, plan in (
        (CallRequest(uri=URI, wav=file), MediaPlan(source=WavFile(path=file), tail_s=0.5)),
        (
            CallRequest(uri=URI, wav=file, duration_s=9.0),
            MediaPlan(source=WavFile(path=file), duration_s=9.0),
        ),
        (CallRequest(uri=URI, tone=440.0, path="tcp"), MediaPlan(source=Tone(hz=440.0), path="tcp")),
        (
            CallRequest(uri=URI, record=tmp_path / "out.wav", duration_s=1.0),
            MediaPlan(record=tmp_path / "out.wav", duration_s=1.0),
        ),
    ):
        assert request.plan() == plan


async def test_servers_of_the_command_line_go_before_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[ice]\nstun = ["stun:192.0.2.1"]\nturn = ["turn:192.0.2.1"]\n')
    for request, stun, turn in (
        (CallRequest(uri=URI, config=file), ["192.0.2.1"], ["192.0.2.1"]),
        (CallRequest(uri=URI, config=file, turn=("turn:a", "turn:b")), ["192.0.2.1"], ["a", "b"]),
        (CallRequest(uri=URI, config=file, stun=("stun:c",), path="relay"), ["c"], ["192.0.2.1"]),
    ):
        script = Script()
        assert await run_call(request, Screen(), Stop(), script.phone) is ResultCode.OK
        (account,) = script.accounts
        assert [server.host for server in account.ice.stun_servers] == stun
        assert [server.host for server in account.ice.turn_servers] == turn
        plan = script.calls[0].plan
        assert plan is not None
        assert plan.ice_config(account.ice).relay_only is (request.path == "relay")
        by_tcp = MediaPlan(path="tcp").ice_config(account.ice)
        assert (by_tcp.udp, by_tcp.udp_relay, by_tcp.tcp_relay) == (False, False, True)


@pytest.mark.req("ICETCP-3-7")
async def test_the_router_is_asked_only_where_somebody_says_so(tmp_path: Path) -> None:
    silent, wanting = tmp_path / "silent.toml", tmp_path / "wanting.toml"
    silent.write_text("[ice]\n")
    wanting.write_text('[ice]\nport_mapping = "pcp"\n')
    for request, choice in (
        (CallRequest(uri=URI, config=silent), "off"),
        (CallRequest(uri=URI, config=silent, port_mapping="auto"), "auto"),
        (CallRequest(uri=URI, config=wanting), "pcp"),
        (CallRequest(uri=URI, config=wanting, port_mapping="off"), "off"),
        (CallRequest(uri=URI, config=wanting, port_mapping="upnp"), "upnp"),
    ):
        script = Script()
        assert await run_call(request, Screen(), Stop(), script.phone) is ResultCode.OK
        (account,) = script.accounts
        assert account.ice.port_mapping == choice


@pytest.mark.parametrize(
    ("error", "code", "sip_code"),
    [
        (CallRejected("busy here", sip_code=486, hint="later"), ResultCode.REJECTED, 486),
        (NoMediaPath("all pairs failed"), ResultCode.NO_MEDIA_PATH, None),
        (Unreachable("192.0.2.20 refuses"), ResultCode.UNREACHABLE, None),
        (AuthenticationError("wrong password"), ResultCode.AUTHENTICATION, None),
    ],
)
async def test_a_call_that_fails_has_an_object_and_a_message(
    error: UaError, code: ResultCode, sip_code: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    script, screen = Script(refuse=error), Screen()
    assert await run_call(CallRequest(uri=URI), screen, Stop(), script.phone) is code
    (value,) = objects(capsys)
    assert (value["result"], value["sip_code"], value["error"]) == (code.value, sip_code, error.what)
    assert f"error: {error.what}" in screen.err.getvalue()
    assert screen.err.getvalue().count("error:") == 1


async def test_a_call_that_goes_wrong_later_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    one_way = CallResult(result=ResultCode.MEDIA_ONE_WAY, error="nothing arrived")
    script, screen = Script(result=one_way), Screen()
    code = await run_call(CallRequest(uri=URI), screen, Stop(), script.phone)
    assert code.exit_code == 8
    assert "error: nothing arrived" in screen.err.getvalue()
    assert "one direction only" in screen.err.getvalue()
    assert objects(capsys)[0]["result"] == "media_one_way"


async def test_a_call_that_nobody_answers_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    script, screen = Script(rings_forever=True), Screen()
    code = await run_call(CallRequest(uri=URI, timeout_s=0.01), screen, Stop(), script.phone)
    assert code is ResultCode.TIMEOUT
    assert script.calls[0].hung_up.is_set()
    (value,) = objects(capsys)
    assert (value["result"], value["error"]) == ("timeout", f"no call with {URI} within 0.01 s")


@pytest.mark.parametrize("ringing", [True, False])
async def test_a_signal_hangs_up(ringing: bool, capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    script = Script(rings_forever=ringing, talks_forever=not ringing, stop=stop)
    code = await run_call(CallRequest(uri=URI), Screen(), stop, script.phone)
    assert code.exit_code == 130
    assert script.calls[0].hung_up.is_set()
    assert objects(capsys)[0]["result"] == "interrupted"
    assert script.closed == 1


async def test_a_call_that_does_not_let_go_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "GOODBYE_S", 0.01)
    stop = Stop()
    script = Script(stuck=True, stop=stop)
    assert await run_call(CallRequest(uri=URI), Screen(), stop, script.phone) is ResultCode.INTERRUPTED
    value = objects(capsys)[0]
    assert (value["result"], value["call_id"], value["sent"]) == ("interrupted", "c1", None)


async def test_calls_to_loopback_use_loopback_and_others_do_not() -> None:
    for uri, proxy, expected in (
        ("sip:bob@127.0.0.1:5070", None, True),
        ("sip:bob@[::1]", None, True),
        (URI, "127.0.0.1:5060", True),
        (URI, None, False),
    ):
        script = Script()
        await run_call(CallRequest(uri=uri, proxy=proxy), Screen(), Stop(), script.phone)
        assert script.accounts[0].ice.loopback is expected


async def test_a_call_can_leave_a_report(tmp_path: Path) -> None:
    target, screen = tmp_path / "r.html", Screen()
    await run_call(CallRequest(uri=URI, report=target), screen, Stop(), Script().phone)
    assert "TCP active nominated at 168 ms" in target.read_text(encoding="utf-8")
    assert f"report: {target}" in screen.err.getvalue()


@pytest.mark.parametrize(
    "request_",
    [
        CallRequest(uri="bob"),
        CallRequest(uri=URI, wav=Path("does-not-exist.wav")),
        CallRequest(uri=URI, wav=Path("a"), tone=440.0),
        CallRequest(uri=URI, listen="a:b"),
        CallRequest(uri=URI, proxy="http://x"),
        CallRequest(uri=URI, report=Path("/no/such/folder/r.html")),
    ],
)
async def test_wrong_arguments_are_found_before_anything_happens(request_: CallRequest) -> None:
    script = Script()
    with pytest.raises(UsageError):
        await run_call(request_, Screen(), Stop(), script.phone)
    assert script.accounts == []


# --- passwords --------------------------------------------------------------------------------------------


def person(monkeypatch: pytest.MonkeyPatch, *, types: str | None) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: types is not None, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: types or "")


async def test_a_person_is_asked_for_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person(monkeypatch, types="s3cret")
    script, screen = Script(password="s3cret"), Screen()
    assert await run_call(CallRequest(uri=URI), screen, Stop(), script.phone) is ResultCode.OK
    assert [account.password for account in script.accounts] == [None, "s3cret"]
    assert "s3cret" not in screen.err.getvalue() + capsys.readouterr().out


@pytest.mark.parametrize("types", [None, "", "wrong"])
async def test_without_the_right_password_the_call_fails(
    monkeypatch: pytest.MonkeyPatch, types: str | None
) -> None:
    person(monkeypatch, types=types)
    with pytest.raises(AuthenticationError):
        await run_call(CallRequest(uri=URI), Screen(), Stop(), Script(password="s3cret").phone)


# --- answer -----------------------------------------------------------------------------------------------


async def test_answering_some_calls_gives_an_object_each(capsys: pytest.CaptureFixture[str]) -> None:
    script, screen = Script(arriving=3), Screen()
    code = await run_answer(AnswerRequest(echo=True, calls=2), screen, Stop(), script.phone)
    assert code is ResultCode.OK
    remotes = {value["remote"] for value in objects(capsys)}
    assert remotes == {"sip:caller1@example.com", "sip:caller2@example.com"}
    assert all(call.plan == MediaPlan(source=Echo()) for call in script.calls[:2])
    assert "listening on sip:192.0.2.10:5060" in screen.err.getvalue()


async def test_answering_ends_with_the_code_of_the_worst_call() -> None:
    bad = CallResult(result=ResultCode.NO_MEDIA_PATH, error="no pair answered")
    code = await run_answer(AnswerRequest(calls=1), Screen(), Stop(), Script(arriving=1, result=bad).phone)
    assert code is ResultCode.NO_MEDIA_PATH


async def test_a_signal_hangs_up_all_calls(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    script = Script(arriving=2, talks_forever=True, stop=stop, stop_at=2)
    code = await run_answer(AnswerRequest(), Screen(), stop, script.phone)
    assert code is ResultCode.INTERRUPTED
    assert all(call.hung_up.is_set() for call in script.calls)
    assert [value["result"] for value in objects(capsys)] == ["interrupted", "interrupted"]
    assert script.closed == 1


async def test_answering_gives_up_where_nobody_calls() -> None:
    with pytest.raises(TimedOut, match=r"no call arrived within 0\.01 s"):
        await run_answer(AnswerRequest(timeout_s=0.01), Screen(), Stop(), Script().phone)


async def test_answering_registers_first_and_ends_with_the_registration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs an account"):
        await run_answer(AnswerRequest(register=True), Screen(), Stop(), Script().phone)
    config = account_file(tmp_path)
    script, screen = Script(lose_registration=Unreachable("the registrar is gone")), Screen()
    with pytest.raises(Unreachable):
        await run_answer(AnswerRequest(register=True, config=config), screen, Stop(), script.phone)
    assert "registered sip:alice@example.com for 120 s" in screen.err.getvalue()
    assert script.closed == 1


async def test_listening_on_loopback_uses_loopback() -> None:
    script = Script(arriving=1)
    await run_answer(AnswerRequest(calls=1, listen="127.0.0.1:5099"), Screen(), Stop(), script.phone)
    account = script.accounts[0]
    assert (account.listen_host, account.listen_port, account.ice.loopback) == ("127.0.0.1", 5099, True)


def test_every_call_has_a_recording_of_its_own() -> None:
    plan = MediaPlan(record=Path("out.wav"))
    assert [numbered(plan, number).record for number in (1, 2, 3)] == [
        Path("out.wav"),
        Path("out-2.wav"),
        Path("out-3.wav"),
    ]
    assert numbered(MediaPlan(), 2) == MediaPlan()


# --- register ---------------------------------------------------------------------------------------------


def account_file(folder: Path) -> Path:
    file = folder / "config.toml"
    file.write_text('[account]\nuri = "sip:alice@example.com"\n')
    return file


async def test_registering_shows_what_was_granted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    request = RegisterRequest(config=account_file(tmp_path))
    assert await run_register(request, Screen(), Stop(), script.phone) is ResultCode.OK
    assert objects(capsys) == [
        {
            "schema": 1,
            "result": "ok",
            "uri": "sip:alice@example.com",
            "registrar": "sip:example.com",
            "contact": "sip:alice@192.0.2.10:5060",
            "expires_s": 120.0,
        }
    ]
    assert script.closed == 1


async def test_watching_stays_until_a_signal_or_the_loss(tmp_path: Path) -> None:
    request = RegisterRequest(config=account_file(tmp_path), watch=True)
    stop = Stop()
    watching = asyncio.create_task(run_register(request, Screen(), stop, Script().phone))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not watching.done()
    stop.request()
    assert await watching is ResultCode.INTERRUPTED
    lost = Script(lose_registration=AuthenticationError("the password was changed"))
    with pytest.raises(AuthenticationError):
        await run_register(request, Screen(), Stop(), lost.phone)


async def test_registering_gives_up_and_needs_an_account(tmp_path: Path) -> None:
    request = RegisterRequest(config=account_file(tmp_path), timeout_s=0.01)
    with pytest.raises(TimedOut, match=r"sip:example\.com did not answer"):
        await run_register(request, Screen(), Stop(), Script(rings_forever=True).phone)
    with pytest.raises(ConfigurationError, match="needs an account"):
        await run_register(RegisterRequest(), Screen(), Stop(), Script().phone)
