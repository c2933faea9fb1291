"""A simulated host whose description several peers answer: `ice.forks` on the sockets of one `IceHost`."""

from __future__ import annotations

from typing import TypeVar, cast

from ice.agent import Agent
from ice.checks.connection import DialFailure
from ice.config import IceConfig
from ice.forks import Forks
from ice.messages import Command, Event
from ice.types import Candidate, Description, FlowId, Role, SessionState, TransportAddress
from tests.net.host import Host
from tests.net.ice_host import IceHost

_E = TypeVar("_E", bound=Event)


class _Together:
    """What `IceHost` asks of its agent, asked of all forks."""

    def __init__(self, first: Agent) -> None:
        self.first = first
        self.forks = Forks(first)
        self.heard: dict[Agent, list[Event]] = {first: []}

    @property
    def state(self) -> SessionState:
        return self.first.state

    @property
    def local_description(self) -> Description:
        return self.first.local_description

    def new_flow(self) -> FlowId:
        return self.first.new_flow()

    def add_local_candidate(self, candidate: Candidate, flow: FlowId | None, now: float) -> None:
        self.first.add_local_candidate(candidate, flow, now)

    def accepts_data(self, flow: FlowId, remote: TransportAddress) -> int | None:
        agent = self.forks.listener(flow, remote)
        return None if agent is None else agent.accepts_data(flow, remote)

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        self.forks.receive(flow, remote, data, now)

    def flow_opened(self, flow: FlowId, local: TransportAddress, now: float) -> None:
        self.forks.opened(flow, local, now)

    def flow_failed(
        self, flow: FlowId, reason: str, now: float, failure: DialFailure = DialFailure.OTHER
    ) -> None:
        self.forks.failed(flow, reason, now, failure)

    def flow_closed(self, flow: FlowId, reason: str, now: float) -> None:
        self.forks.ended(flow, reason, now)

    def flow_accepted(
        self,
        flow: FlowId,
        listener: FlowId,
        local: TransportAddress,
        remote: TransportAddress,
        now: float,
    ) -> None:
        self.forks.accepted(flow, listener, local, remote, now)

    def handle_timer(self, now: float) -> None:
        self.forks.handle_timer(now)

    def next_timer(self) -> float | None:
        return self.forks.next_timer()

    def take_commands(self) -> list[Command]:
        return self.forks.take_commands()

    def take_events(self) -> list[Event]:
        for agent in self.forks:
            self.heard[agent] += agent.take_events()
        return []


class ForkHost(IceHost):
    """The offerer; every fork is an agent of its own.

    Args:
        host: where.
        config: policy.
    """

    def __init__(self, host: Host, *, config: IceConfig | None = None) -> None:
        super().__init__(host, role=Role.CONTROLLING, config=config, tie_breaker=2**63)
        self.first = self.agent
        self.together = _Together(self.agent)
        self.agent = cast("Agent", self.together)

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.host.internet.clock.now

    def fork(self) -> Agent:
        """One more agent."""
        agent = self.together.forks.fork(self.first, self.now)
        self.together.heard[agent] = []
        self.pump()
        return agent

    def answered(self, agent: Agent, description: Description) -> None:
        """A peer's description has arrived."""
        self.together.forks.set_remote(agent, description, self.now)
        self.pump()

    def end(self, agent: Agent) -> None:
        """Close one agent."""
        agent.close(self.now)
        self.pump()
        self.together.forks.drop(agent)

    def of(self, agent: Agent, kind: type[_E]) -> list[_E]:
        """What an agent told, of one class."""
        return [event for event in self.together.heard[agent] if isinstance(event, kind)]
