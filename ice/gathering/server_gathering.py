"""Gathering from STUN servers over UDP, and from TURN servers (RFC 8445 §5.1.1.2): a `Gatherer`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ice.candidates.candidate import Foundations, ServerCandidates
from ice.checks.pacing import Pacing
from ice.config import IceConfig
from ice.errors import TurnError
from ice.gathering.gatherer import Askable, Found, Job, Turns, askable
from ice.gathering.hosts import Gathered, Receivers, usable_hosts
from ice.gathering.resolve import server_names
from ice.gathering.server_reflexive import Finding, Mapped, NotMapped, ServerReflexive
from ice.gathering.servers import StunServer, TurnServer
from ice.messages import SendDatagram
from ice.net.clock import CoreTimer, LoopClock
from ice.net.flows import Flows
from ice.net.network import Network
from ice.net.tcp_socket import describe_error
from ice.turn.allocation import TRANSPORT_NOT_SUPPORTED
from ice.turn.relays import Relays, local_host_for
from ice.types import FlowId, TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What one server is asked about one socket.

    Attributes:
        host: the host candidate of the socket.
        name: of the server, for people.
        order: place of the server in the configuration.
        answered: done once the server has told, true, or will not.
    """

    host: Gathered
    name: str
    order: int
    answered: asyncio.Future[bool]


class ServerGathering:
    """Server-reflexive UDP candidates and relayed ones. Made inside a running event loop.

    Args:
        config: the servers.
        components: how many components the session has.
        network: where sockets towards TURN servers come from.
        flows: the sockets of the session.
        foundations: of the session.
        receivers: who takes what peers send to relayed addresses.

    Attributes:
        problems: what could not be had, and what was lost later; for people.
    """

    def __init__(
        self,
        *,
        config: IceConfig,
        components: int,
        network: Network,
        flows: Flows,
        receivers: Receivers,
        foundations: Foundations | None = None,
    ) -> None:
        self._foundations = foundations
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
            config=config,
            network=network,
            receivers=receivers,
            foundations=foundations,
            on_problem=self.problems.append,
        )
        self._questions: dict[tuple[FlowId, TransportAddress], _Question] = {}
        self._timer = CoreTimer(self._clock, self._ring)
        self._turns = Turns(Pacing(config.pacing_ms))
        self._names = server_names(config)
        self._found: Found = lambda _: None
        self._maker = ServerCandidates(())

    def jobs(self, bound: Sequence[Gathered], turns: Turns, found: Found) -> Iterable[Job]:
        """One for each relayed candidate, then one for each STUN server."""
        self._turns, self._found = turns, found
        sockets = [item for item in bound if item.udp is not None]
        hosts = tuple(dict.fromkeys(item.candidate.address.host for item in bound))
        self._maker = ServerCandidates(hosts, self._foundations)
        for order, server in enumerate(self._config.turn_servers):
            for component in self._components if self._relays.usable(server) else ():
                name = f"TURN server {server}"
                yield Job(name=name, work=self._relay(server, name, component, order))
        if self._config.relay_ipv6 and self._lacks_ipv6():
            for order, server in enumerate(self._config.turn_servers):
                for component in self._components if self._relays.usable(server) else ():
                    name = f"TURN server {server} over IPv6"
                    place = len(self._config.turn_servers) + order
                    yield Job(name=name, work=self._relay(server, name, component, place, ipv6=True))
        for order, server in enumerate(self._config.turn_servers):
            for component in self._components if self._relays.listens(server) else ():
                name = f"TURN server {server}"
                yield Job(name=name, work=self._relay(server, name, component, order, tcp=True))
        for order, stun in enumerate(self._stun_servers() if sockets else ()):
            name = f"STUN server {stun}"
            yield Job(name=name, work=self._ask(stun, name, order, sockets))

    def _lacks_ipv6(self) -> bool:
        """True on a host whose peers with IPv6 alone are reached by a relay only (RFC 6544 §5)."""
        hosts = usable_hosts(self._network.host_addresses(), self._config)
        return not any(":" in host for host in hosts)

    def _stun_servers(self) -> tuple[StunServer, ...]:
        """A TURN server answers Binding requests as well (RFC 8656 §1)."""
        if not self._config.server_reflexive:
            return ()
        asked = [server for server in self._config.stun_servers if server.transport == "udp"]
        asked += [
            StunServer(host=server.host, port=server.port, srv=server.srv)
            for server in self._config.turn_servers
            if server.transport == "udp"
        ]
        return tuple(dict.fromkeys(asked))

    # --- relayed candidates ---------------------------------------------------------------------------------

    async def _relay(
        self,
        server: TurnServer,
        name: str,
        component: int,
        order: int,
        *,
        tcp: bool = False,
        ipv6: bool = False,
    ) -> None:
        """Get the relayed candidate of one component, or the two where TCP is relayed."""
        try:
            targets = await self._names.targets(server)
        except OSError as error:
            self._tell(f"{name}: {describe_error(error)}")
            return
        hosts = usable_hosts(self._network.host_addresses(), self._config)
        ways = [
            (replace(server, port=target.port), address, local_host)
            for target in targets
            for address in target.addresses
            if (local_host := local_host_for(address, hosts, self._config)) is not None
        ]
        if not ways:
            self._tell(f"{name}: no address of this host can reach it")
        for number, (at, address, local_host) in enumerate(ways, start=1):
            await self._turns.take()
            # RFC 8489 §8.1: who does not answer is left for the next; the last is waited for to the end.
            patience_s = None if number == len(ways) else self._config.gather_timeout_s / len(ways)
            try:
                async with asyncio.timeout(patience_s):
                    await self._allocate(at, name, address, local_host, component, order, tcp=tcp, ipv6=ipv6)
                return
            except (TurnError, TimeoutError) as error:
                refused = isinstance(error, TurnError) and error.code == TRANSPORT_NOT_SUPPORTED
                # Most servers relay no TCP: no trouble, and nothing that could be mended here.
                if number == len(ways) and not (tcp and refused):
                    self._tell(str(error) or f"{name}: no answer in time")

    async def _allocate(
        self,
        server: TurnServer,
        name: str,
        address: str,
        local_host: str,
        component: int,
        order: int,
        *,
        tcp: bool,
        ipv6: bool,
    ) -> None:
        if tcp:
            for item in await self._relays.listen(server, name, address, local_host, component, order):
                self._found(item)
        else:
            self._found(
                await self._relays.allocate(server, name, address, local_host, component, order, ipv6=ipv6)
            )

    def _tell(self, problem: str) -> None:
        """The components of one server have their troubles together: told once."""
        if problem not in self.problems:
            self.problems.append(problem)

    # --- server-reflexive candidates ------------------------------------------------------------------------

    async def _ask(self, server: StunServer, name: str, order: int, sockets: Sequence[Gathered]) -> None:
        """Ask one server about all sockets that it can be reached from."""
        try:
            targets = await self._names.targets(server)
        except OSError as error:
            self._tell(f"{name}: {describe_error(error)}")
            return
        reached = False
        try:
            for number, target in enumerate(targets, start=1):
                asked = askable(sockets, target)
                reached = reached or bool(asked)
                # RFC 8489 §8.1: who does not answer is left for the next; the last is waited for to the end.
                patience_s = None if number == len(targets) else self._config.gather_timeout_s / len(targets)
                if await self._ask_all(asked, name, order, patience_s):
                    return
        except asyncio.CancelledError:
            self._reflexive.give_up()
            self._pump()
            raise
        if not reached:
            self._tell(f"{name}: no address of this host can reach it")

    async def _ask_all(
        self, asked: Sequence[Askable], name: str, order: int, patience_s: float | None
    ) -> bool:
        """Ask one host about all sockets; True where it has told of any in time."""
        questions = []
        for item, flow, remote in asked:
            if (flow, remote) not in self._questions:
                question = _Question(host=item, name=name, order=order, answered=self._loop.create_future())
                self._questions[flow, remote] = question
                await self._turns.take()
                self._reflexive.ask(flow, remote, self._clock.now(), among=len(asked))
                self._pump()
            questions.append(self._questions[flow, remote].answered)
        if questions:
            await asyncio.wait(questions, timeout=patience_s)
        return any(question.done() and question.result() for question in questions)

    def _learn(self, finding: Finding) -> None:
        question = self._questions[finding.flow, finding.server]
        if question.answered.done():
            # A mapping that changed later: the checks find the new one, as a peer-reflexive candidate.
            return
        question.answered.set_result(isinstance(finding, Mapped))
        base = question.host.candidate
        match finding:
            case Mapped(address=address):
                candidate = self._maker.reflexive(base, address, finding.server.host, question.order)
                self._found(Gathered(candidate=candidate, flow=finding.flow, udp=question.host.udp))
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
        """Stop, give back all allocations, and wait until they are."""
        self.stop()
        await self._relays.close()

    def _pump(self) -> None:
        for command in self._reflexive.take_commands():
            socket = self._flows.udp(command.flow)
            if socket is None:
                self._reflexive.forget(command.flow)
            elif isinstance(command, SendDatagram):
                socket.send(command.data, command.remote)
        for finding in self._reflexive.take_findings():
            self._learn(finding)
        self._timer.arm(self._reflexive.next_timer)

    def _ring(self, now: float) -> None:
        self._reflexive.handle_timer(now)
        self._pump()
