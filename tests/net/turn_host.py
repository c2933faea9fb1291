"""A TURN server on a simulated host: it relays UDP, and TCP for clients over TCP (RFC 6062).

A frame is a message.
"""

from __future__ import annotations

from functools import partial

from ice.types import TransportAddress
from tests.net.host import Host
from tests.net.tcp import Connection, Dial
from tests.net.turn_server import TurnServer
from tests.net.turn_tcp import Stream

USER, PASSWORD = "alice", "open-sesame"

_QUOTA = 100
"""Both sides have the same user, two components each, UDP and TCP, and all of it again after a restart."""


class TurnHost:
    """The server.

    Args:
        host: where it runs; it relays from its first IPv4 and its first IPv6 address.
        port: where it listens.
        udp: clients may come over UDP too.

    Attributes:
        host: where it runs.
        core: what it knows.
        address: where clients find it.
        addresses: all such places, one per family.
    """

    def __init__(self, host: Host, *, port: int = 3478, udp: bool = False) -> None:
        first = next(address for address in host.interfaces if ":" not in address)
        sixth = next((address for address in host.interfaces if ":" in address), "")
        self.host = host
        self._clock = host.internet.clock
        self.core = TurnServer(
            users={USER: PASSWORD},
            random=host.internet.chance.randbytes,
            host=first,
            host6=sixth,
            quota=_QUOTA,
            relays_tcp=True,
        )
        self.address = TransportAddress(host=first, port=port)
        self.addresses = tuple(TransportAddress(host=at, port=port) for at in (first, sixth) if at)
        self.clients: dict[TransportAddress, Connection] = {}
        self._peers: dict[int, Connection] = {}
        self._early: dict[int, list[bytes]] = {}
        self._asked_at: dict[TransportAddress, TransportAddress] = {}
        for place in self.addresses:
            host.listeners[place] = self._accept
            if udp:
                self.host.udp[place] = partial(self._hear, place)

    def _hear(self, place: TransportAddress, client: TransportAddress, message: bytes) -> None:
        """A datagram of a client."""
        self._asked_at[client] = place
        self.core.receive(client, message, self._clock.now)
        self._flush()

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
            elif client in self._asked_at:
                self.host.send_datagram(self._asked_at[client], client, message)
            self._deliver_early(client)
        for relay in self.core.relays.values():
            if relay.tcp and relay.relayed not in self.host.listeners:
                self._listen(relay.relayed)
            elif not relay.tcp and relay.relayed not in self.host.udp:
                self._bind(relay.relayed)
        for relayed, to, payload in self.core.take_relayed():
            self.host.send_datagram(relayed, to, payload)
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

    def _bind(self, relayed: TransportAddress) -> None:
        def receive(peer: TransportAddress, data: bytes) -> None:
            self.core.relay(peer, relayed, data, self._clock.now)
            self._flush()

        self.host.udp[relayed] = receive

    def _listen(self, relayed: TransportAddress) -> None:
        def accepted(connection: Connection) -> None:
            stream = self.core.tcp.accepted(relayed, connection.remote, self._clock.now)
            if stream is None:
                connection.close()
                return
            self._take(stream, connection)
            self._flush()

        self.host.listeners[relayed] = accepted

    def _dial(self, stream: Stream) -> None:
        def opened(connection: Connection) -> None:
            self._take(stream, connection)
            self.core.tcp.connected(stream, self._clock.now)
            self._flush()

        def failed(_reason: str) -> None:
            self.core.tcp.refused(stream, self._clock.now)
            self._flush()

        Dial(self.host, stream.relay.relayed, stream.peer, opened=opened, failed=failed)

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
