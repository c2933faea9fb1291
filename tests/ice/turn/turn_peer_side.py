"""The peers' side of a TURN server on loopback that relays TCP: its listeners, its connections, the pipes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from ice.net.udp_socket import address_of
from ice.types import TransportAddress
from tests.net.turn_server import TurnServer
from tests.net.turn_tcp import Stream


class PeerSide:
    """What the server does towards peers.

    Args:
        core: what the server knows.
        flush: sends what the core wants sent to clients.

    Attributes:
        dialled: where it tried to connect to, in order.
    """

    def __init__(self, core: TurnServer, flush: Callable[[], None]) -> None:
        self._core = core
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[TransportAddress, asyncio.Server] = {}
        self._peers: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._clients: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.dialled: list[TransportAddress] = []

    def begin(self) -> None:
        """Do what the core wants done towards peers; listeners listen at once."""
        for relay in self._core.relays.values():
            if relay.tcp and relay.relayed not in self._listeners:
                sock = socket.create_server((relay.relayed.host, relay.relayed.port))
                self._run(self._listen(relay.relayed, sock))
        for stream in self._core.tcp.take_dials():
            self.dialled.append(stream.peer)
            self._run(self._dial(stream))
        for stream in self._core.tcp.take_closed():
            peer = self._peers.pop(stream.number, None)
            for writer in (None if peer is None else peer[1], self._clients.pop(stream.number, None)):
                if writer is not None:
                    writer.transport.abort()

    async def pipe(self, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes between a data connection and its peer until one of them ends (RFC 6062 §5.5)."""
        self._clients[stream.number] = writer
        from_peer, to_peer = self._peers[stream.number]
        back = self._loop.create_task(_copy(from_peer, writer))
        forth = self._loop.create_task(_copy(reader, to_peer))
        await asyncio.wait((back, forth), return_when=asyncio.FIRST_COMPLETED)
        for task in (back, forth):
            task.cancel()
        self._core.tcp.ended(stream)
        self.begin()

    async def close(self) -> None:
        """End everything."""
        for listener in self._listeners.values():
            listener.close()
        for _, writer in self._peers.values():
            writer.transport.abort()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, relayed: TransportAddress, sock: socket.socket) -> None:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = address_of(writer.get_extra_info("peername"))
            stream = self._core.tcp.accepted(relayed, peer, self._loop.time())
            if stream is None:
                writer.transport.abort()
                return
            self._peers[stream.number] = (reader, writer)
            self._flush()

        self._listeners[relayed] = await asyncio.start_server(accepted, sock=sock)

    async def _dial(self, stream: Stream) -> None:
        try:
            self._peers[stream.number] = await asyncio.open_connection(stream.peer.host, stream.peer.port)
        except OSError:
            self._core.tcp.refused(stream, self._loop.time())
        else:
            self._core.tcp.connected(stream, self._loop.time())
        self._flush()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
