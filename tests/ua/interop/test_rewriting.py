"""The hop that rewrites descriptions: bodies and their lengths change, everything else goes on as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.ua.interop.pbx import peer_at
from ua.interop.rewriting import Rewriter, route_to


class Server:
    """Answers each message with the same text."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heard = b""
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.heard += data
            writer.write(self.answer)
        self.ended.set()
        writer.close()
        await writer.wait_closed()


def message(body: bytes, *rows: bytes, kind: bytes = b"application/sdp") -> bytes:
    head = [b"INVITE sip:600@example.com SIP/2.0", *rows, b"Content-Type: " + kind]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


async def longer(text: str) -> str:
    return text + "a=more\r\n"


async def shorter(text: str) -> str:
    return text.replace("a=gone\r\n", "")


@asynccontextmanager
async def between(answer: bytes) -> AsyncIterator[tuple[Rewriter, Server]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    rewriter = Rewriter(longer, shorter)
    async with rewriter.running(peer_at(f"sip:127.0.0.1:{port}", accounts=())):
        yield rewriter, server
    async with asyncio.timeout(10):
        await server.ended.wait()
    listening.close()
    await listening.wait_closed()


async def test_descriptions_change_both_ways_and_lengths_with_them() -> None:
    answer = message(b"v=0\r\na=gone\r\n")
    async with between(answer) as (rewriter, server):
        place = rewriter.uri.removeprefix("sip:").removesuffix(";transport=tcp")
        host, _, port = place.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        ours = b"Route: <sip:%s;transport=tcp;lr>" % place.encode()
        writer.write(b"\r\n" + message(b"v=0\r\n", ours, b"Route: <sip:other.example;lr>"))
        async with asyncio.timeout(10):
            heard = await reader.readuntil(b"v=0\r\n")
        assert b"Content-Length: 5\r\n" in heard
        assert rewriter.said == ["v=0\r\na=gone\r\n"]
        assert server.heard == b"\r\n" + message(b"v=0\r\na=more\r\n", b"Route: <sip:other.example;lr>")
        writer.close()
        await writer.wait_closed()


async def test_other_bodies_stay_and_a_connection_that_is_open_is_closed_in_the_end() -> None:
    answer = message(b"a=gone\r\n", kind=b"text/plain")
    async with between(answer) as (rewriter, server):
        host, _, port = rewriter.uri[4:].partition(";")[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        sent = message(b"hello", kind=b"text/plain")
        writer.write(sent)
        async with asyncio.timeout(10):
            assert await reader.readexactly(len(answer)) == answer
        assert server.heard == sent
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_the_route_to_this_host_is_loopback() -> None:
    assert await route_to("127.0.0.1", 5060) == "127.0.0.1"
