"""Several accounts at once: `icephone answer` and `icephone register` with --account all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.ua.cli.fake_phone import FakePhone, Script
from tests.ua.screen import Screen, objects
from ua.cli.answer import AnswerRequest, run_answer
from ua.cli.ports import PhonePort
from ua.cli.register import RegisterRequest, run_register
from ua.cli.runner import Stop
from ua.cli.session import load_accounts
from ua.config.account import Account
from ua.config.file import parse_settings
from ua.errors import AuthenticationError, ConfigurationError, ResultCode, Unreachable, UsageError
from ua.events import EventLog

FILE = """
[account]
uri = "sip:alice@example.com"
[accounts.office]
uri = "sip:alice@office.example.com"
[sip]
listen = "127.0.0.1:5080"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "phone.toml"
    path.write_text(FILE)
    return path


class Scripts:
    """A script for each account, by the host of its URI."""

    def __init__(self, **scripts: Script) -> None:
        self.scripts = {"example.com": scripts["first"], "office.example.com": scripts["second"]}

    def phone(self, account: Account, log: EventLog) -> PhonePort:
        script = self.scripts[account.uri.partition("@")[2]]
        script.accounts.append(account)
        return FakePhone(script, account, log)


def test_all_accounts_of_a_file_or_one(file: Path) -> None:
    first, second = load_accounts(file, None, name="all")
    assert (first.uri, first.listen_port) == ("sip:alice@example.com", 5080)
    assert (second.uri, second.listen_port) == ("sip:alice@office.example.com", 0)
    (office,) = load_accounts(file, None, name="office")
    assert (office.uri, office.listen_port) == (second.uri, 5080)
    assert [each.uri for each in load_accounts(file, None)] == [first.uri]
    with pytest.raises(UsageError, match="--password-file is for one account"):
        load_accounts(file, file, name="all")
    with pytest.raises(ConfigurationError, match="no account 'home'"):
        load_accounts(file, None, name="home")


def test_no_account_may_be_called_all(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[accounts.all]\nuri = "sip:a@example.com"\n')
    assert parse_settings(path.read_bytes()).accounts
    with pytest.raises(ConfigurationError, match=r"accounts\.all"):
        load_accounts(path, None)


async def test_all_accounts_are_registered_at_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = Scripts(first=Script(), second=Script())
    request = RegisterRequest(config=file, account_name="all")
    assert await run_register(request, Screen(), Stop(), both.phone) is ResultCode.OK
    assert {value["uri"] for value in objects(capsys)} == {
        "sip:alice@example.com",
        "sip:alice@office.example.com",
    }
    assert [script.closed for script in both.scripts.values()] == [1, 1]


async def test_one_that_fails_is_named_and_leaves_the_others(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = AuthenticationError("the password was changed")
    both = Scripts(first=Script(), second=Script(lose_registration=lost))
    screen, stop = Screen(), Stop()
    request = RegisterRequest(config=file, account_name="all", watch=True)
    watching = asyncio.create_task(run_register(request, screen, stop, both.phone))
    async with asyncio.timeout(10):
        while not both.scripts["office.example.com"].closed:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert not both.scripts["example.com"].closed
    stop.request()
    assert await watching is ResultCode.AUTHENTICATION
    assert "error: sip:alice@office.example.com: the password was changed" in screen.err.getvalue()
    (failed,) = [value for value in objects(capsys) if value["result"] != "ok"]
    assert (failed["result"], failed["uri"]) == ("authentication", "sip:alice@office.example.com")


async def test_calls_to_all_accounts_are_answered(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = Scripts(first=Script(arriving=1), second=Script(arriving=1))
    request = AnswerRequest(config=file, account_name="all", register=True, calls=2)
    screen = Screen()
    assert await run_answer(request, screen, Stop(), both.phone) is ResultCode.OK
    assert len(objects(capsys)) == 2
    assert [len(script.calls) for script in both.scripts.values()] == [1, 1]
    assert "registered sip:alice@office.example.com" in screen.err.getvalue()


async def test_a_call_too_many_is_refused_and_a_lost_registration_ends_it(file: Path) -> None:
    both = Scripts(first=Script(arriving=3), second=Script(arriving=0))
    request = AnswerRequest(config=file, account_name="all", calls=1)
    assert await run_answer(request, Screen(), Stop(), both.phone) is ResultCode.OK
    taken, *others = both.scripts["example.com"].calls
    assert taken.plan is not None
    assert [call.rejected for call in others] == [480] * len(others)
    lost = Scripts(first=Script(), second=Script(lose_registration=Unreachable("gone")))
    request = AnswerRequest(config=file, account_name="all", register=True)
    with pytest.raises(Unreachable):
        await run_answer(request, Screen(), Stop(), lost.phone)
    assert [script.closed for script in lost.scripts.values()] == [1, 1]
