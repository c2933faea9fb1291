"""Runs a command: exit codes, signals and errors in one place."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

from ua.errors import ResultCode, UaError

if TYPE_CHECKING:
    from ua.cli.output import Output


class Stop:
    """Whether SIGINT or SIGTERM arrived: the first asks to hang up, the second ends at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.signals = 0

    @property
    def requested(self) -> bool:
        """True once a signal arrived."""
        return self.signals > 0

    def request(self) -> None:
        """Count a signal."""
        self.signals += 1
        self._event.set()

    async def wait(self) -> None:
        """Return when a signal arrives."""
        await self._event.wait()

    async def first(self, work: Awaitable[object]) -> bool:
        """Await `work` until a signal arrives; True where `work` ended first, its exception is raised.

        `work` is not cancelled by a signal where it is a task or future; a coroutine is.
        """
        owned = not isinstance(work, asyncio.Future)
        task: asyncio.Future[object] = asyncio.ensure_future(work)
        signalled: asyncio.Future[object] = asyncio.ensure_future(self._event.wait())
        watched: set[asyncio.Future[object]] = {task, signalled}
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return True
            return False
        finally:
            signalled.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await signalled
            if owned and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def run(output: Output, main: Callable[[Stop], Awaitable[ResultCode]]) -> NoReturn:
    """Run `main` in an event loop and leave the process with the exit code of its result or error."""

    async def shell() -> ResultCode:
        loop = asyncio.get_running_loop()
        stop = Stop()
        task = asyncio.current_task()

        def on_signal() -> None:
            stop.request()
            if stop.signals > 1 and task is not None:
                task.cancel()

        installed: list[signal.Signals] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            # Windows has no signal handlers in its event loop; there KeyboardInterrupt does the work.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, on_signal)
                installed.append(number)
        try:
            return await main(stop)
        except asyncio.CancelledError:
            return ResultCode.INTERRUPTED
        finally:
            for number in installed:
                loop.remove_signal_handler(number)

    # What was imported stays: the collector need not go through it in the middle of a call.
    gc.freeze()
    guarded(output, lambda: asyncio.run(shell()))


def guarded(output: Output, function: Callable[[], ResultCode]) -> NoReturn:
    """Call `function` and leave the process with the exit code of its result or error."""
    try:
        code = function().exit_code
        sys.stdout.flush()
    except UaError as error:
        output.error(error)
        output.error_object(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = ResultCode.INTERRUPTED.exit_code
    except BrokenPipeError:
        # The reader of our output went away: nobody is left to tell. Keep the interpreter from trying again.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ResultCode.INTERNAL.exit_code
    except Exception as error:  # the last line of defence of the process
        output.internal_error(error)
        code = ResultCode.INTERNAL.exit_code
    raise SystemExit(code)
