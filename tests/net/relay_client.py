"""An allocation of a simulated host at a TURN server, and the connections through it (RFC 6062)."""

from __future__ import annotations

from collections.abc import Callable

from ice.turn.allocation import Allocation, AllocationState
from ice.turn.events import Allocated, AllocationLost, ConnectFailed, PeerConnected, PeerData
from ice.types import Transport, TransportAddress
from tests.net.clock import Timer
from tests.net.host import Host
from tests.net.tcp import Connection
from tests.net.turn_host import PASSWORD, USER


class RelayedConnection:
    """A data connection, used like a connection with the peer."""

    def __init__(self, inner: Connection, local: TransportAddress, remote: TransportAddress) -> None:
        self.inner = inner
        self.local = local
        self.remote = remote
        self.ended: Callable[[], None] = lambda: None

    @property
    def on_frame(self) -> Callable[[bytes], None]:
        """Who takes frames."""
        return self.inner.on_frame

    @on_frame.setter
    def on_frame(self, take: Callable[[bytes], None]) -> None:
        self.inner.on_frame = take

    @property
    def on_end(self) -> Callable[[str], None]:
        """Who hears of the end."""
        return self.inner.on_end

    @on_end.setter
    def on_end(self, hear: Callable[[str], None]) -> None:
        def end(reason: str) -> None:
            self.ended()
            hear(reason)

        self.inner.on_end = end

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self.inner.send(frame)

    def reset(self) -> None:
        """Break it."""
        self.inner.reset()

    def close(self) -> None:
        """End it."""
        self.ended()
        self.inner.close()


class RelayClient:
    """The client's side.

    Args:
        host: where.
        address: of the host, to dial from.
        server: of the TURN server.
        allocated: hears of the relayed address.
        accepted: takes connections of peers.
        lost: hears that the relay is gone.
        transport: what is relayed.
        over: what leads to the server.
        received: takes datagrams of peers.

    Attributes:
        allocation: the core.
        address: of the host.
        server: of the TURN server.
        transport: what is relayed.
        over: what leads to the server.
        permitted: hosts that were let in, in order.
        relayed: the relayed address, once there is one.
    """

    def __init__(
        self,
        host: Host,
        address: str,
        server: TransportAddress,
        *,
        allocated: Callable[[TransportAddress], None],
        accepted: Callable[[RelayedConnection], None],
        lost: Callable[[str], None],
        transport: Transport = Transport.TCP,
        over: Transport = Transport.TCP,
        received: Callable[[TransportAddress, bytes], None] = lambda _peer, _data: None,
    ) -> None:
        self._host = host
        self.address = address
        self.server = server
        self._allocated = allocated
        self._accepted = accepted
        self._lost = lost
        self._clock = host.internet.clock
        self._timer = Timer(self._clock, self._ring)
        self._received = received
        self.transport = transport
        self.over = over
        self._control: Connection | None = None
        self._port: TransportAddress | None = None
        self._waiting: dict[
            TransportAddress, tuple[Callable[[RelayedConnection], None], Callable[[str], None]]
        ] = {}
        self._data: set[RelayedConnection] = set()
        self.permitted: list[str] = []
        self.relayed: TransportAddress | None = None
        self.allocation = Allocation(
            username=USER,
            password=PASSWORD,
            reliable=over is Transport.TCP,
            random=host.internet.chance.randbytes,
            ipv6=":" in address,
            transport=transport,
        )
        if over is Transport.TCP:
            dial = host.dial(address, server, opened=self._opened, failed=lambda _: None)
            self._give_up_dialling = dial.abandon
        else:
            self._give_up_dialling = lambda: None
            self._port = host.fresh(address)
            host.udp[self._port] = lambda _source, message: self._receive(message)
            self.allocation.start(self._clock.now)
            self._pump()

    @property
    def open_connections(self) -> int:
        """Connections to the server."""
        return (self._control is not None) + (self._port is not None) + len(self._data)

    def _opened(self, control: Connection) -> None:
        self._control = control
        control.on_frame = self._receive
        control.on_end = self._ended
        self.allocation.start(self._clock.now)
        self._pump()

    def _receive(self, message: bytes) -> None:
        self.allocation.receive(message, self._clock.now)
        self._pump()

    def _ended(self, reason: str) -> None:
        self._control = None
        self.allocation.connection_lost(reason, self._clock.now)
        self._pump()

    def _ring(self) -> None:
        self.allocation.handle_timer(self._clock.now)
        self._pump()

    def _pump(self) -> None:
        for message in self.allocation.take_output():
            if self._control is not None:
                self._control.send(message)
            elif self._port is not None:
                self._host.send_datagram(self._port, self.server, message)
        for event in self.allocation.take_events():
            match event:
                case Allocated():
                    self.relayed = event.relayed
                    self._allocated(event.relayed)
                case PeerConnected(inbound=True):
                    self._bind(event, self._accepted, lambda _: None)
                case PeerConnected():
                    waiting = self._waiting.pop(event.peer, None)
                    if waiting is not None:
                        self._bind(event, *waiting)
                case ConnectFailed():
                    _, failed = self._waiting.pop(event.peer, (None, lambda _: None))
                    failed(event.reason)
                case PeerData():
                    self._received(event.peer, event.data)
                case AllocationLost():
                    for connection in tuple(self._data):
                        connection.on_end("the relay is lost")
                        connection.close()
                    self._lost(event.reason)
                case _:
                    pass
        if self.allocation.state is AllocationState.ENDED:
            self._hang_up()
        self._timer.set(self.allocation.next_timer())

    def _hang_up(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._port is not None:
            del self._host.udp[self._port]
            self._port = None

    def send(self, peer: TransportAddress, data: bytes) -> None:
        """Send a datagram to a peer."""
        self.allocation.send(data, peer, self._clock.now)
        self._pump()

    def permit(self, host: str) -> None:
        """Let a host in."""
        self.permitted.append(host)
        self.allocation.permit(host, self._clock.now)
        self._pump()

    def connect(
        self,
        peer: TransportAddress,
        opened: Callable[[RelayedConnection], None],
        failed: Callable[[str], None],
    ) -> None:
        """Dial a peer from the relay."""
        if self.allocation.state is not AllocationState.ALLOCATED:
            self._clock.after(0, lambda: failed("the relay is gone"))
            return
        self._waiting[peer] = (opened, failed)
        self.allocation.connections.connect(peer, self._clock.now)
        # Not within the call: the agent expects the outcome later.
        self._clock.after(0, self._pump)

    def give_up(self, peer: TransportAddress) -> None:
        """Nobody waits for that connection any more."""
        if self._waiting.pop(peer, None) is not None and self.allocation.state is AllocationState.ALLOCATED:
            self.allocation.connections.give_up(peer)

    def close(self) -> None:
        """Give it back."""
        self._give_up_dialling()
        self.allocation.close(self._clock.now)
        self._pump()

    def _bind(
        self,
        event: PeerConnected,
        opened: Callable[[RelayedConnection], None],
        failed: Callable[[str], None],
    ) -> None:
        number, relayed = event.connection_id, self.relayed
        bind = self.allocation.data_connection(number)
        assert relayed is not None

        def connected(connection: Connection) -> None:
            data = RelayedConnection(connection, relayed, event.peer)

            def ended() -> None:
                self._data.discard(data)
                if self.allocation.state is AllocationState.ALLOCATED:
                    self.allocation.connections.ended(number)

            data.ended = ended
            self._data.add(data)

            def receive(message: bytes) -> None:
                bind.receive(message, self._clock.now)
                for request in bind.take_output():
                    connection.send(request)
                if bind.outcome is None:
                    return
                if bind.outcome.success is None:
                    data.close()
                    failed(bind.outcome.reason)
                else:
                    if self.allocation.state is AllocationState.ALLOCATED:
                        self.allocation.connections.bound(number)
                    opened(data)

            connection.on_frame = receive
            data.on_end = failed
            bind.start(self._clock.now)
            for request in bind.take_output():
                connection.send(request)

        self._host.dial(self.address, self.server, opened=connected, failed=failed)
