"""The pump: runs the core on the event loop and the sockets.

Feed input, carry out commands, deliver events, re-arm one timer; nothing else happens between core and loop.
"""

from __future__ import annotations

from collections.abc import Callable

from ice.agent import Agent
from ice.clock import CoreTimer, LoopClock
from ice.config import IceConfig
from ice.connection import DialFailure
from ice.demux import PacketKind, classify
from ice.flows import Flows
from ice.messages import Event
from ice.network import Network
from ice.types import FlowId, TransportAddress

PacketSink = Callable[[FlowId, TransportAddress, bytes, float], None]
StunFilter = Callable[[FlowId, TransportAddress, bytes, float], bool]


class Driver:
    """Runs one agent. Made inside a running event loop.

    Args:
        agent: the core.
        network: where sockets come from.
        config: policy of the session.
        on_event: takes every event of the core, in order.
        on_packet: takes what arrives and is not STUN: flow, source, packet, monotonic seconds.
        intercept: looks at STUN before the core does, with the same arguments; True where it took it.
    """

    def __init__(
        self,
        *,
        agent: Agent,
        network: Network,
        config: IceConfig,
        on_event: Callable[[Event], None],
        on_packet: PacketSink,
        intercept: StunFilter,
    ) -> None:
        self._agent = agent
        self._on_event = on_event
        self._on_packet = on_packet
        self._intercept = intercept
        self._clock = LoopClock()
        self._timer = CoreTimer(self._clock, self._ring)
        self._pumping = False
        agent.streams.wake.append(self._pump)
        self.flows = Flows(network, config, self)

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
        for pump in tuple(self._agent.streams.wake):
            pump()

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        agent = self._agent
        try:
            while True:
                commands, events = agent.take_commands(), agent.take_events()
                if not commands and not events:
                    break
                for command in commands:
                    self.flows.carry_out(command)
                for event in events:
                    self._on_event(event)
        finally:
            self._pumping = False
        self._timer.arm(agent.next_timer())

    async def close(self) -> None:
        """Close the core, deliver its last events, free everything."""
        self.feed(self._agent.close)
        if self._pump in self._agent.streams.wake:
            self._agent.streams.wake.remove(self._pump)
        await self.flows.close()

    def _ring(self, now: float) -> None:
        self._agent.handle_timer(now)
        self.pump()

    # --- what the sockets tell (ice.flows.FlowOwner) ---

    def new_flow(self) -> FlowId:
        """A fresh id."""
        return self._agent.new_flow()

    def arrived(self, flow: FlowId, remote: TransportAddress, packet: bytes) -> None:
        """A datagram or the content of a frame."""
        now = self._clock.now()
        if classify(packet) is PacketKind.STUN:
            if not self._intercept(flow, remote, packet, now):
                self._agent.receive(flow, remote, packet, now)
                self.pump()
        else:
            self._on_packet(flow, remote, packet, now)

    def opened(self, flow: FlowId, local: TransportAddress) -> None:
        """Dialling succeeded."""
        self._agent.flow_opened(flow, local, self._clock.now())
        self.pump()

    def failed(self, flow: FlowId, reason: str, failure: DialFailure) -> None:
        """Dialling failed."""
        self._agent.flow_failed(flow, reason, self._clock.now(), failure)
        self.pump()

    def accepted(
        self, flow: FlowId, listener: FlowId, local: TransportAddress, remote: TransportAddress
    ) -> None:
        """A listener accepted a connection."""
        self._agent.flow_accepted(flow, listener, local, remote, self._clock.now())
        self.pump()

    def ended(self, flow: FlowId, reason: str) -> None:
        """A connection ended."""
        self._agent.flow_closed(flow, reason, self._clock.now())
        self.pump()
