"""A hop of ours between phone and peer that changes session descriptions: offers that our phone never makes.

It takes SIP over TCP and passes each message on over a connection of its own to the peer. What the peer sends
to our Contact by itself does not come this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from ua.config.sip_uri import split_sip_uri
from ua.interop.peer import Peer

Change = Callable[[str], Awaitable[str]]
"""From a session description to another one."""

_DIAL_S: Final = 10.0
_MAX_HEAD: Final = 64 << 10
_MAX_BODY: Final = 1 << 20
_LENGTH: Final = re.compile(rb"^(content-length|l)[ \t]*:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)
_SDP: Final = re.compile(rb"^(content-type|c)[ \t]*:[ \t]*application/sdp\b", re.IGNORECASE | re.MULTILINE)


class Rewriter:
    """Passes SIP messages on, with other session descriptions.

    Args:
        offered: changes what our phone says.
        answered: changes what the peer says.

    Attributes:
        uri: the proxy that our phone is to use.
        said: the descriptions of the peer, as they came.
    """

    def __init__(self, offered: Change, answered: Change) -> None:
        self._offered = offered
        self._answered = answered
        self._joined: set[asyncio.Task[None]] = set()
        self._ways: set[asyncio.Task[None]] = set()
        self.uri = ""
        self.said: list[str] = []

    @property
    def last(self) -> str:
        """The last description of the peer; empty where none came this way."""
        return self.said[-1] if self.said else ""

    @asynccontextmanager
    async def running(self, peer: Peer) -> AsyncIterator[None]:
        """Listen, on the address of this host that leads to `peer`; raises OSError."""
        place = split_sip_uri(peer.server("tcp"))
        self._target = place.host, place.port or 5060
        host = await route_to(*self._target)
        server = await asyncio.start_server(self._accept, host, 0, limit=_MAX_HEAD)
        port = server.sockets[0].getsockname()[1]
        self._place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.uri = f"sip:{self._place};transport=tcp"
        try:
            yield
        finally:
            server.close()
            for way in tuple(self._ways):
                way.cancel()
            await asyncio.gather(*self._joined, return_exceptions=True)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._join(reader, writer))
        self._joined.add(task)
        task.add_done_callback(self._joined.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of our phone, and the one to the peer that belongs to it."""
        try:
            async with asyncio.timeout(_DIAL_S):
                theirs, to_them = await asyncio.open_connection(*self._target, limit=_MAX_HEAD)
        except OSError:
            writer.close()
            return
        ways = {
            asyncio.ensure_future(self._pass(reader, to_them, self._from_us)),
            asyncio.ensure_future(self._pass(theirs, writer, self._from_them)),
        }
        self._ways |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._ways -= ways
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for each in (writer, to_them):
            each.close()
            with contextlib.suppress(OSError):
                await each.wait_closed()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes, bytes], Awaitable[tuple[bytes, bytes]]],
    ) -> None:
        """Pass messages on until one side ends the connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = await reader.readuntil(b"\r\n")
                if head == b"\r\n":  # a keep-alive
                    writer.write(head)
                    continue
                head += await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                size = 0 if length is None else int(length[2])
                if size > _MAX_BODY:
                    return
                head, body = await change(head, await reader.readexactly(size))
                writer.write(_LENGTH.sub(b"Content-Length: %d\r\n" % len(body), head) + body)
                await writer.drain()

    async def _from_us(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        # We are the route, and the peer is to see nothing of it.
        route = re.compile(
            rb"^route[ \t]*:[^\r]*" + re.escape(self._place.encode()) + rb"[^\r]*\r\n",
            re.IGNORECASE | re.MULTILINE,
        )
        head = route.sub(b"", head)
        if body and _SDP.search(head):
            body = (await self._offered(body.decode())).encode()
        return head, body

    async def _from_them(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        if body and _SDP.search(head):
            text = body.decode(errors="replace")
            self.said.append(text)
            body = (await self._answered(text)).encode()
        return head, body


async def route_to(host: str, port: int) -> str:
    """The address of this host from where `host` is reached; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
