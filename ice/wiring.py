"""What a session is made of on this host: agent, driver, local sides; new ones, or those of a fork."""

from __future__ import annotations

import secrets

from ice.agent import Agent
from ice.config import IceConfig
from ice.driver import Driver
from ice.fresh_credentials import fresh_credentials
from ice.gathering.hosts import Receivers
from ice.gathering.local_side import LocalSide
from ice.gathering.local_sides import LocalSides
from ice.net.network import Network
from ice.streams import Streams
from ice.types import FlowId


class Wiring:
    """The parts of one session, joined. Made inside a running event loop.

    Args:
        network: where sockets come from.
        config: policy.
        components: of the session.
        streams: what the streams of the session share.
        fork_of: the session whose description, sockets and driver this one has too; None: of none.

    Attributes:
        agent: the core.
        driver: runs it.
        sides: the local side of each generation.
    """

    def __init__(
        self,
        *,
        network: Network,
        config: IceConfig,
        components: int,
        streams: Streams,
        fork_of: Wiring | None = None,
    ) -> None:
        self._network = network
        self._config = config
        self._streams = streams
        if fork_of is None:
            self.agent = Agent(
                role=streams.roles.role,
                credentials=fresh_credentials(),
                tie_breaker=streams.roles.tie_breaker,
                components=components,
                config=config,
                random=secrets.token_bytes,
                streams=streams,
            )
            self.driver = Driver(agent=self.agent, network=network, config=config)
        else:
            self.driver = fork_of.driver
            self.agent = self.driver.fork(fork_of.agent)
        flows = self.driver.flows
        self._receivers = Receivers(
            new_flow=self.agent.new_flow,
            datagrams=flows.datagram_receiver,
            connections=flows.connection_receiver,
            lost=self._lose_socket,
        )
        self.sides: LocalSides = LocalSides(
            self._local_side, components, None if fork_of is None else fork_of.sides.current
        )

    def fork(self, components: int) -> Wiring:
        """The parts of a session with another peer that has our description.

        Raises:
            ValueError: as `ice.forks.Forks.fork`.
        """
        return Wiring(
            network=self._network,
            config=self._config,
            components=components,
            streams=self._streams,
            fork_of=self,
        )

    def _local_side(self, components: int) -> LocalSide:
        return LocalSide(
            config=self._config,
            components=components,
            network=self._network,
            receivers=self._receivers,
            pacing=self.agent.streams.pacing,
            agent=self.agent,
            driver=self.driver,
        )

    def _lose_socket(self, flow: FlowId, reason: str) -> None:
        self.driver.feed(lambda now: self.driver.forks.lost(flow, reason, now))
