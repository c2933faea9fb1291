"""One agent and a peer that a test plays by hand: every packet, every millisecond."""

from __future__ import annotations

import random
from typing import TypeVar

from ice.agent import Agent
from ice.candidates.candidate import HostCandidates
from ice.candidates.priority import interleaved
from ice.config import IceConfig
from ice.lite.candidates import LiteCandidates
from ice.messages import CloseFlow, Command, Event, OpenTcp, SendDatagram, SendFrame
from ice.stun.binding import binding_error, binding_request, binding_success
from ice.stun.message import MessageClass, StunMessage, parse, short_term_key
from ice.types import (
    Candidate,
    CandidateType,
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

_E = TypeVar("_E", bound=Event)

OURS = Credentials(ufrag="ours", password="our-password-of-22-characters")
THEIRS = Credentials(ufrag="them", password="their-password-of-22-characters")
HOST = "192.0.2.1"
PEER = "198.51.100.1"
UDP_PEER = TransportAddress(host=PEER, port=5000)
TCP_PEER = TransportAddress(host=PEER, port=5001)
DIALLER = TransportAddress(host=PEER, port=51000)


def remote_udp(
    port: int = 5000, *, host: str = PEER, priority: int = 2130706431, component: int = 1
) -> Candidate:
    return Candidate(
        foundation=f"u{port}",
        component=component,
        transport=Transport.UDP,
        priority=priority,
        address=TransportAddress(host=host, port=port),
        type=CandidateType.HOST,
    )


def remote_tcp(
    port: int = 5001,
    tcptype: TcpType = TcpType.PASSIVE,
    *,
    host: str = PEER,
    priority: int = 2124414975,
    component: int = 1,
) -> Candidate:
    return Candidate(
        foundation=f"t{port}",
        component=component,
        transport=Transport.TCP,
        priority=priority,
        address=TransportAddress(host=host, port=port),
        type=CandidateType.HOST,
        tcptype=tcptype,
    )


class Single:
    """An agent with one address: a UDP socket, a listener and an active candidate per component."""

    def __init__(
        self,
        role: Role = Role.CONTROLLING,
        *,
        components: int = 1,
        config: IceConfig | None = None,
        hosts: tuple[str, ...] = (HOST,),
        udp: bool = True,
        tcp: bool = True,
        tie_breaker: int = 1000,
    ) -> None:
        self.now = 100.0
        self.agent = Agent(
            role=role,
            credentials=OURS,
            tie_breaker=tie_breaker,
            components=components,
            config=config or IceConfig(),
            random=random.Random(1).randbytes,
        )
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.udp = self.listener = FlowId(0)
        self.listeners: list[FlowId] = []
        lite = config is not None and config.lite
        make = LiteCandidates(hosts) if lite else HostCandidates(interleaved(hosts))
        for component in range(components, 0, -1):
            for host in reversed(hosts):
                if udp:
                    self.udp = self.agent.new_flow()
                    at = TransportAddress(host=host, port=4000 + 10 * component)
                    self.agent.add_local_candidate(make.udp(at, component), self.udp, self.now)
                if tcp:
                    self.listener = self.agent.new_flow()
                    self.listeners.append(self.listener)
                    at = TransportAddress(host=host, port=4001 + 10 * component)
                    self.agent.add_local_candidate(make.passive(at, component), self.listener, self.now)
                    if isinstance(make, HostCandidates):
                        self.agent.add_local_candidate(make.active(host, component), None, self.now)
        self._role = role
        self.take()

    # --- driving --------------------------------------------------------------------------------------------

    def remote(
        self, *candidates: Candidate, ice2: bool = True, lite: bool = False, pacing: int | None = 20
    ) -> None:
        """Set the peer's description."""
        description = Description(
            credentials=THEIRS,
            candidates=candidates,
            options=frozenset({"ice2"} if ice2 else ()),
            lite=lite,
            pacing_ms=pacing,
        )
        self.agent.set_remote(description, self.now)
        self.take()

    def wait(self, seconds: float) -> None:
        """Let time pass, timers included."""
        end = self.now + seconds
        while (at := self.agent.next_timer()) is not None and at <= end:
            self.now = max(self.now, at)
            self.agent.handle_timer(self.now)
            self.take()
        self.now = end

    def take(self) -> None:
        """Collect what the agent says."""
        self.commands += self.agent.take_commands()
        self.events += self.agent.take_events()

    def feed(self, flow: FlowId, remote: TransportAddress, data: bytes) -> None:
        """Bytes arrive."""
        self.agent.receive(flow, remote, data, self.now)
        self.take()

    # --- what the agent said --------------------------------------------------------------------------------

    def state(self) -> SessionState:
        """State of the session; a call, so that it is looked at anew."""
        return self.agent.state

    def said(self, kind: type[_E]) -> list[_E]:
        """Events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def sent(self, flow: FlowId | None = None) -> list[StunMessage]:
        """All STUN messages that left, or those of one socket."""
        return [
            parse(command.data)
            for command in self.commands
            if isinstance(command, SendDatagram | SendFrame) and flow in (None, command.flow)
        ]

    def requests(self, flow: FlowId | None = None) -> list[StunMessage]:
        """Binding requests that left."""
        return [m for m in self.sent(flow) if m.message_class is MessageClass.REQUEST]

    def requests_to(self, remote: TransportAddress) -> list[StunMessage]:
        """Binding requests that left as datagrams for an address."""
        sent = [c for c in self.commands if isinstance(c, SendDatagram) and c.remote == remote]
        messages = [parse(command.data) for command in sent]
        return [m for m in messages if m.message_class is MessageClass.REQUEST]

    def answers(self, flow: FlowId | None = None) -> list[StunMessage]:
        """Binding responses that left."""
        return [m for m in self.sent(flow) if m.message_class in (MessageClass.SUCCESS, MessageClass.ERROR)]

    def dials(self) -> list[OpenTcp]:
        """Connections that were asked for."""
        return [command for command in self.commands if isinstance(command, OpenTcp)]

    def closed(self) -> dict[FlowId, str]:
        """Flows that were closed, and why."""
        return {command.flow: command.reason for command in self.commands if isinstance(command, CloseFlow)}

    def pair(self, transport: Transport = Transport.UDP) -> PairView:
        """The newest pair of a transport."""
        return [pair for pair in self.agent.pairs if pair.local.transport is transport][-1]

    # --- playing the peer -----------------------------------------------------------------------------------

    def check(
        self,
        flow: FlowId,
        remote: TransportAddress,
        *,
        use_candidate: bool = False,
        credentials: Credentials = OURS,
        sender: Credentials = THEIRS,
        role: Role | None = None,
        tie_breaker: int = 5,
        priority: int = 1862270975,
    ) -> None:
        """The peer's check arrives."""
        data = binding_request(
            transaction_id=random.Random(f"{self.now}{flow}{len(self.events)}").randbytes(12),
            local=sender,
            remote=credentials,
            role=role or self._role.other,
            tie_breaker=tie_breaker,
            priority=priority,
            use_candidate=use_candidate,
        )
        self.feed(flow, remote, data)

    def answer(
        self,
        request: StunMessage,
        flow: FlowId,
        remote: TransportAddress,
        *,
        mapped: TransportAddress | None = None,
        password: str = THEIRS.password,
        error: int | None = None,
    ) -> None:
        """The peer answers a request."""
        key = short_term_key(password)
        if error is not None:
            data = binding_error(request, error, "", key)
        else:
            data = binding_success(request, mapped or TransportAddress(host=HOST, port=4010), key)
        self.feed(flow, remote, data)

    def accept(self, remote: TransportAddress = DIALLER, *, listener: FlowId | None = None) -> FlowId:
        """The peer dials our listener."""
        flow = self.agent.new_flow()
        local = TransportAddress(host=HOST, port=4011)
        self.agent.flow_accepted(
            flow, self.listener if listener is None else listener, local, remote, self.now
        )
        self.take()
        return flow

    def opened(self, flow: FlowId, port: int = 50000) -> None:
        """A dial of ours succeeds."""
        self.agent.flow_opened(flow, TransportAddress(host=HOST, port=port), self.now)
        self.take()

    def lost(self, flow: FlowId, reason: str = "reset by the peer") -> None:
        """A connection ends."""
        self.agent.flow_closed(flow, reason, self.now)
        self.take()

    def refuse(self, flow: FlowId) -> None:
        """A dial of ours fails."""
        self.agent.flow_failed(flow, "connection refused", self.now)
        self.take()
