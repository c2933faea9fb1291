"""An ICE agent on a simulated host: what the shell does for it on real sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from ice.agent import Agent
from ice.candidates.candidate import HostCandidates, ServerCandidates
from ice.candidates.priority import interleaved
from ice.checks.connection import DialFailure
from ice.config import IceConfig
from ice.messages import CloseFlow, Command, Event, OpenTcp, PathSelected, PermitPeer, SendDatagram, SendFrame
from ice.net.demux import PacketKind, classify
from ice.types import (
    Candidate,
    Credentials,
    Description,
    FlowId,
    PairView,
    Role,
    SessionState,
    TcpType,
    Transport,
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
        relay_udp: TURN servers are asked to relay UDP.
        relay_tcp: and TCP.
        relay_over: what it goes to them over; they relay TCP for TCP alone.
    """

    udp: bool = True
    active: bool = True
    passive: bool = True
    so: bool = False
    reflexive_tcp: bool = False
    tcp_port: int | None = None
    relay_udp: bool = False
    relay_tcp: bool = False
    relay_over: Transport = Transport.TCP


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
            credentials=self._fresh_credentials(),
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
        self._gathering = 0

    def _fresh_credentials(self) -> Credentials:
        chance = self.host.internet.chance
        return Credentials(ufrag=chance.randbytes(4).hex(), password=chance.randbytes(16).hex())

    # --- gathering ------------------------------------------------------------------------------------------

    def gather(
        self,
        which: Gathering,
        servers: tuple[TransportAddress, ...] = (),
        turn: tuple[TransportAddress, ...] = (),
    ) -> None:
        """Bind sockets on all addresses; candidates of STUN and TURN servers follow when they answer."""
        addresses = interleaved([at for at, interface in self.host.interfaces.items() if interface.up])
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
                        wanted = TransportAddress(host=address, port=which.tcp_port)
                        place = place if wanted in self.host.listeners else wanted
                    self._listen(make.passive(place, component), servers if which.reflexive_tcp else ())
                if which.so:
                    place = self.host.fresh(address)
                    self._listen(make.simultaneous(place, component), servers if which.reflexive_tcp else ())
                if which.active:
                    self._add(make.active(address, component), None)
        for order, server in enumerate(turn):
            same = [address for address in addresses if (":" in address) is (":" in server.host)]
            for component in range(1, self.components + 1) if same else ():
                if which.relay_udp:
                    self.relay(
                        same[0], server, component, order, transport=Transport.UDP, over=which.relay_over
                    )
                if which.relay_tcp and which.relay_over is Transport.TCP:
                    self.relay(same[0], server, component, order)
        self.pump()

    def relay(
        self,
        address: str,
        server: TransportAddress,
        component: int = 1,
        order: int = 0,
        *,
        transport: Transport = Transport.TCP,
        over: Transport = Transport.TCP,
    ) -> None:
        """Ask a TURN server to relay TCP or UDP; the candidates follow when it has answered."""
        flow = self.agent.new_flow()
        gathering = self._gathering
        make = self._make_reflexive

        def allocated(relayed: TransportAddress) -> None:
            if gathering != self._gathering:
                self.relays.pop(flow).close()
                return
            if transport is Transport.UDP:
                self._add(make.relayed(relayed, None, component, server.host, order), flow)
            else:
                passive, active = make.relayed_tcp(relayed, None, component, server.host, order)
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
            transport=transport,
            over=over,
            received=lambda peer, data: self._receive(flow, peer, data),
        )

    def stop_gathering(self) -> None:
        """Relays that have not answered by now are of no use."""
        self._gathering += 1
        for flow, relay in tuple(self.relays.items()):
            if relay.relayed is None:
                del self.relays[flow]
                relay.close()

    def restart(
        self,
        which: Gathering,
        servers: tuple[TransportAddress, ...] = (),
        turn: tuple[TransportAddress, ...] = (),
    ) -> None:
        """Begin anew, with what the interfaces give that are up; the descriptions follow."""
        self.agent.restart(self._fresh_credentials(), self._clock.now)
        self.gathered.clear()
        self.gather(which, servers, turn)

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
        elif path.flow in self.relays:
            self.relays[path.flow].send(path.remote, packet)
        elif path.flow in self.connections:
            self.connections[path.flow].send(packet)

    def close(self) -> None:
        """End the session; nothing is left open."""
        self._streams.stop()
        self.stop_gathering()
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
                if command.flow in self.relays:
                    self.relays[command.flow].send(command.remote, command.data)
                else:
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
