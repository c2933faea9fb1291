"""Gathering from everybody who has candidates for us: at once, in turns, with one deadline (RFC 8445 §5.1.1).

A new source is a module with a `Gatherer`, and a line in `sources`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ice.candidates.candidate import Foundations
from ice.checks.pacing import Pacing
from ice.config import IceConfig
from ice.gateways.gathering import PortMappings
from ice.gathering.gatherer import Gatherer, Turns
from ice.gathering.hosts import Gathered, Receivers
from ice.gathering.server_gathering import ServerGathering
from ice.gathering.tcp_reflexive import TcpReflexive
from ice.net.clock import LoopClock
from ice.net.flows import Flows
from ice.net.network import Network
from ice.types import FlowId, TransportAddress


def sources(
    config: IceConfig,
    components: int,
    network: Network,
    flows: Flows,
    receivers: Receivers,
    foundations: Foundations,
) -> tuple[Gatherer, ...]:
    """Everybody who is asked, those first who take longest.

    Args:
        config: who is asked.
        components: how many components the session has.
        network: where sockets come from.
        flows: the sockets of the session.
        receivers: who takes what arrives on new ones.
        foundations: of the session, of its host candidates too.
    """
    if config.lite:
        # A lite agent has host candidates alone (RFC 8445 §5.2).
        return ()
    return (
        ServerGathering(
            config=config,
            components=components,
            network=network,
            flows=flows,
            receivers=receivers,
            foundations=foundations,
        ),
        TcpReflexive(config=config, network=network, foundations=foundations),
        PortMappings(config=config, network=network, flows=flows, foundations=foundations),
    )


class Gathering:
    """All sources of one session. Made inside a running event loop.

    Args:
        config: how long they are waited for.
        components: how many components the session has.
        gatherers: the sources, in the order of their turns.
        pacing: Ta of the session.
    """

    def __init__(
        self, config: IceConfig, components: int, gatherers: Sequence[Gatherer], pacing: Pacing
    ) -> None:
        self._config = config
        self._pacing = pacing
        self._components = range(1, components + 1)
        self._gatherers = tuple(gatherers)
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock()
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._found: list[Gathered] = []
        self._late: list[str] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be had, and what was lost later; for people."""
        told = (problem for gatherer in self._gatherers for problem in gatherer.problems)
        return tuple(dict.fromkeys((*told, *self._late)))

    async def gather(self, bound: Sequence[Gathered]) -> list[Gathered]:
        """Ask everybody; what is late is dropped and told.

        Args:
            bound: the host candidates, whose sockets are with the flows already.
        """
        turns = Turns(self._pacing)
        for gatherer in self._gatherers:
            for job in gatherer.jobs(bound, turns, self._found.append):
                self._tasks[self._loop.create_task(job.work)] = job.name
        try:
            await self._wait({item.candidate.component for item in bound})
        finally:
            await self._end_waiting()
        return self._found

    async def _wait(self, served: set[int]) -> None:
        """Wait for all; beyond the deadline only while a component has no candidate at all."""
        started = self._clock.now()
        running: set[asyncio.Task[None]] = set(self._tasks)
        if running:
            _, running = await asyncio.wait(running, timeout=self._config.gather_timeout_s)
        while running and not served.union(item.candidate.component for item in self._found).issuperset(
            self._components
        ):
            left = started + self._config.gather_patience_s - self._clock.now()
            if left <= 0:
                return
            _, running = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def _end_waiting(self) -> None:
        late = [task for task in self._tasks if not task.done()]
        self._late += [f"{self._tasks[task]}: no answer in time" for task in late]
        await _cancel(late)
        for task in self._tasks:
            if not task.cancelled():
                # A fault of ours must not pass in silence.
                task.result()

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take STUN that a source waits for on a UDP socket of ours; False where nobody does."""
        return any(gatherer.intercept(flow, remote, data, now) for gatherer in self._gatherers)

    def stop(self) -> None:
        """ICE has concluded: nothing is kept alive any longer that is not in use."""
        for gatherer in self._gatherers:
            gatherer.stop()

    async def close(self) -> None:
        """Stop, give everything back, wait until nothing runs; who gathers gets what there is."""
        self.stop()
        await _cancel([task for task in self._tasks if not task.done()])
        for gatherer in self._gatherers:
            await gatherer.close()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
