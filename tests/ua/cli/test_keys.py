"""Keys at the terminal during a call."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.ua.cli.fake_phone import FakeCall, FakeTransfer, Script
from tests.ua.cli.test_cli_commands import URI
from tests.ua.screen import Screen
from ua.cli import transfers
from ua.cli.call import CallRequest, run_call
from ua.cli.keys import CallKeys
from ua.cli.runner import Stop
from ua.events import EventLog


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: where is typed, and our standard input."""
    typing, ours = pty.openpty()
    monkeypatch.setattr(transfers, "STDIN", ours)
    yield typing, ours
    os.close(typing)
    os.close(ours)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def waits_for_enter(descriptor: int) -> bool:
    return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)


@asynccontextmanager
async def calling(*asked: FakeTransfer) -> AsyncIterator[tuple[FakeCall, Screen]]:
    """`icephone call`, which stands."""
    script, stop, screen = Script(talks_forever=True, asked=list(asked)), Stop(), Screen()
    running = asyncio.create_task(run_call(CallRequest(uri=URI), screen, stop, script.phone))
    try:
        await until(lambda: script.waiting > 0)
        yield script.calls[0], screen
    finally:
        stop.request()
        await running


async def test_m_mutes_without_enter_and_once_more_ends_it(terminal: tuple[int, int]) -> None:
    typing, ours = terminal
    assert waits_for_enter(ours)
    async with calling() as (call, screen):
        await until(lambda: "m: mute" in screen.err.getvalue())
        assert not waits_for_enter(ours)
        os.write(typing, b"m")
        await until(lambda: call.muted)
        os.write(typing, b"x M")
        await until(lambda: not call.muted)
    assert waits_for_enter(ours), "the terminal is as it was"


async def test_a_question_has_the_terminal_for_itself(terminal: tuple[int, int]) -> None:
    typing, ours = terminal
    request = FakeTransfer("sip:carol@example.com")
    async with calling(request) as (call, screen):
        await until(lambda: "instead?" in screen.err.getvalue())
        assert waits_for_enter(ours)
        os.write(typing, b"yes, m\n")
        await until(lambda: bool(request.decided))
        assert not call.muted
        await until(lambda: not waits_for_enter(ours))
        os.write(typing, b"m")
        await until(lambda: call.muted)


async def test_nobody_at_a_terminal_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(transfers, "STDIN", reading)
    try:
        async with calling() as (call, screen):
            os.write(writing, b"m")
            await asyncio.sleep(0.05)
            assert "m: mute" not in screen.err.getvalue()
            assert not call.muted
    finally:
        os.close(reading)
        os.close(writing)


async def test_who_is_muted_stays_so_where_the_call_is_handed_over(terminal: tuple[int, int]) -> None:
    typing, _ = terminal
    keys = CallKeys(Screen())
    first, second = (FakeCall(Script(), URI, None, EventLog()) for _ in range(2))
    with keys.on(first):
        os.write(typing, b"m")
        await until(lambda: first.muted)
    with keys.on(second):
        assert second.muted


async def test_a_terminal_that_goes_ends_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    typing, ours = pty.openpty()
    monkeypatch.setattr(transfers, "STDIN", ours)
    keys, call = CallKeys(Screen()), FakeCall(Script(), URI, None, EventLog())
    try:
        with keys.on(call):
            assert keys.reading
            os.close(typing)
            await until(lambda: not keys.reading)
    finally:
        os.close(ours)
    assert (call.muted, call.hung_up.is_set()) == (False, False)
