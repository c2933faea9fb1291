"""Framing of SIP on a stream by Content-Length (core; RFC 3261 §18.3, RFC 5626 §5.4).

Any split of the bytes gives the same items. CRLFs between messages are keep-alive: each pair of them is a
ping that wants one CRLF back, a single one may be the pong to ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Response
from ua.sip.syntax.wire_format import MAX_BODY_BYTES, MAX_HEADER_BYTES, MalformedRequest, parse

_LENGTH_RE: Final = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:[ \t]*((?:[^\r\n]|\r\n[ \t])*?)[ \t]*(?=\r\n(?![ \t]))", re.IGNORECASE
)

PING: Final = b"\r\n\r\n"
"""Asks for a sign of life (RFC 5626 §3.5.1)."""

PONG: Final = b"\r\n"
"""The answer to a ping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramedMessage:
    """The bytes of one whole message."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """CRLF between messages.

    Attributes:
        ping: true for the second CRLF of a pair: answer `PONG`; false for a first one, perhaps a pong to us.
    """

    ping: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFault:
    """The stream cannot be read any further: send `answer`, then close.

    Attributes:
        reason: what is wrong.
        answer: a 400 for the sender of the message, None where there is nothing to answer.
    """

    reason: str
    answer: Response | None


StreamItem = FramedMessage | KeepAlive | StreamFault


class StreamFramer:
    """Cuts the bytes of one connection into messages.

    After a `StreamFault` everything that follows is dropped.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._total = 0
        self._after_crlf = False
        self._broken = False

    @property
    def buffered(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[StreamItem]:
        """Take bytes as they come; give what is complete."""
        items: list[StreamItem] = []
        if self._broken:
            return items
        self._buffer += data
        while (item := self._next()) is not None:
            items.append(item)
        return items

    def _next(self) -> StreamItem | None:
        if self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
            self._after_crlf = not self._after_crlf
            return KeepAlive(ping=not self._after_crlf)
        if not self._buffer or self._buffer == b"\r":
            return None
        self._after_crlf = False
        if self._total == 0 and (fault := self._measure()) is not None:
            return fault
        if self._total == 0 or len(self._buffer) < self._total:
            return None
        message = bytes(self._buffer[: self._total])
        del self._buffer[: self._total]
        self._searched = self._total = 0
        return FramedMessage(data=message)

    def _measure(self) -> StreamFault | None:
        """Find the length of the message at the start of the buffer, where its header is complete."""
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._buffer)
            return self._fault("header too long") if len(self._buffer) > MAX_HEADER_BYTES else None
        if end > MAX_HEADER_BYTES:
            return self._fault("header too long")
        header = bytes(self._buffer[: end + 4])
        lengths = {re.sub(rb"[ \t]*\r\n[ \t]+", b" ", value).strip() for value in _LENGTH_RE.findall(header)}
        if not lengths:
            return self._fault("no Content-Length on a stream", header)
        value = lengths.pop()
        if lengths or not value.isdigit() or len(value) > 9:
            return self._fault("malformed Content-Length", header)
        if int(value) > MAX_BODY_BYTES:
            return self._fault("body too long", header)
        self._total = end + 4 + int(value)
        return None

    def _fault(self, reason: str, header: bytes = b"") -> StreamFault:
        self._broken = True
        self._buffer.clear()
        return StreamFault(reason=reason, answer=_bad_request(header) if header else None)


def _bad_request(header: bytes) -> Response | None:
    """A 400 made from a header whose length means nothing: it is read with an impossible one."""
    without = _LENGTH_RE.sub(b"", header)
    try:
        parse(without[:-2] + b"Content-Length: none\r\n\r\n")
    except MalformedRequest as error:
        return error.answer
    except SipParseError:
        return None
    return None
