"""Two ICE agents on a simulated network: virtual time, delay, firewalls, loss; no sockets, no sleeping.

It does for the core what the shell does: carries commands out and feeds inputs, event by event.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from ice.agent import Agent
from ice.candidates.candidate import HostCandidates
from ice.candidates.priority import interleaved
from ice.config import IceConfig
from ice.lite.candidates import LiteCandidates
from ice.messages import CloseFlow, Command, Event, OpenTcp, PermitPeer, SendDatagram, SendFrame
from ice.types import (
    Candidate,
    Credentials,
    Description,
    FlowId,
    PairView,
    Role,
    SessionState,
    Transport,
    TransportAddress,
)

_E = TypeVar("_E", bound=Event)

UNREACHABLE_S = 127.0
"""After so long the kernel gives up dialling a host that does not answer."""


@dataclass(kw_only=True)
class Link:
    """What one side may send to the other.

    Attributes:
        udp: UDP passes.
        tcp: connections may be opened in this direction.
        refuse: a connection that may not be opened is refused, else its SYN is dropped.
        loss: share of datagrams lost, 0 to 1.
    """

    udp: bool = True
    tcp: bool = True
    refuse: bool = False
    loss: float = 0.0


@dataclass(kw_only=True)
class Sent:
    """One packet as a capture would show it."""

    at: float
    side: str
    transport: Transport
    remote: TransportAddress
    data: bytes


class Side:
    """One agent with its sockets."""

    def __init__(self, network: PairNetwork, name: str, agent: Agent, *, lite: bool) -> None:
        self.network = network
        self.lite = lite
        self.name = name
        self.agent = agent
        self.udp: dict[FlowId, TransportAddress] = {}
        self.listeners: dict[FlowId, TransportAddress] = {}
        self.connections: dict[FlowId, Wire] = {}
        self.dials: dict[FlowId, TransportAddress] = {}
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.timer: float | None = None

    @property
    def other(self) -> Side:
        """The peer."""
        return self.network.b if self is self.network.a else self.network.a

    def said(self, kind: type[_E]) -> list[_E]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def selected(self, component: int = 1) -> PairView:
        """The selected pair; AssertionError without one."""
        pair = self.agent.selected(component)
        assert pair is not None, f"{self.name} has no path for component {component}"
        return pair

    def gather(
        self,
        hosts: list[str],
        *,
        components: int = 1,
        udp: bool = True,
        active: bool = True,
        passive: bool = True,
    ) -> None:
        """Bind sockets on these addresses."""
        make = LiteCandidates(hosts) if self.lite else HostCandidates(interleaved(hosts))
        for host in hosts:
            for component in range(1, components + 1):
                if udp:
                    self._add(make.udp(self.network.address(host), component), self.udp)
                if passive:
                    self._add(make.passive(self.network.address(host), component), self.listeners)
                if active and isinstance(make, HostCandidates):
                    self.agent.add_local_candidate(make.active(host, component), None, self.network.now)

    def _add(self, candidate: Candidate, sockets: dict[FlowId, TransportAddress]) -> None:
        flow = self.agent.new_flow()
        sockets[flow] = candidate.address
        self.agent.add_local_candidate(candidate, flow, self.network.now)


@dataclass(kw_only=True)
class Wire:
    """One end of an established connection."""

    side: Side
    flow: FlowId
    local: TransportAddress
    remote: TransportAddress
    peer: Wire | None = field(default=None, repr=False)


class PairNetwork:
    """Two sides, `a` controlling and `b` controlled unless told otherwise.

    Args:
        seed: of everything random: ids, loss, jitter.
        delay_s: one way.
        a_to_b: what A may send to B.
        b_to_a: what B may send to A.
        udp: False blocks it in both directions where no links are given.
        config: of both agents.
        roles: of A and B.
        components: of both agents.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        delay_s: float = 0.025,
        a_to_b: Link | None = None,
        b_to_a: Link | None = None,
        udp: bool = True,
        config: IceConfig | None = None,
        config_b: IceConfig | None = None,
        roles: tuple[Role, Role] = (Role.CONTROLLING, Role.CONTROLLED),
        tie_breakers: tuple[int, int] = (2**63, 2**62),
        components: int = 1,
    ) -> None:
        self.now = 1000.0
        self.components = components
        self.delay_s = delay_s
        self.random = random.Random(seed)
        self.links = {"a": a_to_b or Link(udp=udp), "b": b_to_a or Link(udp=udp)}
        self.capture: list[Sent] = []
        self.cut = False
        """From now on everything is lost on the way, connections included, and nobody is told."""
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._port = 40000
        config = config or IceConfig()
        self.a = self._side("a", roles[0], tie_breakers[0], config, components)
        self.b = self._side("b", roles[1], tie_breakers[1], config_b or config, components)

    def _side(self, name: str, role: Role, tie_breaker: int, config: IceConfig, components: int) -> Side:
        agent = Agent(
            role=role,
            credentials=Credentials(ufrag=f"ufrag{name}", password=f"{name}-password-of-22-chars-or-more"),
            tie_breaker=tie_breaker,
            components=components,
            config=config,
            random=self.random.randbytes,
        )
        return Side(self, name, agent, lite=config.lite)

    def address(self, host: str) -> TransportAddress:
        """A fresh port of a host."""
        self._port += 1
        return TransportAddress(host=host, port=self._port)

    # --- running --------------------------------------------------------------------------------------------

    def gather(self, *, components: int = 1, **which: bool) -> None:
        """One address each."""
        self.a.gather(["192.0.2.1"], components=components, **which)
        self.b.gather(["198.51.100.1"], components=components, **which)

    def start(
        self,
        *,
        b_later_s: float = 0.0,
        alter: Callable[[Description], Description] = lambda description: description,
    ) -> None:
        """Exchange the descriptions: A learns B's now, B learns A's a little later."""
        for_a = alter(self.b.agent.local_description)
        for_b = alter(self.a.agent.local_description)
        self.at(0.0, lambda: self.a.agent.set_remote(for_a, self.now), self.a)
        self.at(b_later_s, lambda: self.b.agent.set_remote(for_b, self.now), self.b)

    def at(self, delay_s: float, action: Callable[[], None], side: Side) -> None:
        """Do something on a side after a time, then carry out what its agent says."""

        def run() -> None:
            action()
            self.pump(side)

        heapq.heappush(self._queue, (self.now + delay_s, next(self._order), run))

    def run(self, seconds: float = 60.0, until: Callable[[], bool] = lambda: False) -> None:
        """Let virtual time pass until something holds or nothing happens any more."""
        end = self.now + seconds
        self.pump(self.a)
        self.pump(self.b)
        steps = 0
        while not until():
            timers = [(side.timer, side) for side in (self.a, self.b) if side.timer is not None]
            timers.sort(key=lambda item: item[0])
            next_event = self._queue[0][0] if self._queue else float("inf")
            next_timer = timers[0][0] if timers else float("inf")
            if min(next_event, next_timer) > end:
                self.now = end
                return
            steps += 1
            assert steps < 200_000, "the agents do not come to rest"
            if next_event <= next_timer:
                self.now, _, action = heapq.heappop(self._queue)
                action()
            else:
                side = timers[0][1]
                self.now = max(self.now, next_timer)
                side.agent.handle_timer(self.now)
                self.pump(side)
                assert side.timer is None or side.timer > self.now or side.timer != next_timer, (
                    "a timer that does nothing"
                )

    def run_to_end(self, seconds: float = 60.0) -> None:
        """Until both have completed or failed."""
        ends = (SessionState.COMPLETED, SessionState.FAILED)
        self.run(seconds, until=lambda: self.a.agent.state in ends and self.b.agent.state in ends)

    def pump(self, side: Side) -> None:
        """Carry out what an agent wants."""
        commands = side.agent.take_commands()
        side.commands += commands
        side.events += side.agent.take_events()
        for command in commands:
            self._carry_out(side, command)
        side.timer = side.agent.next_timer()

    def _carry_out(self, side: Side, command: Command) -> None:
        match command:
            case SendDatagram():
                self._send_datagram(side, command)
            case SendFrame():
                self._send_frame(side, command)
            case OpenTcp():
                self._dial(side, command)
            case PermitPeer():
                # Nothing is relayed here; it stands among the commands.
                pass
            case CloseFlow():
                self._close(side, command.flow)
            case _:
                assert_never(command)

    # --- UDP ------------------------------------------------------------------------------------------------

    def _send_datagram(self, side: Side, command: SendDatagram) -> None:
        source = side.udp[command.flow]
        self.capture.append(
            Sent(
                at=self.now,
                side=side.name,
                transport=Transport.UDP,
                remote=command.remote,
                data=command.data,
            )
        )
        link = self.links[side.name]
        if self.cut or not link.udp or self.random.random() < link.loss:
            return
        self.deliver_datagram(side.other, source, command.remote, command.data)

    def deliver_datagram(
        self, to: Side, source: TransportAddress, destination: TransportAddress, data: bytes
    ) -> None:
        """A datagram on its way; it gets lost where nobody is bound there when it arrives."""

        def arrive() -> None:
            for flow, bound in list(to.udp.items()):
                if bound == destination:
                    to.agent.receive(flow, source, data, self.now)

        self.at(self.delay_s, arrive, to)

    # --- TCP ------------------------------------------------------------------------------------------------

    def _dial(self, side: Side, command: OpenTcp) -> None:
        link, other = self.links[side.name], side.other
        side.dials[command.flow] = command.remote

        def fail(reason: str) -> None:
            if side.dials.pop(command.flow, None) is not None:
                side.agent.flow_failed(command.flow, reason, self.now)

        def connect() -> None:
            if side.dials.pop(command.flow, None) is None:
                return
            listener = next((f for f, bound in other.listeners.items() if bound == command.remote), None)
            if listener is None:
                side.agent.flow_failed(command.flow, "connection refused", self.now)
                return
            local = self.address(command.local.host)
            ours = Wire(side=side, flow=command.flow, local=local, remote=command.remote)
            theirs = Wire(side=other, flow=other.agent.new_flow(), local=command.remote, remote=local)
            ours.peer, theirs.peer = theirs, ours
            side.connections[ours.flow] = ours

            def accepted() -> None:
                if listener in other.listeners:
                    other.connections[theirs.flow] = theirs
                    other.agent.flow_accepted(theirs.flow, listener, theirs.local, theirs.remote, self.now)

            self.at(self.delay_s, accepted, other)
            side.agent.flow_opened(ours.flow, local, self.now)

        if not link.tcp and not link.refuse:
            self.at(UNREACHABLE_S, lambda: fail("timed out"), side)
        elif not link.tcp:
            self.at(2 * self.delay_s, lambda: fail("connection refused"), side)
        else:
            self.at(2 * self.delay_s, connect, side)

    def _send_frame(self, side: Side, command: SendFrame) -> None:
        wire = side.connections.get(command.flow)
        if wire is None or wire.peer is None:
            return
        self.capture.append(
            Sent(
                at=self.now,
                side=side.name,
                transport=Transport.TCP,
                remote=wire.remote,
                data=command.data,
            )
        )
        if not self.cut:
            self.deliver_frame(wire.peer, command.data)

    def deliver_frame(self, to: Wire, data: bytes) -> None:
        """A frame on its way to an end of a connection."""

        def arrive() -> None:
            if to.flow in to.side.connections:
                to.side.agent.receive(to.flow, to.remote, data, self.now)

        self.at(self.delay_s, arrive, to.side)

    def _close(self, side: Side, flow: FlowId) -> None:
        side.udp.pop(flow, None)
        side.listeners.pop(flow, None)
        side.dials.pop(flow, None)
        wire = side.connections.pop(flow, None)
        if wire is not None and wire.peer is not None:
            self._end(wire.peer, "closed by the peer")

    def reset(self, wire: Wire) -> None:
        """Both ends see the connection end."""
        if wire.peer is not None:
            self._end(wire.peer, "reset")
        self._end(wire, "reset")

    def _end(self, wire: Wire, reason: str) -> None:
        def ended() -> None:
            if wire.side.connections.pop(wire.flow, None) is not None:
                wire.side.agent.flow_closed(wire.flow, reason, self.now)

        self.at(self.delay_s, ended, wire.side)


def mirrored(network: PairNetwork, component: int = 1) -> bool:
    """True where both sides selected the same two addresses over the same transport."""
    ours, theirs = network.a.selected(component), network.b.selected(component)
    return (ours.local.address, ours.remote.address, ours.local.transport) == (
        theirs.remote.address,
        theirs.local.address,
        theirs.local.transport,
    )


def only(description: Description, keep: Callable[[Candidate], bool]) -> Description:
    """A description with some of its candidates."""
    return replace(description, candidates=tuple(c for c in description.candidates if keep(c)))
