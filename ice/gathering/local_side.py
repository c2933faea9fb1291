"""What one generation of a session has on this host: sockets, sources of candidates, the description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ice.agent import Agent
from ice.checks.pacing import Pacing
from ice.config import IceConfig
from ice.driver import Driver
from ice.errors import GatheringFailed
from ice.gathering.gathering import Gathering, sources
from ice.gathering.hosts import Gathered, Receivers, gather_hosts, release
from ice.gathering.local_sockets import LocalSockets
from ice.net.network import Network
from ice.types import Description, FlowId, TransportAddress


class LocalSide:
    """Gathers once, and keeps what came of it. Made inside a running event loop.

    Args:
        config: policy.
        components: how many components are gathered for.
        network: where sockets come from.
        receivers: who takes what arrives on sockets.
        pacing: Ta of the session.
        agent: takes the candidates.
        driver: takes the sockets over.

    Attributes:
        sockets: of the candidates.
        description: what the peer is told, None before gathering is through.
        closed: nothing more may be opened.
    """

    def __init__(
        self,
        *,
        config: IceConfig,
        components: int,
        network: Network,
        receivers: Receivers,
        pacing: Pacing,
        agent: Agent,
        driver: Driver,
    ) -> None:
        self._config = config
        self._components = components
        self._network = network
        self._receivers = receivers
        self._agent = agent
        self._driver = driver
        self._foundations = agent.streams.foundations
        asked = sources(config, components, network, driver.flows, receivers, self._foundations)
        self._sources = Gathering(config, components, asked, pacing)
        self._priorities = config.priorities()
        self._problems: tuple[str, ...] = ()
        self.sockets = LocalSockets(driver.flows, ipv6=config.default_ipv6)
        self.description: Description | None = None
        self.closed = False
        self._users: set[object] = set()
        self._searching: set[object] = set()

    def join(self, user: object) -> None:
        """Somebody uses it: a session, or several that are forks of one (`ice.forks`)."""
        self._users.add(user)
        self._searching.add(user)

    @property
    def shared(self) -> bool:
        """True while forks use it."""
        return len(self._users) > 1

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be had, and what was lost later; for people."""
        return *self._problems, *self._sources.problems

    async def gather(self) -> Description:
        """Bind the sockets, ask everybody, describe.

        Raises:
            GatheringFailed: no candidate could be had, or `close` was called meanwhile.
            ValueError: the policy of `config.prioritisation` gave a priority out of range or twice.
        """
        hosts: tuple[Gathered, ...] = ()
        if not self._config.relay_only:
            bound = await gather_hosts(
                self._network, self._config, self._components, self._receivers, self._foundations
            )
            self._problems = bound.problems
            self._adopt(bound.gathered)
            hosts = bound.gathered
        self._adopt(await self._sources.gather(hosts))
        description = self._agent.local_description
        if not description.candidates:
            why = "; ".join(self._sources.problems) or "no TURN server can be used"
            raise GatheringFailed(f"no relayed candidate: {why}")
        self.description = description
        self.sockets.tell(description)
        return description

    def _adopt(self, gathered: Sequence[Gathered]) -> None:
        if self.closed:
            release(gathered)
            raise GatheringFailed("the session was closed while it gathered")
        try:
            ranked = [replace(item, candidate=self._priorities.give(item.candidate)) for item in gathered]
        except ValueError:
            release(gathered)
            raise
        for item in ranked:
            self.sockets.adopt(item)
            self._agent.add_local_candidate(item.candidate, item.flow, self._driver.now())

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take STUN that a source waits for on a UDP socket; False where nobody does."""
        return self._sources.intercept(flow, remote, data, now)

    def limit_components(self, count: int) -> None:
        """Components beyond `count` are not used; forks may use them still."""
        if not self.shared:
            self.sockets.limit_components(count)

    def stop(self, user: object) -> None:
        """ICE has concluded: nothing is kept alive any longer that is not in use."""
        self._searching.discard(user)
        if not self._searching:
            self._sources.stop()

    async def close(self, user: object) -> None:
        """Give everything back where nobody else uses it, and wait until it is; not the sockets."""
        self._users.discard(user)
        if self._users:
            self.stop(user)
            return
        self.closed = True
        await self._sources.close()
