"""Both ends of relayed TCP connections on real sockets, for tests: our listener at a server, and a peer."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ice.gathering.servers import TurnServer
from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.turn.client import RelayedListener, listen
from ice.turn.events import TurnEvent
from ice.types import TransportAddress
from tests.ice.loopback import HOST


@dataclass
class Heard:
    """What came to the owner of connections."""

    connections: list[TcpConnection] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    events: list[TurnEvent] = field(default_factory=list)

    def take(self, connection: TcpConnection) -> None:
        self.connections.append(connection)
        connection.start(self.frames.append, self.ended.append, queue_ms=200)


@asynccontextmanager
async def listening(server: TurnServer, heard: Heard) -> AsyncIterator[RelayedListener]:
    """Our listener at a server that relays TCP."""
    relay = await listen(
        server,
        network=HostNetwork(),
        local_host=HOST,
        on_accept=heard.take,
        random=secrets.token_bytes,
        on_event=heard.events.append,
    )
    try:
        yield relay
    finally:
        for connection in heard.connections:
            connection.close()
        relay.close()
        await relay.wait_closed()


@asynccontextmanager
async def peer() -> AsyncIterator[tuple[TransportAddress, Heard]]:
    """A peer that listens for framed connections."""
    heard = Heard()
    listener = await HostNetwork().listen_tcp(HOST, 0, heard.take)
    try:
        yield listener.local, heard
    finally:
        listener.close()
        for connection in heard.connections:
            connection.close()
