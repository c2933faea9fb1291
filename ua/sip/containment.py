"""A mistake in a callback or a background task stops nothing else: it is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ua.sip.errors import SipError
from ua.sip.reporter import Reporter


class Containment:
    """Runs what others wrote.

    Args:
        report: log and counters.
    """

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()

    async def work(self, work: Coroutine[Any, Any, None]) -> None:
        """Await it; what it raises goes to the log, or to the exception handler of the loop."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except SipError as error:
            self._report.note(f"{error.what} {error.seen}".strip())
        except Exception as error:
            self._tell(error)

    def call(self, call: Callable[[], None]) -> bool:
        """Call it; False where it raised."""
        try:
            call()
        except Exception as error:
            self._tell(error)
            return False
        return True

    def _tell(self, error: Exception) -> None:
        self._report.counters["internal errors"] += 1
        self._loop.call_exception_handler({"message": "error in a SIP callback", "exception": error})
