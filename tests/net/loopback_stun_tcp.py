"""A STUN server over TCP on real loopback that answers what the test says, and sees who comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ice.gathering.servers import StunServer
from ice.stun.message import StunMessage, parse
from ice.turn.message_stream import StreamMessages
from ice.types import TransportAddress
from tests.net.loopback_stun import HOST, Answer, sees


class Visit:
    """One connection.

    Attributes:
        at: when it was opened, seconds of the loop.
        source: from where.
        raw: all bytes that came.
        ended: its other end has closed it.
    """

    def __init__(self, at: float, source: TransportAddress, writer: asyncio.StreamWriter) -> None:
        self.at = at
        self.source = source
        self.raw = b""
        self.requests: list[StunMessage] = []
        self.ended = False
        self.writer = writer


class LoopbackStunTcp:
    """The running server.

    Attributes:
        server: what to configure.
        visits: all connections, oldest first.
        answer: what it answers from now on.
    """

    def __init__(self, answer: Answer) -> None:
        self.server = StunServer(host=HOST, port=0, transport="tcp")
        self.visits: list[Visit] = []
        self.answer = answer

    @property
    def sources(self) -> list[TransportAddress]:
        """Who came, in order."""
        return [visit.source for visit in self.visits]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        host, port = writer.get_extra_info("peername")
        source = TransportAddress(host=host, port=port)
        visit = Visit(asyncio.get_running_loop().time(), source, writer)
        self.visits.append(visit)
        messages = StreamMessages()
        try:
            while data := await reader.read(4096):
                visit.raw += data
                for message in messages.feed(data):
                    request = parse(message)
                    visit.requests.append(request)
                    reply = self.answer(request, source)
                    if reply is not None:
                        # In pieces: a stream has no boundaries.
                        writer.write(reply[:7])
                        await asyncio.sleep(0)
                        writer.write(reply[7:])
        except ConnectionError:
            pass
        finally:
            visit.ended = True
            writer.close()


@asynccontextmanager
async def loopback_stun_tcp(answer: Answer | None = None) -> AsyncIterator[LoopbackStunTcp]:
    """Run a server on a free port; without `answer` it says what it sees."""
    running = LoopbackStunTcp(answer or sees())
    listener = await asyncio.start_server(running.serve, HOST, 0)
    running.server = StunServer(host=HOST, port=listener.sockets[0].getsockname()[1], transport="tcp")
    try:
        yield running
    finally:
        listener.close()
        for visit in running.visits:
            visit.writer.close()
        await listener.wait_closed()
