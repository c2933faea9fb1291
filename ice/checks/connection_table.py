"""All sockets and connections of an agent: dialling, accepting, limits (RFC 6544 §7, §12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from ice.candidates.candidate import base_of, stands_on
from ice.checks.connection import Connection, ConnectionState, LocalSocket
from ice.checks.pair import Pair
from ice.config import IceConfig
from ice.messages import CloseFlow, FlowClosed, FlowOpened, FlowOpening, OpenTcp
from ice.outbox import Outbox
from ice.types import Candidate, CandidateType, FlowId, TcpType, Transport, TransportAddress


class ConnectionTable:
    """Finds sockets by FlowId, opens and closes connections, says from where media may come."""

    def __init__(self, *, config: IceConfig, outbox: Outbox, ids: Iterator[int] | None = None) -> None:
        self._config = config
        self._outbox = outbox
        self._ids = count(1) if ids is None else ids
        self._sockets: dict[FlowId, LocalSocket] = {}
        self._connections: dict[FlowId, Connection] = {}
        self._sources: dict[tuple[FlowId, TransportAddress], int] = {}
        self._relays: dict[TransportAddress, FlowId] = {}

    def new_flow(self) -> FlowId:
        """A FlowId that was never used."""
        return FlowId(next(self._ids))

    # --- looking up -----------------------------------------------------------------------------------------

    @property
    def sockets(self) -> tuple[LocalSocket, ...]:
        """UDP sockets and listeners."""
        return tuple(self._sockets.values())

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Connections that are dialled or open."""
        return tuple(self._connections.values())

    def find(self, flow: FlowId) -> LocalSocket | Connection | None:
        """The socket or connection of that id, None where it is gone."""
        return self._connections.get(flow) or self._sockets.get(flow)

    def connection(self, flow: FlowId | None) -> Connection | None:
        """The connection of that id, None where it is gone or was never one."""
        return None if flow is None else self._connections.get(flow)

    def dials_to(self, host: str) -> int:
        """How many connection attempts to an IP address are outstanding."""
        return sum(
            connection.state is ConnectionState.DIALLING and connection.remote.host == host
            for connection in self._connections.values()
        )

    def may_dial(self, host: str, *, beside: int = 0) -> bool:
        """RFC 6544 §12: no more than five attempts to one address at once; `beside` are those of others."""
        return self.dials_to(host) + beside < self._config.max_dials_per_address

    # --- local sockets --------------------------------------------------------------------------------------

    def add_socket(self, candidate: Candidate, flow: FlowId) -> None:
        """A UDP socket or listener of the shell; ValueError where the id is taken."""
        known = self._sockets.get(flow)
        if flow in self._connections or (
            known is not None and base_of(known.candidate) != base_of(candidate)
        ):
            raise ValueError(f"flow {flow} is in use")
        self._sockets.setdefault(flow, LocalSocket(flow=flow, candidate=candidate))
        if candidate.type is CandidateType.RELAY:
            self._relays[base_of(candidate)] = flow

    def free_socket(self, flow: FlowId, reason: str) -> None:
        """Give a UDP socket or listener back to the shell, which closes it."""
        del self._sockets[flow]
        self._sources = {key: number for key, number in self._sources.items() if key[0] != flow}
        self._outbox.command(CloseFlow(flow=flow, reason=reason))

    def free(self, flows: Iterable[FlowId], reason: str, now: float) -> None:
        """Close those of the connections, sockets and listeners that are here still."""
        for flow in flows:
            connection = self.connection(flow)
            if connection is not None:
                self.close(connection, reason, now)
            elif flow in self._sockets:
                self.free_socket(flow, reason)

    def host_lost(self, host: str, reason: str, now: float) -> bool:
        """An address of ours is gone: close what stands on it, but no relay; True where anything did."""
        connections = [
            connection
            for connection in self.connections
            if connection.local.host == host and connection.candidate.type is not CandidateType.RELAY
        ]
        sockets = [socket for socket in self.sockets if stands_on(socket.candidate, host)]
        for connection in connections:
            self.close(connection, reason, now)
        for socket in sockets:
            self.free_socket(socket.flow, reason)
        return bool(connections or sockets)

    # --- connections ----------------------------------------------------------------------------------------

    def dial(self, pair: Pair, now: float) -> Connection:
        """Open a connection for a pair from its base, an active candidate from any port (RFC 6544 §7.1).

        Raises:
            ValueError: the local candidate is passive: such ones never connect (RFC 6544 §3); or it is a
                relayed one without a listening one beside it.
        """
        if pair.local.tcptype not in (TcpType.ACTIVE, TcpType.SO):
            raise ValueError("only an active or simultaneous-open candidate dials")
        via = self._relays.get(base_of(pair.local))
        if via is None and pair.local.type is CandidateType.RELAY:
            raise ValueError("nobody dials from that relay")
        flow = self.new_flow()
        base = base_of(pair.local)
        # Simultaneous open: from exactly the port that is listened on (RFC 6544 §7.1).
        local = base if pair.local.tcptype is TcpType.SO else TransportAddress(host=base.host, port=0)
        connection = Connection(
            flow=flow,
            candidate=pair.local,
            local=local,
            remote=pair.remote.address,
            listener=None,
            pair=pair,
            now=now,
            deadline=None,
        )
        self._connections[flow] = connection
        self._outbox.command(OpenTcp(flow=flow, local=local, remote=connection.remote, via=via))
        self._outbox.event(FlowOpening(at=now, flow=flow, local=local, remote=connection.remote))
        return connection

    def opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A dialled connection is established."""
        connection.local = local
        connection.state = ConnectionState.OPEN
        self._outbox.event(
            FlowOpened(at=now, flow=connection.flow, local=local, remote=connection.remote, accepted=False)
        )

    def accept(
        self,
        flow: FlowId,
        listener: LocalSocket,
        local: TransportAddress,
        remote: TransportAddress,
        now: float,
    ) -> Connection:
        """A listener accepted a connection; where too many prove nothing, the oldest of them makes room."""
        unproved = [c for c in self._connections.values() if c.listener is not None and not c.proved]
        here = [connection for connection in unproved if connection.listener == listener.flow]
        if len(here) >= self._config.max_unproved_connections:
            self._evict(here[0], now)
        elif len(unproved) >= self._config.max_unproved_in_all:
            self._evict(unproved[0], now)
        connection = Connection(
            flow=flow,
            candidate=listener.candidate,
            local=local,
            remote=remote,
            listener=listener.flow,
            pair=None,
            now=now,
            deadline=now + self._config.unproved_timeout_s,
        )
        self._connections[flow] = connection
        self._outbox.event(FlowOpened(at=now, flow=flow, local=local, remote=remote, accepted=True))
        return connection

    def _evict(self, connection: Connection, now: float) -> None:
        self._outbox.counters["unproved_evicted"] += 1
        self.close(connection, "too many connections without a valid check", now)

    def turn_away(self, flow: FlowId) -> None:
        """Close a connection whose listener is not ours any more."""
        self._outbox.counters["turned_away"] += 1
        self._outbox.command(CloseFlow(flow=flow, reason="the listener is gone"))

    def close(self, connection: Connection, reason: str, now: float) -> None:
        """Close a connection of ours or give up its dialling."""
        self._outbox.command(CloseFlow(flow=connection.flow, reason=reason))
        self.gone(connection, reason, now)

    def gone(self, connection: Connection, reason: str, now: float) -> None:
        """A connection ended: forget it; once is enough."""
        if connection.state is ConnectionState.CLOSED:
            return
        connection.state = ConnectionState.CLOSED
        self._connections.pop(connection.flow, None)
        self._sources.pop((connection.flow, connection.remote), None)
        if connection.pair is not None and connection.pair.flow == connection.flow:
            connection.pair.flow = None
        self._outbox.event(FlowClosed(at=now, flow=connection.flow, reason=reason))

    def prove(self, connection: Connection) -> None:
        """An authenticated check came in over it: it is the peer's."""
        connection.proved = True
        connection.deadline = None

    # --- where media may come from --------------------------------------------------------------------------

    def validate_source(self, flow: FlowId, remote: TransportAddress, component: int) -> None:
        """Media is taken from there from now on: an authenticated check or answer came from it."""
        self._sources[flow, remote] = component

    def withdraw_source(self, flow: FlowId, remote: TransportAddress, now: float) -> None:
        """Media is taken from there no longer: it was not the peer, and a connection has proved nothing."""
        self._sources.pop((flow, remote), None)
        connection = self._connections.get(flow)
        if connection is not None and not connection.dialled:
            connection.proved = False
            connection.deadline = now + self._config.unproved_timeout_s

    def accepts_data(self, flow: FlowId, remote: TransportAddress) -> int | None:
        """The component whose media may come from there, else None (RFC 6544 §3)."""
        return self._sources.get((flow, remote))

    # --- time -----------------------------------------------------------------------------------------------

    @property
    def next_timer(self) -> float | None:
        """When the next connection without proof is closed."""
        deadlines = (connection.deadline for connection in self._connections.values())
        return min((at for at in deadlines if at is not None), default=None)

    def expired(self, now: float) -> Iterator[Connection]:
        """Connections that proved nothing in time."""
        for connection in self.connections:
            if connection.deadline is not None and now >= connection.deadline:
                yield connection

    def listeners(self, candidate: Candidate) -> Iterator[FlowId]:
        """The listeners, those at relays included, at the base of a TCP candidate."""
        for socket in self._sockets.values():
            if self.is_listener(socket) and base_of(socket.candidate) == base_of(candidate):
                yield socket.flow

    @staticmethod
    def is_listener(socket: LocalSocket) -> bool:
        """True of a TCP listener, False of a UDP socket."""
        return socket.candidate.transport is Transport.TCP
