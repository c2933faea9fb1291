"""Server-reflexive TCP candidates: STUN servers asked from the listening ports (RFC 6544 §5.2): a `Gatherer`.

The connection to a server leaves from the very port that is listened on, carries STUN without frames, and
stays open, with a request now and then, until ICE has concluded: the mapping of a NAT lives as long.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ice.candidates.candidate import Foundations, ServerCandidates
from ice.checks.pacing import Pacing
from ice.config import IceConfig
from ice.gathering.gatherer import Askable, Found, Job, Turns, askable
from ice.gathering.hosts import Gathered
from ice.gathering.resolve import server_names
from ice.gathering.server_reflexive import (
    CloseStream,
    Finding,
    Mapped,
    NotMapped,
    OpenStream,
    SendStream,
    ServerReflexive,
)
from ice.gathering.servers import StunServer, stream_servers
from ice.net.clock import CoreTimer, LoopClock
from ice.net.network import ByteStream, Network
from ice.net.tcp_socket import describe_error
from ice.turn.message_stream import StreamMessages
from ice.types import FlowId, TcpType, TransportAddress

KEEPALIVE_S = 30.0
"""The longest that a NAT sees nothing on such a connection (RFC 8445 §5.1.1.4)."""

ALPN = "stun.nat-discovery"
"""RFC 7443 §4."""

_Key = tuple[FlowId, TransportAddress]
"""A listener, and the server that is asked from its port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What one server is asked about one listener.

    Attributes:
        host: the host candidate of the listener.
        server: as configured; `order` is its place there.
        answered: done once the server has told, true, or will not.
    """

    host: Gathered
    server: StunServer
    order: int
    answered: asyncio.Future[bool]


class TcpReflexive:
    """Server-reflexive TCP candidates of one session. Made inside a running event loop.

    Args:
        config: the servers and times.
        network: where the connections to them come from.
    """

    def __init__(
        self, *, config: IceConfig, network: Network, foundations: Foundations | None = None
    ) -> None:
        self._foundations = foundations
        self.problems: list[str] = []
        self._config = config
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock()
        self._timer = CoreTimer(self._clock, self._ring)
        ta_s = config.pacing_ms / 1000
        keepalive_s = min(config.keepalive_s, KEEPALIVE_S)
        self._core = ServerReflexive(ta_s=ta_s, keepalive_s=keepalive_s, random=secrets.token_bytes)
        self._maker = ServerCandidates(())
        self._turns = Turns(Pacing(config.pacing_ms))
        self._names = server_names(config)
        self._found: Found = lambda _: None
        self._questions: dict[_Key, _Question] = {}
        self._dials: dict[_Key, asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._streams: dict[_Key, ByteStream] = {}

    def jobs(self, bound: Sequence[Gathered], turns: Turns, found: Found) -> Iterable[Job]:
        """One for each server, where the system lets connections leave from a port that is listened on."""
        self._turns, self._found = turns, found
        listeners = [item for item in bound if item.listener is not None]
        servers = stream_servers(self._config.stun_servers, self._config.turn_servers)
        if not self._config.server_reflexive:
            return
        if bound and not listeners:
            self.problems += [
                f"STUN server {server}: over TCP it tells TCP addresses, and there is no TCP candidate"
                for server in self._config.stun_servers
                if server in servers
            ]
        if not listeners or not servers:
            return
        if not self._network.shares_ports:
            self.problems.append("STUN over TCP: this system cannot connect from a port that is listened on")
            return
        hosts = tuple(dict.fromkeys(item.candidate.address.host for item in bound))
        self._maker = ServerCandidates(hosts, self._foundations)
        for order, server in enumerate(servers):
            yield Job(name=f"STUN server {server}", work=self._ask(server, order, listeners))

    async def _ask(self, server: StunServer, order: int, listeners: Sequence[Gathered]) -> None:
        """Ask one server about all listeners that it can be reached from."""
        try:
            targets = await self._names.targets(server)
        except OSError as error:
            self._tell(f"STUN server {server}: {describe_error(error)}")
            return
        reached = False
        try:
            for number, target in enumerate(targets, start=1):
                asked = askable(listeners, target)
                reached = reached or bool(asked)
                # RFC 8489 §8.1: who does not answer is left for the next; the last is waited for to the end.
                patience_s = None if number == len(targets) else self._config.gather_timeout_s / len(targets)
                if await self._ask_all(asked, server, order, patience_s):
                    return
        except asyncio.CancelledError:
            self._core.give_up()
            self._pump()
            raise
        if not reached:
            self._tell(f"STUN server {server}: no address of this host can reach it")

    async def _ask_all(
        self, asked: Sequence[Askable], server: StunServer, order: int, patience_s: float | None
    ) -> bool:
        """Ask one host about all listeners; True where it has told of any in time."""
        questions = []
        for item, flow, remote in asked:
            # Under another name it may have been: the same server is never dialled twice from one port.
            if (flow, remote) not in self._questions:
                question = _Question(
                    host=item, server=server, order=order, answered=self._loop.create_future()
                )
                self._questions[flow, remote] = question
                await self._turns.take()
                self._core.ask(flow, remote, self._clock.now(), stream=True)
                self._pump()
            questions.append(self._questions[flow, remote].answered)
        if questions:
            await asyncio.wait(questions, timeout=patience_s)
        return any(question.done() and question.result() for question in questions)

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _learn(self, finding: Finding) -> None:
        question = self._questions[finding.flow, finding.server]
        base, server = question.host.candidate, finding.server.host
        first = not question.answered.done()
        if first:
            question.answered.set_result(isinstance(finding, Mapped))
        match finding:
            case Mapped(address=address) if first:
                candidate = self._maker.reflexive(base, address, server, question.order)
                self._found(Gathered(candidate=candidate, flow=finding.flow, listener=question.host.listener))
                if base.tcptype is TcpType.PASSIVE:
                    active = self._maker.reflexive_active(base, address, server, question.order)
                    self._found(Gathered(candidate=active))
            case Mapped():
                # A mapping that changed later: the checks find out.
                pass
            case NotMapped(reason=reason):
                self._tell(f"STUN server {question.server}, asked from {base.address}: {reason}")

    # --- streams --------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        for command in self._core.take_commands():
            match command:
                case OpenStream(flow=flow, server=server):
                    self._dials[flow, server] = self._loop.create_task(self._open(flow, server))
                case SendStream(flow=flow, server=server, data=data):
                    stream = self._streams.get((flow, server))
                    if stream is not None:
                        stream.send(data)
                case CloseStream(flow=flow, server=server):
                    self._close((flow, server))
                case _:
                    raise AssertionError("only streams are asked here")
        for finding in self._core.take_findings():
            self._learn(finding)
        self._timer.arm(self._core.next_timer)

    def _ring(self, now: float) -> None:
        self._core.handle_timer(now)
        self._pump()

    async def _open(self, flow: FlowId, server: TransportAddress) -> None:
        question = self._questions[flow, server]
        local = question.host.candidate.address
        tls = _tls() if question.server.transport == "tls" else None
        try:
            stream = await self._network.open_stream(
                local.host, server, local_port=local.port, tls=tls, server_name=question.server.host
            )
        except OSError as error:
            if self._dials.pop((flow, server), None) is not None:
                self._core.lost(flow, server, describe_error(error))
                self._pump()
            return
        if self._dials.pop((flow, server), None) is None:
            stream.close()
            return
        self._streams[flow, server] = stream
        messages = StreamMessages()

        def on_data(data: bytes) -> None:
            for message in messages.feed(data):
                self._core.receive(flow, server, message, self._clock.now())
            if messages.broken:
                self._close((flow, server))
                self._core.lost(flow, server, "it does not speak STUN")
            self._pump()

        def on_closed(reason: str) -> None:
            self._streams.pop((flow, server), None)
            self._core.lost(flow, server, reason)
            self._pump()

        stream.start(on_data, on_closed)
        self._core.connected(flow, server)
        self._pump()

    def _close(self, key: _Key) -> None:
        stream = self._streams.pop(key, None)
        if stream is not None:
            stream.close()
        task = self._dials.pop(key, None)
        if task is not None:
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)
            task.cancel()

    # --- the life of the mappings ---------------------------------------------------------------------------

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:  # noqa: ARG002
        """Nothing that arrives on a UDP socket is for this source."""
        return False

    def stop(self) -> None:
        """ICE has concluded: all connections to the servers are closed (RFC 6544 §11.2)."""
        self._core.stop()
        self._pump()

    async def close(self) -> None:
        """Close all connections, and wait until no attempt is left."""
        self.stop()
        if self._cancelled:
            await asyncio.wait(tuple(self._cancelled))


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols([ALPN])
    return context
