"""The TURN server of the tests on real loopback sockets: UDP, TCP and TLS; its peers are the test's own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.udp_socket import HostUdpSocket, address_of
from ice.turn.message_stream import StreamMessages, padded
from ice.types import TransportAddress
from tests.ice.loopback import HOST
from tests.ice.turn.turn_peer_side import PeerSide
from tests.ice.turn.turn_world import PASSWORD, USER, seeded
from tests.net import turn_server

NAME = "turn.example.org"


class TurnService:
    """A running server.

    Attributes:
        core: what it knows.
        silent: True where it answers nothing.
        at_peers: datagrams to peers: from, to, payload.
        received: bytes that came over TCP and TLS, TLS itself taken off.
        connections: streams accepted so far.
        transport: how `account` reaches it.
        peers: its connections with peers.
        refuse_data: True where it ends every new connection.
        context: of its TLS, None without.
    """

    def __init__(
        self, core: turn_server.TurnServer, transport: ServerTransport, ca_file: Path | None
    ) -> None:
        self.core = core
        self.transport: ServerTransport = transport
        self.silent = False
        self.at_peers: list[tuple[TransportAddress, TransportAddress, bytes]] = []
        self.received = 0
        self.connections = 0
        self.address = TransportAddress(host=HOST, port=0)
        self.clients: dict[TransportAddress, asyncio.StreamWriter] = {}
        self.reading = asyncio.Event()
        self.reading.set()
        self.refuse_data = False
        self.context: ssl.SSLContext | None = None
        self._ca_file = ca_file
        self.peers = PeerSide(core, self._flush)
        self._udp: HostUdpSocket | None = None
        self._server: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()

    def account(self, **changes: Any) -> TurnServer:
        """How a client reaches it, with some values changed."""
        tls = self.transport == "tls"
        values: dict[str, Any] = {
            "host": HOST,
            "port": self.address.port,
            "transport": self.transport,
            "username": USER,
            "password": PASSWORD,
            "server_name": NAME if tls else None,
            "ca_file": self._ca_file if tls else None,
        }
        return TurnServer(**(values | changes))

    def peer_sends(self, data: bytes, peer: TransportAddress) -> None:
        """A peer sends to every relayed address."""
        for relay in tuple(self.core.relays.values()):
            self.core.relay(peer, relay.relayed, data, self._loop.time())
        self._flush()

    def cut(self) -> None:
        """End all streams."""
        for writer in self.clients.values():
            writer.close()

    async def open(self, context: ssl.SSLContext | None) -> None:
        """Begin to listen."""
        self.context = context
        if self.transport == "udp":
            self._udp = HostUdpSocket.bind(HOST, 0, self._receive)
            self.address = self._udp.local
        else:
            self._server = await asyncio.start_server(self._serve, HOST, 0, ssl=context)
            self.address = address_of(self._server.sockets[0].getsockname())

    async def close(self) -> None:
        """End everything."""
        if self._udp is not None:
            self._udp.close()
        await self.peers.close()
        if self._server is not None:
            self._server.close()
            self.reading.set()
            for writer in tuple(self.clients.values()):
                writer.transport.abort()
            while self.clients:  # noqa: ASYNC110  the streams end by themselves
                await asyncio.sleep(0.001)

    def _receive(self, data: bytes, client: TransportAddress) -> None:
        if not self.silent:
            self.core.receive(client, data, self._loop.time())
            self._flush()

    def _flush(self) -> None:
        self.peers.begin()
        self.at_peers += self.core.take_relayed()
        for client, message in self.core.take_output():
            if self._udp is not None:
                self._udp.send(message, client)
            elif client in self.clients:
                self.clients[client].write(padded(message))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse_data:
            writer.transport.abort()
            return
        client = address_of(writer.get_extra_info("peername"))
        self.clients[client] = writer
        self.connections += 1
        stream = StreamMessages()
        try:
            while True:
                await self.reading.wait()
                data = await reader.read(4096)
                if not data:
                    return
                self.received += len(data)
                for message in stream.feed(data):
                    self._receive(message, client)
                bound = self.core.tcp.bound(client)
                if bound is not None:
                    await self.peers.pipe(bound, reader, writer)
                    return
        except OSError:
            return
        finally:
            writer.transport.abort()
            del self.clients[client]


@asynccontextmanager
async def turn_service(
    transport: ServerTransport = "udp",
    *,
    certificate: tuple[Path, Path] | None = None,
    **options: Any,
) -> AsyncIterator[TurnService]:
    """Run a server; `certificate` (its file, that of the key) is needed for TLS."""
    core = turn_server.TurnServer(users={USER: PASSWORD}, random=seeded(7), **options)
    service = TurnService(core, transport, None if certificate is None else certificate[0])
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    await service.open(context)
    try:
        yield service
    finally:
        await service.close()
