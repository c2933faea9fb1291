"""`icephone answer --pbx`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.ua.phones import account
from tests.ua.screen import Screen, objects
from ua.cli.pbx import PbxRequest, run_pbx
from ua.cli.runner import Stop
from ua.errors import ConfigurationError, ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone


@pytest.fixture(autouse=True)
def nobody_elses_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    for name in ("ICEPHONE_CONFIG", "ICEPHONE_PASSWORD", "ICEPHONE_PBX_USERS"):
        monkeypatch.delenv(name, raising=False)


async def test_a_phone_registers_and_the_lines_say_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICEPHONE_PBX_USERS", "1001:secret")
    screen, stop = Screen(), Stop()
    serving = asyncio.ensure_future(run_pbx(PbxRequest(listen="127.0.0.1:0"), screen, stop))
    async with asyncio.timeout(10):
        while "users" not in screen.err.getvalue():  # noqa: ASYNC110 - what a person would wait for
            await asyncio.sleep(0.01)
    place = screen.err.getvalue().split("listening on ")[1].split()[0].removeprefix("sip:")
    known = account(
        "1001",
        uri="sip:1001@localhost",
        password="secret",
        registrar="sip:localhost",
        proxy=f"sip:{place};lr",
    )
    async with Phone(known, EventLog()) as phone:
        await phone.register(expires=300)
    stop.request()
    assert await serving is ResultCode.INTERRUPTED
    lines = screen.err.getvalue().splitlines()
    assert any(line.startswith("1001 is at <sip:1001@127.0.0.1") for line in lines)
    assert lines[-1] == "1001 is at no phone"
    told = [value for value in objects(capsys) if value["event"] == "bindings"]
    assert [(value["user"], value["status"], len(value["contacts"])) for value in told] == [
        ("1001", 200, 1),
        ("1001", 200, 0),
    ]


async def test_a_pbx_without_users_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="needs users"):
        await run_pbx(PbxRequest(listen="127.0.0.1:0"), Screen(), Stop())


async def test_the_options_of_a_phone_are_refused() -> None:
    with pytest.raises(UsageError, match="--pbx does not go with"):
        await run_pbx(PbxRequest(alone=False), Screen(), Stop())
