"""Gathering from STUN and TURN servers: all at once, in turns, with one deadline (RFC 8445 §5.1.1.2)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from ice.address import may_ask
from ice.candidate import ServerCandidates
from ice.clock import CoreTimer, LoopClock
from ice.config import IceConfig
from ice.errors import TurnError
from ice.flows import Flows
from ice.gather import Gathered, Receivers, usable_hosts
from ice.network import Network
from ice.relays import Relays, local_host_for
from ice.resolve import addresses_of
from ice.server_reflexive import Finding, Mapped, NotMapped, ServerReflexive
from ice.servers import StunServer, TurnServer
from ice.tcp_connection import describe_error
from ice.types import FlowId, TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What one server is asked about one socket.

    Attributes:
        host: the host candidate of the socket.
        name: of the server, for people.
        order: place of the server in the configuration.
        answered: done once the server has told, or will not.
    """

    host: Gathered
    name: str
    order: int
    answered: asyncio.Future[None]


class ServerGathering:
    """Everything that the servers of one session give us. Made inside a running event loop.

    Args:
        config: the servers, and how long they are waited for.
        components: how many components the session has.
        network: where sockets towards TURN servers come from.
        flows: the sockets of the session.
        receivers: who takes what peers send to relayed addresses.

    Attributes:
        problems: what could not be had, and what was lost later; for people.
    """

    def __init__(
        self, *, config: IceConfig, components: int, network: Network, flows: Flows, receivers: Receivers
    ) -> None:
        self.problems: list[str] = []
        self._config = config
        self._components = range(1, components + 1)
        self._network = network
        self._flows = flows
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock()
        self._ta_s = config.pacing_ms / 1000
        self._reflexive = ServerReflexive(
            ta_s=self._ta_s, keepalive_s=config.keepalive_s, random=secrets.token_bytes
        )
        self._relays = Relays(
            config=config, network=network, receivers=receivers, on_problem=self.problems.append
        )
        self._questions: dict[tuple[FlowId, TransportAddress], _Question] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._timer = CoreTimer(self._clock, self._ring)
        self._found: list[Gathered] = []
        self._maker = ServerCandidates(())

    async def gather(self, bound: Sequence[Gathered]) -> list[Gathered]:
        """Ask all servers, each request in its turn; what is late is dropped and told.

        Args:
            bound: the host candidates, whose sockets are with the flows already.
        """
        sockets = [item for item in bound if item.udp is not None]
        self._maker = ServerCandidates(tuple(dict.fromkeys(item.candidate.address.host for item in bound)))
        turn = 0
        for order, server in enumerate(self._config.turn_servers):
            for component in self._components if self._relays.usable(server) else ():
                name = f"TURN server {server}"
                self._begin(name, self._relay(server, name, component, order, turn * self._ta_s))
                turn += 1
        self._reflexive.hold_until(self._clock.now() + turn * self._ta_s)
        for order, stun in enumerate(self._stun_servers() if sockets else ()):
            name = f"STUN server {stun}"
            self._begin(name, self._ask(stun, name, order, sockets))
        try:
            await self._wait({item.candidate.component for item in bound})
        finally:
            await self._end_waiting()
        return self._found

    def _stun_servers(self) -> tuple[StunServer, ...]:
        """A TURN server answers Binding requests as well (RFC 8656 §1)."""
        relays = (
            StunServer(host=server.host, port=server.port)
            for server in self._config.turn_servers
            if server.transport == "udp"
        )
        return tuple(dict.fromkeys((*self._config.stun_servers, *relays)))

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[self._loop.create_task(work)] = name

    async def _wait(self, served: set[int]) -> None:
        """Wait for the servers; beyond the deadline only while a component has no candidate at all."""
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
        self.problems += dict.fromkeys(f"{self._tasks[task]}: no answer in time" for task in late)
        for task in late:
            task.cancel()
        self._reflexive.give_up()
        self._pump()
        if late:
            await asyncio.wait(late)
        for task in self._tasks:
            if not task.cancelled():
                # A fault of ours must not pass in silence.
                task.result()

    # --- relayed candidates ---------------------------------------------------------------------------------

    async def _relay(self, server: TurnServer, name: str, component: int, order: int, wait_s: float) -> None:
        """Get the relayed candidate of one component."""
        await asyncio.sleep(wait_s)
        try:
            addresses = await addresses_of(server.host)
        except OSError as error:
            self._tell(f"{name}: {describe_error(error)}")
            return
        hosts = usable_hosts(self._network.host_addresses(), self._config)
        for address in addresses:
            local_host = local_host_for(address, hosts, self._config)
            if local_host is not None:
                break
        else:
            self._tell(f"{name}: no address of this host can reach it")
            return
        try:
            self._found.append(
                await self._relays.allocate(server, name, address, local_host, component, order)
            )
        except TurnError as error:
            self._tell(str(error))

    def _tell(self, problem: str) -> None:
        """The components of one server have their troubles together: told once."""
        if problem not in self.problems:
            self.problems.append(problem)

    # --- server-reflexive candidates ------------------------------------------------------------------------

    async def _ask(self, server: StunServer, name: str, order: int, sockets: Sequence[Gathered]) -> None:
        """Ask one server about all sockets that it can be reached from."""
        if server.transport != "udp":
            self._tell(f"{name}: only a server over UDP tells UDP addresses")
            return
        try:
            addresses = await addresses_of(server.host)
        except OSError as error:
            self._tell(f"{name}: {describe_error(error)}")
            return
        questions = []
        reachable = False
        for host in addresses:
            remote = TransportAddress(host=host, port=server.port)
            for item in sockets:
                if item.flow is None or not may_ask(item.candidate.address.host, host):
                    continue
                reachable = True
                if (item.flow, remote) not in self._questions:
                    question = _Question(
                        host=item, name=name, order=order, answered=self._loop.create_future()
                    )
                    self._questions[item.flow, remote] = question
                    questions.append(question.answered)
                    self._reflexive.ask(item.flow, remote, self._clock.now())
        self._pump()
        if questions:
            await asyncio.wait(questions)
        if not reachable:
            self._tell(f"{name}: no address of this host can reach it")

    def _learn(self, finding: Finding) -> None:
        question = self._questions[finding.flow, finding.server]
        if question.answered.done():
            # A mapping that changed later: the checks find the new one, as a peer-reflexive candidate.
            return
        question.answered.set_result(None)
        base = question.host.candidate
        match finding:
            case Mapped(address=address):
                candidate = self._maker.reflexive(base, address, finding.server.host, question.order)
                self._found.append(Gathered(candidate=candidate, flow=finding.flow, udp=question.host.udp))
            case NotMapped(reason=reason):
                self._tell(f"{question.name}, asked from {base.address}: {reason}")

    # --- the life of the mappings ---------------------------------------------------------------------------

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take what a server answered; False where it is not that."""
        if not self._reflexive.receive(flow, remote, data, now):
            return False
        self._pump()
        return True

    def stop(self) -> None:
        """ICE is over: no mapping is kept alive any longer."""
        self._reflexive.stop()
        self._pump()

    async def close(self) -> None:
        """Stop, give back all allocations, wait until nothing runs; who gathers gets what there is."""
        self.stop()
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await self._relays.close()

    def _pump(self) -> None:
        for command in self._reflexive.take_commands():
            socket = self._flows.udp(command.flow)
            if socket is None:
                self._reflexive.forget(command.flow)
            else:
                socket.send(command.data, command.remote)
        for finding in self._reflexive.take_findings():
            self._learn(finding)
        self._timer.arm(self._reflexive.next_timer)

    def _ring(self, now: float) -> None:
        self._reflexive.handle_timer(now)
        self._pump()
