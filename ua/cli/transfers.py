"""Transfers that the other side asks for: the person at the terminal decides, where there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from ua.errors import UaError
from ua.view.text import printable

if TYPE_CHECKING:
    from types import TracebackType

    from ua.cli.output import Output
    from ua.cli.ports import PhonePort, TransferPort
    from ua.config.account import Account
    from ua.events import EventLog, LogEntry

Aside = Callable[[], contextlib.AbstractContextManager[None]]

ASK_S = 30.0
"""Seconds after which a question that nobody answers is answered with no."""

STDIN = 0

_LINE = 4096


class TransferQuestions:
    """Tells of transfers, and asks about them where the policy of the account is "ask".

    Without a terminal nobody listens to the phone, which declines them then (decision 20).

    Args:
        log: of the phones.
        output: where questions are shown; a quiet one asks nothing.
        aside: entered while a question stands, for who else reads the terminal.
    """

    def __init__(self, log: EventLog, output: Output, aside: Aside = contextlib.nullcontext) -> None:
        self._output = output
        self._aside = aside
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._can_ask = os.isatty(STDIN) and not output.quiet
        self._unsubscribe = log.subscribe(self._tell)

    def listen(self, phone: PhonePort, account: Account) -> None:
        """Ask about the transfers of this phone from now on."""
        if account.sip.accept_transfers == "ask" and self._can_ask:
            self._tasks.append(asyncio.ensure_future(self._serve(phone)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tell(self, entry: LogEntry) -> None:
        if (entry.source, entry.name) != ("call", "transfer"):
            return
        target = entry.data.get("target", "")
        if entry.data.get("state") == "asked":
            self._output.note(
                f"asked by {entry.data.get('referred_by') or 'the other side'} to call {target}"
            )
        elif entry.data.get("state") == "refused":
            self._output.note(f"refused to call {target}, as --accept-transfers says")

    async def _serve(self, phone: PhonePort) -> None:
        async for request in phone.transfers():
            if request.call is None:
                request.decline()  # there is no call whose media could go on
                continue
            async with self._turn:
                agreed = await self._ask(request)
            try:
                if agreed:
                    await request.accept()
                else:
                    self._output.note("no")
                    request.decline()
            except UaError as error:
                self._output.warning(error)

    async def _ask(self, request: TransferPort) -> bool:
        question = f"call {printable(request.target)} instead? y and Enter within {ASK_S:.0f} s, else no"
        with self._aside():
            try:
                async with asyncio.timeout(ASK_S):
                    answer = await _line(STDIN, lambda: self._output.note(question))
            except TimeoutError:
                answer = ""
        return answer.strip().lower() in ("y", "yes")


async def _line(descriptor: int, ask: Callable[[], None]) -> str:
    """What is typed after `ask`, up to Enter; empty where we are not the one who may read the terminal."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if typed.done():
            return
        try:
            typed.set_result(os.read(descriptor, _LINE).decode(errors="replace"))
        except OSError:  # the terminal is gone
            typed.set_result("")

    if not is_ours(descriptor):
        return ""
    _forget_typed(descriptor)
    try:
        loop.add_reader(descriptor, read)
    except NotImplementedError:  # the event loop of Windows
        return ""
    try:
        ask()
        return await typed
    finally:
        loop.remove_reader(descriptor)


def is_ours(descriptor: int) -> bool:
    """False for a process in the background: it would be stopped where it reads."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return os.isatty(descriptor)


def _forget_typed(descriptor: int) -> None:
    """An Enter of before is no answer."""
    try:
        import termios
    except ImportError:
        return
    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCIFLUSH)
