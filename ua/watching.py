"""Watching others: waiting messages, calls of colleagues (RFC 6665, RFC 3842, RFC 4235)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal

from ua import clock
from ua.errors import CallRejected, UaError
from ua.events import EventLog
from ua.sip.errors import SipParseError
from ua.sip.events import dialog_info, message_summary
from ua.sip.events.dialog_info import DialogInfo, DialogTable, DialogView
from ua.sip.events.message_summary import MessageSummary
from ua.sip.events.subscriber import SubscriptionEnded
from ua.sip.events.subscription import Notification, Subscription

Package = Literal["message-summary", "dialog"]

ACCEPTED: Final[dict[Package, str]] = {
    "message-summary": message_summary.CONTENT_TYPE,
    "dialog": dialog_info.CONTENT_TYPE,
}
"""Body type by package."""

MAX_WAITING: Final = 64
"""States that may wait to be read; then the oldest is dropped: a newer one says more."""

CLOSE_S: Final = 2.0
"""Seconds that a notifier gets to confirm the end when the phone is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCalls:
    """The calls of somebody who is watched.

    Attributes:
        entity: URI of who is watched.
        calls: the dialogs that stand, in no order.
    """

    entity: str
    calls: tuple[DialogView, ...]


Watched = MessageSummary | WatchedCalls

Subscribe = Callable[[Callable[[Notification], object], Callable[[SubscriptionEnded], object]], Subscription]
"""Subscribes once, with what is called for each NOTIFY and at the end."""


class Watch:
    """A subscription that is renewed where that makes sense; made by `Phone.subscribe`.

    Args:
        package: what is watched.
        subscribe: subscribes once.
        log: event log.
        party: our name in it.
    """

    def __init__(self, package: Package, subscribe: Subscribe, *, log: EventLog, party: str) -> None:
        self._package = package
        self._subscribe = subscribe
        self._log = log
        self._party = party
        self._table = DialogTable()
        self._states: asyncio.Queue[Watched | UaError] = asyncio.Queue()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._subscription = subscribe(self._notified, self._ended)

    async def states(self) -> AsyncIterator[Watched]:
        """What the notifier tells, as it comes. Raises the UaError that ended the watch for good."""
        while True:
            state = await self._states.get()
            if isinstance(state, UaError):
                self._states.put_nowait(state)
                raise state
            yield state

    async def close(self) -> None:
        """Unsubscribe; a notifier that does not answer will forget us by itself."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._finish("ended by us")
        if not self._over.done():
            self._subscription.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await asyncio.shield(self._over)

    def _notified(self, note: Notification) -> None:
        if not note.body:
            return
        try:
            state = self._read(note.body)
        except SipParseError as error:
            self._tell("unreadable", reason=error.reason)
            return
        if state is None:
            return
        if self._states.qsize() >= MAX_WAITING:
            self._states.get_nowait()
        self._states.put_nowait(state)
        self._tell("notified", content=state)

    def _read(self, body: bytes) -> Watched | None:
        """The state that a body tells; None where parts of it are missing: then it is asked for in full."""
        if self._package == "message-summary":
            return MessageSummary.parse(body)
        info = DialogInfo.parse(body)
        if not self._table.apply(info):
            self._subscription.refresh()
            return None
        return WatchedCalls(entity=info.entity, calls=tuple(self._table.dialogs.values()))

    def _ended(self, end: SubscriptionEnded) -> None:
        self._tell("ended", reason=end.reason, retry_in_s=end.retry_in)
        self._table = DialogTable()
        if end.retry_in is None or self._closing:
            self._finish(end.reason, end.status)
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(end.retry_in, self._again)

    def _again(self) -> None:
        self._timer = None
        self._subscription = self._subscribe(self._notified, self._ended)

    def _finish(self, reason: str, status: int | None = None) -> None:
        what = f"no subscription to {self._package}: {reason}"
        error = UaError(what) if status is None else CallRejected(what, sip_code=status)
        self._states.put_nowait(error)
        if not self._over.done():
            self._over.set_result(None)

    def _tell(self, state: str, **data: object) -> None:
        self._log.record(
            clock.now(), self._party, "sip", "subscription", package=self._package, state=state, **data
        )
