"""The pump: runs the core on the event loop and the sockets.

Feed input, carry out commands, deliver events, re-arm one timer; nothing else happens between core and loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ice.agent import Agent
from ice.checks.connection import DialFailure
from ice.config import IceConfig
from ice.forks import Forks
from ice.messages import Event
from ice.net.address_poll import watch_addresses
from ice.net.clock import CoreTimer, LoopClock
from ice.net.demux import PacketKind, classify
from ice.net.flows import Flows
from ice.net.network import Network
from ice.types import FlowId, TransportAddress

PacketSink = Callable[[FlowId, TransportAddress, bytes, float], None]
StunFilter = Callable[[FlowId, TransportAddress, bytes, float], bool]


class Listener(NamedTuple):
    """Who hears of one agent.

    Attributes:
        on_event: takes every event of the core, in order.
        on_packet: takes what arrives and is not STUN: flow, source, packet, monotonic seconds.
        intercept: looks at STUN before the core does, with the same arguments; True where it took it.
    """

    on_event: Callable[[Event], None]
    on_packet: PacketSink
    intercept: StunFilter


def _nothing() -> None:
    """Nobody watches."""


class Driver:
    """Runs one agent, and its forks; `listen` comes before all else. Made inside a running event loop.

    Args:
        agent: the core.
        network: where sockets come from.
        config: policy of the session.

    Attributes:
        forks: all agents on these sockets.
        flows: the sockets.
    """

    def __init__(self, *, agent: Agent, network: Network, config: IceConfig) -> None:
        self._agent = agent
        self._network, self._config = network, config
        self._unwatch: Callable[[], None] = _nothing
        self.forks = Forks(agent)
        self._listeners: dict[Agent, Listener] = {}
        self._clock = LoopClock()
        self._timer = CoreTimer(self._clock, self._ring)
        self._pumping = False
        self._streams = [agent.streams]
        agent.streams.wake.append(self._pump)
        self.flows = Flows(network, config, self)

    def fork(self, of: Agent) -> Agent:
        """One more agent on the sockets of another; `listen` is to follow at once.

        Raises:
            ValueError: as `ice.forks.Forks.fork`.
        """
        agent = self.forks.fork(of, self._clock.now())
        self.flows.judge_media()
        self._streams.append(agent.streams)
        agent.streams.wake.append(self._pump)
        return agent

    def listen(self, agent: Agent, listener: Listener) -> None:
        """Who hears of an agent."""
        self._listeners[agent] = listener

    def watch_addresses(self) -> None:
        """Give up what stands on addresses of this host that go from now on, where the policy says so."""
        if self._config.watch_addresses:
            self._unwatch = watch_addresses(self._network, self._lose_host)

    def ignore_addresses(self) -> None:
        """Keep everything, whatever addresses this host has."""
        self._unwatch()

    def _lose_host(self, host: str) -> None:
        now = self._clock.now()
        for agent in self.forks:
            agent.host_lost(host, now)
        self.pump()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.now()

    def feed(self, give: Callable[[float], None]) -> None:
        """Give the core input at the present time, then do what it wants."""
        give(self._clock.now())
        self.pump()

    def pump(self) -> None:
        """Carry out commands, deliver events, re-arm the timer: ours, and those of the other streams.

        A command or an event may lead to new input; the pump that runs already goes on until all is done.
        """
        for streams in tuple(self._streams):
            for pump in tuple(streams.wake):
                pump()

    def _pump(self) -> None:
        # Whatever happened may have changed whose media comes from where.
        self.flows.judge_media()
        if self._pumping:
            return
        self._pumping = True
        try:
            while True:
                commands = self.forks.take_commands()
                events = [
                    (agent, event)
                    for agent in self.forks
                    if agent in self._listeners
                    for event in agent.take_events()
                ]
                if not commands and not events:
                    break
                for command in commands:
                    self.flows.carry_out(command)
                for agent, event in events:
                    self._listeners[agent].on_event(event)
        finally:
            self._pumping = False
        self._timer.arm(self.forks.next_timer())

    async def close(self, agent: Agent) -> None:
        """Close an agent, deliver its last events; with the last one everything is freed."""
        if agent in self._listeners:
            self.feed(agent.close)
            del self._listeners[agent]
            self.forks.drop(agent)
            if self._pump in agent.streams.wake:
                agent.streams.wake.remove(self._pump)
            self._streams.remove(agent.streams)
        if not self._listeners:
            self._unwatch()
            await self.flows.close()

    def _ring(self, now: float) -> None:
        due = self.forks.next_timer()
        if due is None or due > now:
            # Media that was heard meanwhile has put off the question whether anything is.
            self._timer.arm(due)
            return
        self.forks.handle_timer(now)
        self.pump()

    # --- what the sockets tell (ice.net.flows.FlowOwner) ---

    def new_flow(self) -> FlowId:
        """A fresh id."""
        return self._agent.new_flow()

    def arrived(self, flow: FlowId, remote: TransportAddress, packet: bytes) -> None:
        """A datagram or the content of a frame."""
        now = self._clock.now()
        if classify(packet) is PacketKind.STUN:
            listeners = tuple(self._listeners.values())
            if not any(listener.intercept(flow, remote, packet, now) for listener in listeners):
                self.forks.receive(flow, remote, packet, now)
                self.pump()
            return
        agent = self.forks.listener(flow, remote)
        if agent is not None and agent in self._listeners:
            self._listeners[agent].on_packet(flow, remote, packet, now)

    def opened(self, flow: FlowId, local: TransportAddress) -> None:
        """Dialling succeeded."""
        self.forks.opened(flow, local, self._clock.now())
        self.pump()

    def failed(self, flow: FlowId, reason: str, failure: DialFailure) -> None:
        """Dialling failed."""
        self.forks.failed(flow, reason, self._clock.now(), failure)
        self.pump()

    def accepted(
        self, flow: FlowId, listener: FlowId, local: TransportAddress, remote: TransportAddress
    ) -> None:
        """A listener accepted a connection."""
        self.forks.accepted(flow, listener, local, remote, self._clock.now())
        self.pump()

    def ended(self, flow: FlowId, reason: str) -> None:
        """A connection ended."""
        self.forks.ended(flow, reason, self._clock.now())
        self.pump()
