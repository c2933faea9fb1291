"""Waiting for what is expected: the ground that all expectations stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from ua import clock
from ua.errors import UaError
from ua.interop.course import Course
from ua.interop.explained import failure_of
from ua.interop.failure import Failure, Unmet
from ua.interop.wire import WireMessage, wire_messages

if TYPE_CHECKING:
    from ua.call.call import Call

LIMIT_S: Final = 10.0
"""Seconds that things get that should happen soon."""

POLL_S: Final = 0.05
"""How often is looked."""


class Waiting:
    """Waits, and looks at the messages of one scenario; `limit_s` is always how long the peer gets."""

    def __init__(self, course: Course) -> None:
        self._course = course

    async def that(
        self,
        holds: Callable[[], bool],
        expected: str,
        seen: str | Callable[[], str],
        *,
        cause: str = "unexpected",
        where: str | Callable[[], str] = "",
        advice: str = "",
        limit_s: float = LIMIT_S,
    ) -> None:
        """Wait until `holds()`.

        Args:
            holds: looked at again and again.
            expected: one sentence, for the failure.
            seen: one sentence, or what makes it.
            cause: see `Failure`.
            where: message or packet, or what finds it; the last SIP message where empty.
            advice: what to try.
            limit_s: how long.
        """
        deadline = clock.now() + limit_s
        with self._course.step(f"waiting for: {expected}"):
            while not holds():
                if clock.now() >= deadline:
                    place = where if isinstance(where, str) else where()
                    raise Unmet(
                        Failure(
                            cause=cause,
                            expected=expected,
                            seen=seen if isinstance(seen, str) else seen(),
                            where=place or self.last_message(),
                            advice=advice,
                        )
                    )
                await asyncio.sleep(POLL_S)

    async def refused(
        self, doing: Awaitable[object], kind: type[UaError] = UaError, *, expected: str = ""
    ) -> UaError:
        """Await something that has to fail with an error of this kind; gives the error."""
        expected = expected or f"this fails with {kind.code.value}"
        try:
            await doing
        except kind as error:
            return error
        except UaError as error:
            raise Unmet(failure_of(error, expected=expected, where=self.last_message())) from error
        raise Unmet(
            Failure(
                cause="unexpected_success", expected=expected, seen="it worked", where=self.last_message()
            )
        )

    # --- messages so far ---------------------------------------------------------------------------------

    def messages_of(self, call: Call | None) -> list[WireMessage]:
        """The SIP messages so far, each once; of all phones and calls where `call` is None.

        Those of a call are what its own phone saw: behind a proxy the other end may be ours, too, with the
        same Call-ID.
        """
        entries = self._course.log.entries
        if call is None:
            return list(wire_messages(entries))
        party, _ = self._course.side_of(call)
        return list(wire_messages(entries, party=party or None, call_id=call.id))

    def last_message(self) -> str:
        """The last SIP message, for people; empty before there is one."""
        return self._place(self.messages_of(None))

    def last_of(self, call: Call) -> str:
        """The same of one call."""
        return self._place(self.messages_of(call))

    def _place(self, messages: list[WireMessage]) -> str:
        """The last one that came, or that we sent where none did."""
        came = [each for each in messages if not each.sent] or messages
        return came[-1].place(self._course.started) if came else ""
