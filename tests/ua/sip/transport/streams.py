"""Streams to a phone that a test writes to by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.ua.sip.phones import Phone
from ua.sip.syntax.message import Message
from ua.sip.syntax.wire_format import parse
from ua.sip.transport.stream import FramedMessage, StreamFramer


class Stream:
    """A TCP connection that a test drives by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._framer = StreamFramer()
        self._messages: list[Message] = []

    async def receive(self) -> Message:
        """The next message."""
        async with asyncio.timeout(10):
            while not self._messages:
                data = await self.reader.read(4096)
                if not data:
                    raise EOFError
                self._messages += [
                    parse(item.data) for item in self._framer.feed(data) if isinstance(item, FramedMessage)
                ]
        return self._messages.pop(0)

    async def closed(self) -> bool:
        """True once the other side has closed."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read(4096) == b""
        return True


@contextlib.asynccontextmanager
async def stream_to(target: Phone) -> AsyncIterator[Stream]:
    address = target.endpoint.local_addresses["tcp"]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield Stream(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def options(number: int = 1, *, extra: str = "") -> bytes:
    return (
        f"OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{number}\r\n"
        f"From: <sip:a@h>;tag=a\r\nTo: <sip:b@h>\r\nCall-ID: {number}\r\nCSeq: {number} OPTIONS\r\n{extra}"
        "Content-Length: 0\r\n\r\n"
    ).encode()
