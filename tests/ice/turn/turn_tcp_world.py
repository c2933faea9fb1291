"""One TCP allocation, its data connections and a server under virtual time; messages take no time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ice.turn.allocation import Allocation
from ice.turn.bind import ConnectionBind
from ice.turn.events import ConnectFailed, PeerConnected, TurnEvent
from ice.types import Transport, TransportAddress
from tests.ice.turn.turn_world import CLIENT, PASSWORD, PEER, USER, seeded
from tests.net.turn_server import TurnServer
from tests.net.turn_tcp import Stream


class TcpWorld:
    """The client's cores, the server's core and what flows between them.

    Attributes:
        now: virtual time in seconds.
        sent: every message of the control connection, with its time.
        events: what the allocation told.
        dials: connections that the server is asked to make and has not tried yet.
        reachable: whether peers take connections; None: the test decides.
        late: messages to us that are on their way still, while `hold` is True.
    """

    def __init__(self, *, password: str = PASSWORD, seed: int = 1, **options: Any) -> None:
        self.server = TurnServer(users={USER: PASSWORD}, random=seeded(seed), relays_tcp=True, **options)
        self.allocation = Allocation(
            username=USER,
            password=password,
            reliable=True,
            random=seeded(seed + 1),
            transport=Transport.TCP,
        )
        self.now = 1000.0
        self.sent: list[tuple[float, bytes]] = []
        self.events: list[TurnEvent] = []
        self.dials: list[Stream] = []
        self.reachable: bool | None = True
        self.hold = False
        self.late: list[bytes] = []
        self._port = 41000

    def told(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def connected(self) -> list[PeerConnected]:
        """Connections of peers that the server holds for us."""
        return self.told(PeerConnected)

    @property
    def failed(self) -> list[ConnectFailed]:
        """Connections that could not be had."""
        return self.told(ConnectFailed)

    def start(self) -> TcpWorld:
        """Get the allocation."""
        self.allocation.start(self.now)
        self.settle()
        return self

    def connect(self, peer: TransportAddress = PEER) -> None:
        """Ask for a connection to a peer."""
        self.allocation.connections.connect(peer, self.now)
        self.settle()

    def permit(self, host: str = PEER.host) -> None:
        """Let a host in."""
        self.allocation.permit(host, self.now)
        self.settle()

    def peer_dials(self, peer: TransportAddress = PEER) -> Stream | None:
        """A peer connects to the relayed address."""
        (relay,) = self.server.relays.values()
        stream = self.server.tcp.accepted(relay.relayed, peer, self.now)
        self.settle()
        return stream

    def data_connection(
        self, number: int, *, early: bytes = b"", pieces: Callable[[bytes], list[bytes]] = lambda d: [d]
    ) -> ConnectionBind:
        """Bind a connection over a new connection to the server; `early` follows the answer at once."""
        self._port += 1
        client = TransportAddress(host=CLIENT.host, port=self._port)
        bind = self.allocation.data_connection(number)
        bind.start(self.now)
        while requests := bind.take_output():
            for request in requests:
                self.server.receive(client, request, self.now)
            answer = b"".join(data for to, data in self.server.take_output() if to == client)
            if self.server.tcp.bound(client) is not None:
                answer += early
            for piece in pieces(answer):
                if bind.outcome is None:
                    bind.receive(piece, self.now)
                else:
                    bind.rest += piece
        return bind

    def settle(self) -> None:
        """Carry messages until nobody has more."""
        while True:
            output = self.allocation.take_output()
            self.events += self.allocation.take_events()
            for message in output:
                self.sent.append((self.now, message))
                self.server.receive(CLIENT, message, self.now)
            self.dials += self.server.tcp.take_dials()
            if self.reachable is not None:
                self.answer_dials(taken=self.reachable)
            answers = self.server.take_output()
            for client, answer in answers:
                if client == CLIENT and self.hold:
                    self.late.append(answer)
                elif client == CLIENT:
                    self.allocation.receive(answer, self.now)
            if not output and not answers:
                self.events += self.allocation.take_events()
                return

    def answer_dials(self, *, taken: bool) -> None:
        """What came of the server's attempts to connect to peers."""
        dials, self.dials = self.dials, []
        for stream in dials:
            if taken:
                self.server.tcp.connected(stream, self.now)
            else:
                self.server.tcp.refused(stream, self.now)

    def run(self, seconds: float) -> None:
        """Let time pass; every timer rings when it is due."""
        end = self.now + seconds
        turns = 0
        while (at := self.allocation.next_timer()) is not None and at <= end:
            assert at >= self.now - 1e-6, "a timer in the past"
            turns = turns + 1 if at <= self.now else 0
            assert turns < 10, "a timer that does not move on"
            self.now = max(self.now, at)
            self.allocation.handle_timer(self.now)
            self.settle()
        self.now = end
        self.server.tcp.expire(self.now)
        self.settle()
