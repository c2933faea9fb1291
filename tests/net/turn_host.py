"""A TURN server on a simulated host: it relays TCP for clients over TCP (RFC 6062). A frame is a message."""

from __future__ import annotations

from ice.types import TransportAddress
from tests.net.host import Host
from tests.net.tcp import Connection, Dial
from tests.net.turn_server import TurnServer
from tests.net.turn_tcp import Stream

USER, PASSWORD = "alice", "open-sesame"


class TurnHost:
    """The server.

    Args:
        host: where it runs; it relays from its first IPv4 address.
        port: where it listens.

    Attributes:
        core: what it knows.
        address: where clients find it.
    """

    def __init__(self, host: Host, *, port: int = 3478) -> None:
        first = next(address for address in host.interfaces if ":" not in address)
        self._host = host
        self._clock = host.internet.clock
        self.core = TurnServer(
            users={USER: PASSWORD}, random=host.internet.chance.randbytes, host=first, relays_tcp=True
        )
        self.address = TransportAddress(host=first, port=port)
        self.clients: dict[TransportAddress, Connection] = {}
        self._peers: dict[int, Connection] = {}
        self._early: dict[int, list[bytes]] = {}
        host.listeners[self.address] = self._accept

    def _accept(self, connection: Connection) -> None:
        client = connection.remote
        self.clients[client] = connection
        connection.on_frame = lambda message: self._receive(client, message)
        connection.on_end = lambda _: self._client_ended(client)

    def _client_ended(self, client: TransportAddress) -> None:
        del self.clients[client]
        stream = self.core.tcp.bound(client)
        if stream is not None:
            self.core.tcp.ended(stream)
        self.core.end(client)
        self._flush()

    def _receive(self, client: TransportAddress, message: bytes) -> None:
        stream = self.core.tcp.bound(client)
        if stream is not None:
            self._peers[stream.number].send(message)
            return
        self.core.receive(client, message, self._clock.now)
        self._flush()

    def _flush(self) -> None:
        for client, message in self.core.take_output():
            if client in self.clients:
                self.clients[client].send(message)
            self._deliver_early(client)
        for relay in self.core.relays.values():
            if relay.relayed not in self._host.listeners:
                self._listen(relay.relayed)
        for stream in self.core.tcp.take_dials():
            self._dial(stream)
        for stream in self.core.tcp.take_closed():
            peer = self._peers.pop(stream.number, None)
            data = None if stream.client is None else self.clients.pop(stream.client, None)
            for connection in (peer, data):
                if connection is not None:
                    connection.close()

    def _deliver_early(self, client: TransportAddress) -> None:
        """What came before the bind follows its answer (RFC 6062 §5.4)."""
        stream = self.core.tcp.bound(client)
        if stream is not None:
            for frame in self._early.pop(stream.number, ()):
                self.clients[client].send(frame)

    def _listen(self, relayed: TransportAddress) -> None:
        def accepted(connection: Connection) -> None:
            stream = self.core.tcp.accepted(relayed, connection.remote, self._clock.now)
            if stream is None:
                connection.close()
                return
            self._take(stream, connection)
            self._flush()

        self._host.listeners[relayed] = accepted

    def _dial(self, stream: Stream) -> None:
        def opened(connection: Connection) -> None:
            self._take(stream, connection)
            self.core.tcp.connected(stream, self._clock.now)
            self._flush()

        def failed(_reason: str) -> None:
            self.core.tcp.refused(stream, self._clock.now)
            self._flush()

        Dial(self._host, stream.relay.relayed, stream.peer, opened=opened, failed=failed)

    def _take(self, stream: Stream, connection: Connection) -> None:
        self._peers[stream.number] = connection

        def from_peer(frame: bytes) -> None:
            if stream.client is None:
                self._early.setdefault(stream.number, []).append(frame)
            elif stream.client in self.clients:
                self.clients[stream.client].send(frame)

        def ended(_reason: str) -> None:
            self._peers.pop(stream.number, None)
            self.core.tcp.ended(stream)
            self._flush()

        connection.on_frame, connection.on_end = from_peer, ended
