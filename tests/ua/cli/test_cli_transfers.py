"""Transfers that the other side of a command asks for."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.ua.cli.fake_phone import FakeTransfer, Script
from tests.ua.cli.test_cli_commands import URI
from tests.ua.phones import account
from tests.ua.screen import Screen, objects
from ua.cli import transfers
from ua.cli.answer import AnswerRequest, run_answer
from ua.cli.call import CallRequest, run_call
from ua.cli.ports import real_phone
from ua.cli.runner import Stop
from ua.config.sip import TransferPolicy
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; the descriptor types there."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(transfers, "STDIN", theirs)
    yield ours
    os.close(ours)
    os.close(theirs)


async def until_shown(screen: Screen, text: str, times: int = 1) -> None:
    async with asyncio.timeout(15):
        while screen.err.getvalue().count(text) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def until_decided(*requests: FakeTransfer) -> list[bool]:
    async with asyncio.timeout(15):
        while not all(request.decided for request in requests):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return [decided for request in requests for decided in request.decided]


@asynccontextmanager
async def asked(*requests: FakeTransfer, policy: TransferPolicy | None = None) -> AsyncIterator[Screen]:
    """`icephone call` while the other side asks for transfers."""
    script, stop, screen = Script(talks_forever=True, asked=list(requests)), Stop(), Screen()
    request = CallRequest(uri=URI, accept_transfers=policy)
    calling = asyncio.create_task(run_call(request, screen, stop, script.phone))
    try:
        yield screen
    finally:
        stop.request()
        await calling


async def test_the_person_at_the_terminal_decides_on_one_after_the_other(keyboard: int) -> None:
    first, second = FakeTransfer("sip:carol@example.com"), FakeTransfer("sip:dave@example.com")
    async with asked(first, second) as screen:
        await until_shown(screen, "call sip:carol@example.com instead?")
        assert "dave" not in screen.err.getvalue()
        os.write(keyboard, b"y\n")
        await until_shown(screen, "call sip:dave@example.com instead?")
        os.write(keyboard, b"no\n")
        assert await until_decided(first, second) == [True, False]


async def test_what_was_typed_before_the_question_is_no_answer(keyboard: int) -> None:
    os.write(keyboard, b"y\ny\n")
    request = FakeTransfer("sip:carol@example.com")
    async with asked(request) as screen:
        await until_shown(screen, "instead?")
        await asyncio.sleep(0.2)
        assert not request.decided
        os.write(keyboard, b"\n")
        assert await until_decided(request) == [False]


async def test_a_question_that_nobody_answers_means_no(
    keyboard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "ASK_S", 0.1)
    request = FakeTransfer("sip:carol@example.com")
    async with asked(request):
        assert await until_decided(request) == [False]


async def test_the_end_of_the_input_means_no(keyboard: int) -> None:
    request = FakeTransfer("sip:carol@example.com")
    async with asked(request) as screen:
        await until_shown(screen, "instead?")
        os.write(keyboard, b"\x04")
        assert await until_decided(request) == [False]


async def test_a_transfer_that_cannot_be_followed_is_a_warning(keyboard: int) -> None:
    request = FakeTransfer("sip:carol@example.com", refuse=UsageError("carol cannot be called"))
    async with asked(request) as screen:
        await until_shown(screen, "instead?")
        os.write(keyboard, b"Yes\n")
        await until_shown(screen, "warning: carol cannot be called")


async def test_outside_calls_there_is_no_media_to_go_on_with(keyboard: int) -> None:
    request = FakeTransfer("sip:carol@example.com", in_call=False)
    async with asked(request) as screen:
        assert await until_decided(request) == [False]
        assert "instead?" not in screen.err.getvalue()


@pytest.mark.parametrize("policy", ["never", "always"])
async def test_who_has_said_it_before_is_not_asked(keyboard: int, policy: TransferPolicy) -> None:
    request = FakeTransfer("sip:carol@example.com")
    async with asked(request, policy=policy) as screen:
        await until_shown(screen, "established")
        await asyncio.sleep(0.05)
        assert not request.decided
        assert "instead?" not in screen.err.getvalue()


@pytest.mark.parametrize("policy", ["always", None])
async def test_an_answering_command_is_sent_on(
    capsys: pytest.CaptureFixture[str], policy: TransferPolicy | None
) -> None:
    """Without a word, and without a terminal, nobody is called."""
    shown = Screen()
    answering = AnswerRequest(echo=True, calls=1, listen="127.0.0.1:0", accept_transfers=policy)
    async with Phone(account("carol"), EventLog()) as carol, Phone(account("alice"), EventLog()) as alice:
        ringing = asyncio.ensure_future(anext(carol.incoming()))
        command = asyncio.ensure_future(run_answer(answering, shown, Stop(), real_phone))
        await until_shown(shown, "listening on")
        uri = shown.err.getvalue().partition("listening on ")[2].split()[0]
        call = await alice.place(uri, MediaPlan())
        await call.established()
        transferring = asyncio.ensure_future(call.transfer(carol.addresses[0]))
        if policy is not None:
            await (taken := await ringing).accept(MediaPlan())
            assert (await transferring).done
            await taken.established()
            taken.hang_up()
            await until_shown(shown, f"to call {carol.addresses[0].partition(';')[0]}")
        else:
            result = await transferring
            assert (result.done, result.status) == (False, 603)
            await until_shown(shown, "refused to call")
            ringing.cancel()
            call.hang_up()
        assert await command is ResultCode.OK
    assert objects(capsys)[0]["result"] == "ok"
