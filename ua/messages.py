"""Short messages beside and within calls (RFC 3428)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Self

from ua import clock
from ua.errors import UsageError
from ua.events import EventLog
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response

TEXT: Final = "text/plain"
_TYPE: Final = "text/plain;charset=UTF-8"

MAX_BYTES: Final = 1300
"""Bytes of a MESSAGE outside a session where nobody knows whether all hops control congestion (RFC 3428 §8).

Only of a sips URI it is known: TLS leads from hop to hop. TCP is known of the first one alone.
"""

MAX_WAITING: Final = 64
"""Messages that may wait to be read; further ones are not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOutcome:
    """What became of a message.

    Attributes:
        accepted: true for 200 and 202: it was delivered, or will be.
        status: of the final response.
        reason: of the final response.
    """

    accepted: bool
    status: int
    reason: str

    @classmethod
    def of(cls, response: Response) -> Self:
        """The outcome that a final response tells."""
        return cls(accepted=response.is_success, status=response.status, reason=response.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """A message that came.

    Attributes:
        sender: URI of who says that it sent it.
        text: what it says.
        call_id: Call-ID of the call in which it came, empty outside.
    """

    sender: str
    text: str
    call_id: str = ""


def content_type() -> str:
    """That of the messages we send."""
    return _TYPE


def check_size(size: int, text: str) -> None:
    """UsageError where a request of `size` bytes with this text is too long to be sent."""
    if size > MAX_BYTES:
        room = MAX_BYTES - size + len(text.encode())
        raise UsageError(
            f"the message is too long: {len(text.encode())} bytes, {max(room, 0)} are possible",
            hint="send it in parts",
        )


class Messages:
    """The messages that come to one phone."""

    def __init__(self, log: EventLog, party: str) -> None:
        self._log = log
        self._party = party
        self._waiting: asyncio.Queue[TextMessage] | None = None

    async def read(self) -> AsyncIterator[TextMessage]:
        """The messages as they come. Until this is asked for, senders hear that nobody is here."""
        waiting = self._waiting = self._waiting or asyncio.Queue(MAX_WAITING)
        while True:
            yield await waiting.get()

    def receive(self, request: IncomingRequest, *, in_call: bool) -> None:
        """Answer a MESSAGE and keep it; nothing is sent back by itself (RFC 3428 §7)."""
        message = request.request
        if message.content_type not in (TEXT, ""):
            request.respond(415, headers=Headers.of(("Accept", TEXT)))
            return
        if self._waiting is None or self._waiting.full():
            request.respond(480)
            return
        request.respond(200)
        text = TextMessage(
            sender=str(message.from_.uri),
            text=message.body.decode("utf-8", "replace"),
            call_id=message.call_id if in_call else "",
        )
        self._waiting.put_nowait(text)
        self._log.record(
            clock.now(), self._party, "sip", "text", sender=text.sender, text=text.text, call_id=text.call_id
        )
