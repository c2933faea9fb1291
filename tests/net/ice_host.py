"""An ICE agent on a simulated host: what the shell does for it on real sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from ice.agent import Agent
from ice.candidate import HostCandidates, ServerCandidates
from ice.config import IceConfig
from ice.connection import DialFailure
from ice.demux import PacketKind, classify
from ice.messages import CloseFlow, Command, Event, OpenTcp, PathSelected, PermitPeer, SendDatagram, SendFrame
from ice.priority import interleaved
from ice.types import (
    Candidate,
    Credentials,
    Description,
    FlowId,
    PairView,
    Role,
    SessionState,
    TcpType,
    TransportAddress,
)
from tests.net import stun_server
from tests.net.clock import Timer
from tests.net.host import Host
from tests.net.relay_client import RelayClient, RelayedConnection
from tests.net.stream_asker import StreamAsker
from tests.net.tcp import EXISTS, REFUSED, Connection

_E = TypeVar("_E", bound=Event)

_FAILURES = {REFUSED: DialFailure.REFUSED, EXISTS: DialFailure.EXISTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Which candidates a host gathers.

    Attributes:
        so: TCP candidates that connect and listen at once.
        reflexive_tcp: servers are asked over TCP about the ports that are listened on.
        tcp_port: where it listens for its first component.
    """

    udp: bool = True
    active: bool = True
    passive: bool = True
    so: bool = False
    reflexive_tcp: bool = False
    tcp_port: int | None = None


class IceHost:
    """One agent with its sockets on a host.

    Args:
        host: where.
        role: of the start.
        config: policy.
        components: 1 or 2.
        tie_breaker: 64 bits; by chance where none is given.
    """

    def __init__(
        self,
        host: Host,
        *,
        role: Role,
        config: IceConfig | None = None,
        components: int = 1,
        tie_breaker: int | None = None,
    ) -> None:
        chance = host.internet.chance
        self.host = host
        self.components = components
        self.agent = Agent(
            role=role,
            credentials=Credentials(ufrag=chance.randbytes(4).hex(), password=chance.randbytes(16).hex()),
            tie_breaker=chance.getrandbits(64) if tie_breaker is None else tie_breaker,
            components=components,
            config=config or IceConfig(),
            random=chance.randbytes,
        )
        self.gathered: list[Candidate] = []
        """All candidates, those that the description has no room for included."""
        self.events: list[Event] = []
        self.media: list[tuple[int | None, bytes]] = []
        """Packets that are no STUN, and the component whose media may come from there."""
        self.connections: dict[FlowId, Connection | RelayedConnection] = {}
        self.relays: dict[FlowId, RelayClient] = {}
        self._udp: dict[FlowId, TransportAddress] = {}
        self._listeners: dict[FlowId, TransportAddress] = {}
        self._dials: dict[FlowId, Callable[[], None]] = {}
        self._clock = host.internet.clock
        self._timer = Timer(self._clock, self._handle_timer)
        self._make_reflexive = ServerCandidates(())
        self._streams = StreamAsker(host, self._learned)

    # --- gathering ------------------------------------------------------------------------------------------

    def gather(self, which: Gathering, servers: tuple[TransportAddress, ...] = ()) -> None:
        """Bind sockets on all addresses; server-reflexive candidates follow when the servers answer."""
        addresses = interleaved(list(self.host.interfaces))
        make = HostCandidates(addresses)
        self._make_reflexive = ServerCandidates(addresses)
        for address in addresses:
            for component in range(1, self.components + 1):
                if which.udp:
                    candidate = make.udp(self.host.fresh(address), component)
                    flow = self._bind_udp(candidate)
                    for server in servers:
                        if (":" in server.host) is (":" in address):
                            self._ask(candidate, flow, server)
                if which.passive:
                    place = self.host.fresh(address)
                    if which.tcp_port is not None and component == 1:
                        place = TransportAddress(host=address, port=which.tcp_port)
                    self._listen(make.passive(place, component), servers if which.reflexive_tcp else ())
                if which.so:
                    place = self.host.fresh(address)
                    self._listen(make.simultaneous(place, component), servers if which.reflexive_tcp else ())
                if which.active:
                    self._add(make.active(address, component), None)
        self.pump()

    def relay(self, address: str, server: TransportAddress, component: int = 1) -> None:
        """Ask a TURN server to relay TCP; the candidates follow when it has answered."""
        flow = self.agent.new_flow()

        def allocated(relayed: TransportAddress) -> None:
            make = ServerCandidates(())
            passive, active = make.relayed_tcp(relayed, None, component, server.host, 0)
            self._add(passive, flow)
            self._add(active, None)
            self.pump()

        self.relays[flow] = RelayClient(
            self.host,
            address,
            server,
            allocated=allocated,
            accepted=lambda connection: self._accept(flow, connection),
            lost=lambda reason: self._relay_lost(flow, reason),
        )

    def _relay_lost(self, flow: FlowId, reason: str) -> None:
        self.agent.socket_lost(flow, reason, self._clock.now)
        self.pump()

    def _add(self, candidate: Candidate, flow: FlowId | None) -> None:
        self.gathered.append(candidate)
        self.agent.add_local_candidate(candidate, flow, self._clock.now)

    def _bind_udp(self, candidate: Candidate) -> FlowId:
        flow = self.agent.new_flow()
        self._udp[flow] = candidate.address
        self.host.udp[candidate.address] = lambda source, data: self._receive(flow, source, data)
        self._add(candidate, flow)
        return flow

    def _listen(self, candidate: Candidate, servers: tuple[TransportAddress, ...]) -> None:
        listener = self.agent.new_flow()
        self._listeners[listener] = candidate.address
        self.host.listeners[candidate.address] = lambda connection: self._accept(listener, connection)
        self._add(candidate, listener)
        for server in servers:
            if (":" in server.host) is (":" in candidate.address.host):
                self._streams.ask(listener, candidate.address, server)

    def _ask(self, candidate: Candidate, flow: FlowId, server: TransportAddress) -> None:
        def learned(mapped: TransportAddress) -> None:
            self._learned(flow, server, mapped)

        stun_server.ask(self.host, candidate.address, server, learned)

    def _learned(self, flow: FlowId, server: TransportAddress, mapped: TransportAddress) -> None:
        """A server tells how it sees a socket; a listening one gives an active candidate besides."""
        base = self._udp.get(flow) or self._listeners.get(flow)
        if base is None or mapped == base:
            return
        candidate = next(c for c in self.gathered if c.address == base and c.base is None)
        self._add(self._make_reflexive.reflexive(candidate, mapped, server.host, 0), flow)
        if candidate.tcptype is TcpType.PASSIVE:
            self._add(self._make_reflexive.reflexive_active(candidate, mapped, server.host, 0), None)
        self.pump()

    # --- the session ----------------------------------------------------------------------------------------

    def set_remote(self, description: Description) -> None:
        """The peer's description has arrived."""
        self.agent.set_remote(description, self._clock.now)
        self.pump()

    @property
    def ended(self) -> bool:
        """True once it has completed or failed."""
        return self.agent.state in (SessionState.COMPLETED, SessionState.FAILED)

    def said(self, kind: type[_E]) -> list[_E]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def selected(self, component: int = 1) -> PairView:
        """The selected pair; AssertionError without one."""
        pair = self.agent.selected(component)
        assert pair is not None, f"no path for component {component}"
        return pair

    def send_media(self, component: int, packet: bytes) -> None:
        """Send a packet on the selected path of a component."""
        path = [event for event in self.said(PathSelected) if event.component == component][-1]
        if path.flow in self._udp:
            self.host.send_datagram(self._udp[path.flow], path.remote, packet)
        else:
            self.connections[path.flow].send(packet)

    def close(self) -> None:
        """End the session; nothing is left open."""
        self._streams.stop()
        self.agent.close(self._clock.now)
        self.pump()

    @property
    def open_flows(self) -> int:
        """Sockets, connections and dialling attempts that are open."""
        own = len(self._udp) + len(self._listeners) + len(self._dials) + len(self.connections)
        return own + len(self.relays) + self._streams.open_streams

    # --- what the agent wants -------------------------------------------------------------------------------

    def pump(self) -> None:
        """Carry out what the agent wants."""
        for command in self.agent.take_commands():
            self._carry_out(command)
        self.events += self.agent.take_events()
        if self.ended:
            self._streams.stop()
        self._timer.set(self.agent.next_timer())

    def _handle_timer(self) -> None:
        due = self.agent.next_timer()
        self.agent.handle_timer(self._clock.now)
        self.pump()
        after = self.agent.next_timer()
        assert after is None or after > self._clock.now or after != due, "a timer that does nothing"

    def _carry_out(self, command: Command) -> None:
        match command:
            case SendDatagram():
                self.host.send_datagram(self._udp[command.flow], command.remote, command.data)
            case SendFrame():
                connection = self.connections.get(command.flow)
                if connection is not None:
                    connection.send(command.data)
            case OpenTcp():
                self._dial(command)
            case PermitPeer():
                if command.flow in self.relays:
                    self.relays[command.flow].permit(command.host)
            case CloseFlow():
                self._close(command.flow)
            case _:
                assert_never(command)

    def _close(self, flow: FlowId) -> None:
        if flow in self._udp:
            del self.host.udp[self._udp.pop(flow)]
        if flow in self._listeners:
            del self.host.listeners[self._listeners.pop(flow)]
        if flow in self.relays:
            self.relays.pop(flow).close()
        if flow in self._dials:
            self._dials.pop(flow)()
        if flow in self.connections:
            self.connections.pop(flow).close()

    def _dial(self, command: OpenTcp) -> None:
        flow, local, remote = command.flow, command.local, command.remote

        def opened(connection: Connection | RelayedConnection) -> None:
            if self._dials.pop(flow, None) is None:
                # Given up while the relay was at it.
                connection.close()
                return
            self._adopt(flow, connection)
            self.agent.flow_opened(flow, connection.local, self._clock.now)
            self.pump()

        def failed(reason: str) -> None:
            if self._dials.pop(flow, None) is not None:
                failure = _FAILURES.get(reason, DialFailure.OTHER)
                self.agent.flow_failed(flow, reason, self._clock.now, failure)
                self.pump()

        if command.via is None:
            dial = self.host.dial(local.host, remote, port=local.port, opened=opened, failed=failed)
            self._dials[flow] = dial.abandon
            return
        relay = self.relays.get(command.via)
        self._dials[flow] = (lambda: None) if relay is None else (lambda: relay.give_up(remote))
        if relay is None:
            self._clock.after(0, lambda: failed("the relay is gone"))
        else:
            relay.connect(remote, opened, failed)

    # --- what comes from the network ------------------------------------------------------------------------

    def _accept(self, listener: FlowId, connection: Connection | RelayedConnection) -> None:
        flow = self.agent.new_flow()
        self._adopt(flow, connection)
        now = self._clock.now
        self.agent.flow_accepted(flow, listener, connection.local, connection.remote, now)
        self.pump()

    def _adopt(self, flow: FlowId, connection: Connection | RelayedConnection) -> None:
        def ended(reason: str) -> None:
            if self.connections.pop(flow, None) is not None:
                self.agent.flow_closed(flow, reason, self._clock.now)
                self.pump()

        self.connections[flow] = connection
        connection.on_frame = lambda frame: self._receive(flow, connection.remote, frame)
        connection.on_end = ended

    def _receive(self, flow: FlowId, source: TransportAddress, data: bytes) -> None:
        if classify(data) is not PacketKind.STUN:
            self.media.append((self.agent.accepts_data(flow, source), data))
            return
        self.agent.receive(flow, source, data, self._clock.now)
        self.pump()
