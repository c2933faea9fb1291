"""Gathering from STUN servers: the sockets, timers and names around `ice.server_reflexive`."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ice.candidate import ServerCandidates
from ice.clock import LoopClock
from ice.config import IceConfig
from ice.flows import Flows
from ice.gather import Gathered, Gathering
from ice.resolve import addresses_of
from ice.server_reflexive import Finding, Mapped, NotMapped, ServerReflexive
from ice.servers import StunServer
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
        flows: the sockets of the session.
    """

    def __init__(self, *, config: IceConfig, flows: Flows) -> None:
        self._config = config
        self._flows = flows
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock()
        self._reflexive = ServerReflexive(
            ta_s=config.pacing_ms / 1000, keepalive_s=config.keepalive_s, random=secrets.token_bytes
        )
        self._questions: dict[tuple[FlowId, TransportAddress], _Question] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._found: list[Gathered] = []
        self._problems: list[str] = []
        self._maker = ServerCandidates(())

    async def gather(self, bound: Sequence[Gathered]) -> Gathering:
        """Ask all servers, each request in its turn; what is late is dropped and told.

        Args:
            bound: the host candidates, whose sockets are with the flows already.
        """
        sockets = [item for item in bound if item.udp is not None]
        self._maker = ServerCandidates(tuple(dict.fromkeys(item.candidate.address.host for item in bound)))
        for order, server in enumerate(self._config.stun_servers):
            name = f"STUN server {server}"
            self._tasks[self._loop.create_task(self._ask(server, name, order, sockets))] = name
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._config.gather_timeout_s)
        finally:
            await self._end_waiting()
        return Gathering(gathered=tuple(self._found), problems=tuple(self._problems))

    async def _end_waiting(self) -> None:
        late = [task for task in self._tasks if not task.done()]
        for task in late:
            self._problems.append(f"{self._tasks[task]}: no answer in {self._config.gather_timeout_s:g} s")
            task.cancel()
        self._reflexive.give_up()
        self._pump()
        if late:
            await asyncio.wait(late)

    async def _ask(self, server: StunServer, name: str, order: int, sockets: Sequence[Gathered]) -> None:
        """Ask one server about all sockets that it can be reached from."""
        if server.transport != "udp":
            self._problems.append(f"{name}: only a server over UDP tells UDP addresses")
            return
        try:
            addresses = await addresses_of(server.host)
        except OSError as error:
            self._problems.append(f"{name}: {describe_error(error)}")
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
            self._problems.append(f"{name}: no address of this host can reach it")

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
                self._problems.append(f"{question.name}, asked from {base.address}: {reason}")

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
        """Stop, and wait until nothing runs any more; whoever gathers gets what there is."""
        self.stop()
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _pump(self) -> None:
        for command in self._reflexive.take_commands():
            socket = self._flows.udp(command.flow)
            if socket is None:
                self._reflexive.forget(command.flow)
            else:
                socket.send(command.data, command.remote)
        for finding in self._reflexive.take_findings():
            self._learn(finding)
        if self._timer is not None:
            self._timer.cancel()
        at = self._reflexive.next_timer
        self._timer = None if at is None else self._loop.call_at(at, self._ring, at)

    def _ring(self, at: float) -> None:
        self._timer = None
        # The loop may ring a little early.
        self._reflexive.handle_timer(max(at, self._clock.now()))
        self._pump()


def may_ask(local: str, server: str) -> bool:
    """True where a request from `local` may reach `server`: one family, loopback with loopback only."""
    here, there = ipaddress.ip_address(local), ipaddress.ip_address(server)
    return here.version == there.version and here.is_loopback is there.is_loopback
