"""The pump: feeds the transaction layer, carries out its commands, hands its events to whom they concern."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, assert_never

from ice.types import TransportAddress
from ua.clock import now as monotonic
from ua.sip.clients import Clients
from ua.sip.clocks import Clocks
from ua.sip.config import SipConfig
from ua.sip.containment import Containment
from ua.sip.dialog import DialogId, next_hop
from ua.sip.errors import SipParseError, SipUnreachable
from ua.sip.location.locator import Locator
from ua.sip.location.resolver import Resolver
from ua.sip.location.target import Target
from ua.sip.log import SipLogEntry
from ua.sip.reporter import Reporter
from ua.sip.requests.preparation import Preparation
from ua.sip.requests.routing import Routing
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import MalformedRequest, parse, serialise
from ua.sip.transaction.layer import TransactionLayer
from ua.sip.transaction.messages import (
    AckReceived,
    ClientKey,
    InviteCancelled,
    MessageDropped,
    RequestReceived,
    ResponseReceived,
    SendMessage,
    ServerKey,
    TransactionEnded,
    TransactionEvent,
    TransactionFailed,
    TransactionTimedOut,
)
from ua.sip.transport.flows import Flows
from ua.sip.transport.hop import Hop
from ua.sip.transport.layer import TransportLayer
from ua.sip.transport.websocket.names import is_made_up
from ua.sip.users import ClientUser, DialogUser, ServerUser, failure


class Stack:
    """Transactions and transports of one endpoint.

    Attributes:
        dialogs: users of dialogs by id.
        clocks: what else has timers.
        report: log and counters.
        locator: finds servers.
        preparation: makes requests ready for a hop.
        routing: by which way requests outside dialogs leave.
        flows: what passes beside SIP.
    """

    def __init__(
        self,
        config: SipConfig,
        *,
        random: Callable[[int], bytes],
        on_log: Callable[[SipLogEntry], None],
        on_request: Callable[[RequestReceived], None],
    ) -> None:
        self.config = config
        self.random = random
        self.layer = TransactionLayer(timers=config.timers, random=random, limits=config.limits)
        self.dialogs: dict[DialogId, DialogUser] = {}
        self.servers: dict[ServerKey, ServerUser] = {}
        self.clocks = Clocks()
        self.closed = False
        self._on_request = on_request
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False
        self._loop = asyncio.get_running_loop()
        self.transport = TransportLayer(
            config,
            on_message=self._on_message,
            on_fault=lambda source, reason: self.report.refused(source, reason),
            on_connection=self._on_connection,
            on_unreachable=self._on_unreachable,
        )
        self.report = Reporter(on_log, now=self.now, local=self.transport.local_end)
        self.routing = Routing(config.proxy)
        self.preparation = Preparation(config, self.transport, self.layer.new_branch, self.routing)
        self.flows = Flows(
            send=self.transport.send,
            ping=self.transport.ping,
            drop=self.transport.drop,
            is_open=self.transport.is_open,
            on_refused=lambda source, reason: self.report.refused(source, reason),
            counters=self.report.counters,
        )
        self.locator = Locator(Resolver(config.name_servers), random=random, on_alarm=self._on_alarm)
        self.transport.on_pong = self.flows.pong
        self._containment = Containment(self.report)
        self._clients = Clients(self._containment)

    def now(self) -> float:
        """Monotonic seconds."""
        return monotonic()

    async def start(self) -> None:
        """Bind; raises SipUnreachable."""
        await self.transport.start()

    @property
    def alive(self) -> dict[str, int]:
        """What there is by kind, kinds without any left out; nothing once all calls are long over."""
        kinds = {"transactions": len(self.layer), "clients": len(self._clients), "servers": len(self.servers)}
        kinds |= {"dialogs": len(self.dialogs), "timers": len(self.clocks), "tasks": len(self._tasks)}
        return {kind: number for kind, number in kinds.items() if number}

    async def close(self) -> None:
        """Stop everything; whoever waits for a response gets SipUnreachable."""
        self.closed = True
        self._clients.abandon(SipUnreachable("the SIP endpoint was closed"))
        for dialog in list(self.dialogs.values()):
            dialog.abandon()
        for clock in self.clocks:
            clock.abandon()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.transport.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background; `close` cancels it."""
        if self.closed:
            work.close()
            return
        task = self._loop.create_task(self._containment.work(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # perhaps it has never begun

    # requests of ours

    def begin(self, request: Request, hop: Hop, user: ClientUser) -> ClientKey:
        """Start the transaction of a request that is ready; `pump` sends it."""
        key = self.layer.request(request, hop, self.now())
        self._clients.add(key, user)
        return key

    async def send_ack(self, draft: Request) -> tuple[Hop, Request]:
        """Send an ACK to a 2xx; it has no transaction. Raises SipUnreachable."""
        failure = SipUnreachable("no address")
        for target in await self.locate(draft):
            try:
                ack, hop = await self.preparation.prepare(draft, target, None)
            except SipUnreachable as error:
                failure = error
            else:
                self.send_again(hop, ack)
                return hop, ack
        raise failure

    def send_again(self, hop: Hop, ack: Request) -> None:
        """Send an ACK, or the same once more."""
        data = serialise(ack)
        self._send(hop, data)

    def contact_uri(self, hop: Hop, *, sips: bool = False) -> Uri:
        """Our Contact for a neighbour, a sips one on demand; raises SipUnreachable where there is no way."""
        return self.preparation.contact_uri(hop, sips=sips)

    async def contact_towards(self, uri: Uri, *, sips: bool = False) -> Uri:
        """Our Contact as the first server for a URI would see it; raises SipUnreachable."""
        targets = await self.locator.locate(
            uri, transports=self.transport.spoken, versions=self.transport.versions
        )
        return self.contact_uri(await self.transport.open(targets[0]), sips=sips)

    async def locate(self, draft: Request) -> tuple[Target, ...]:
        """The servers that may take a request, the best first; raises SipUnreachable.

        The one that answered another request of this Call-ID comes first (RFC 3263 §4.3).
        """
        if self.closed:
            raise SipUnreachable("the SIP endpoint is closed")
        # Two phones of one web page have one name: who has registered is known better.
        if (flow := self.routing.flow_to(uri := next_hop(draft))) is not None:
            return (Target(transport=flow.transport, address=flow.remote, domain=uri.host),)
        if (known := self.transport.names.target(uri)) is not None:
            return (known,)
        return await self.locator.locate(
            uri,
            transports=self.transport.spoken,
            versions=self.transport.versions,
            new=draft.to.tag is None,
            call_id=draft.call_id,
        )

    def _on_alarm(self, what: str) -> None:
        self.report.counters["alarms"] += 1
        self.report.note(what)

    # the pump

    def respond(self, event: RequestReceived, response: Response) -> bool:
        """Answer a request; false where a final answer was given before."""
        if self.config.user_agent and "server" not in response.headers:
            headers = response.headers.with_added(("Server", self.config.user_agent))
            response = replace(response, headers=headers)
        taken = self.layer.respond(event.key, response, self.now())
        if response.is_final:
            self.servers.pop(event.key, None)  # a CANCEL changes nothing any more
        self.pump()
        return taken

    def pump(self) -> None:
        """Carry out what the transaction layer wants, hand out what it says, set the timer."""
        if self._pumping or self.closed:
            return
        self._pumping = True
        try:
            busy = True
            while busy:
                busy = False
                for command in self.layer.take_commands():
                    busy = True
                    self._execute(command)
                for event in self.layer.take_events():
                    busy = True
                    self._dispatch(event)
        finally:
            self._pumping = False
        self._set_timer()

    def _set_timer(self) -> None:
        deadlines = (self.clocks.next_timer(), self.layer.next_timer())
        at = min((deadline for deadline in deadlines if deadline is not None), default=None)
        if self._timer is not None:
            if self._timer.when() == at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer = self._loop.call_at(at, self._on_timer, at)

    def _on_timer(self, deadline: float) -> None:
        self._timer = None
        now = max(deadline, self.now())
        self.clocks.handle_timer(now)
        self.layer.handle_timer(now)
        self.pump()

    def _send(self, hop: Hop, data: bytes) -> str:
        """Send and report; empty where it left, else what went wrong."""
        problem = self.transport.send(hop, data)
        if problem:
            self.report.not_sent(hop, problem)
        else:
            self.report.message("out", hop, data)
        return problem

    def _execute(self, command: SendMessage) -> None:
        problem = self._send(command.hop, command.data)
        if not problem or command.key is None:
            return
        response = command.message
        if isinstance(response, Response) and command.hop.reliable and not is_made_up(response.via.host):
            self.spawn(self._reroute(command, response, problem))
        else:
            self.layer.transport_failed(command.key, problem, self.now())

    async def _reroute(self, command: SendMessage, response: Response, problem: str) -> None:
        """The connection of the request is gone: the sent-by address may listen (RFC 3261 §18.2.2)."""
        via = response.via
        address = TransportAddress(host=via.received or via.host, port=via.sent_by_port)
        try:
            target = Target(transport=command.hop.transport, address=address, domain=via.host)
            hop = await self.transport.open(target)
        except SipUnreachable:
            if command.key is not None:
                self.layer.transport_failed(command.key, problem, self.now())
                self.pump()
            return
        self._send(hop, command.data)

    def _dispatch(self, event: TransactionEvent) -> None:
        match event:
            case RequestReceived():
                self._hand_over(event)
            case AckReceived():
                self._dispatch_ack(event)
            case InviteCancelled():
                user = self.servers.get(event.key)
                if user is not None:
                    user.cancel(event.cancel)
            case ResponseReceived():
                self._clients.respond(event)
            case TransactionTimedOut() | TransactionFailed():
                self._dispatch_failure(event)
            case TransactionEnded():
                if isinstance(event.key, ClientKey):
                    self._clients.end(event.key)
                else:
                    self.servers.pop(event.key, None)
            case MessageDropped():
                self.report.refused(event.source, event.reason, serialise(event.message))
            case _:
                assert_never(event)

    def _hand_over(self, event: RequestReceived) -> None:
        """Give a request to whoever takes them; a mistake there is answered with 500."""
        if not self._containment.call(lambda: self._on_request(event)):
            response = make_response(event.request, 500, to_tag=event.to_tag)
            self.layer.respond(event.key, response, self.now())

    def _dispatch_ack(self, event: AckReceived) -> None:
        request = event.request
        key = DialogId(
            call_id=request.call_id, local_tag=request.to.tag or "", remote_tag=request.from_.tag or ""
        )
        user = self.dialogs.get(key)
        if user is None:
            self.report.refused(event.source, "ACK to nothing", serialise(request))
        else:
            self._containment.call(lambda: user.receive_ack(request))

    def _dispatch_failure(self, event: TransactionTimedOut | TransactionFailed) -> None:
        if not isinstance(event.key, ClientKey):
            reason = "no ACK" if isinstance(event, TransactionTimedOut) else event.reason
            self.report.note(f"response to {event.hop}: {reason}")
            return
        error = failure(event, event.key.method, self.config.timers)
        self.report.note(f"{error.what} {error.seen}".strip())
        self._clients.fail(event.key, error)

    # what arrives

    def _on_message(self, data: bytes, source: Hop) -> None:
        if self.flows.receive(data, source) or not data.strip(b"\r\n\x00"):
            self.report.counters["keep-alives received"] += 1
            return
        self.report.message("in", source, data)
        try:
            message = parse(data)
        except SipParseError as error:
            self.report.refused(source, error.reason, data)
            if isinstance(error, MalformedRequest):
                self._answer_malformed(error.answer, source)
            return
        self.transport.names.note(message, source)
        self.layer.receive(message, source, self.now())
        self.pump()

    def _answer_malformed(self, answer: Response, source: Hop) -> None:
        try:
            if answer.to.tag is None:
                tagged = answer.headers.with_rows("to", answer.to.with_tag(self.layer.new_tag()))
                answer = replace(answer, headers=tagged)
        except SipParseError:
            pass  # To is what is malformed: it goes back as it came
        self._send(source, serialise(answer))

    def _on_connection(self, hop: Hop, state: str, detail: str) -> None:
        self.report.connection(hop, f"{state}: {detail}" if detail else state)
        if state not in ("opened", "accepted") and hop.connection is not None and not self.closed:
            self.layer.connection_lost(hop.connection, state, self.now())
            self.pump()
            self.flows.lost(hop, state)

    def _on_unreachable(self, remote: TransportAddress, reason: str) -> None:
        self.layer.address_failed(remote, reason, self.now())
        self.pump()
        self.flows.unreachable(remote, reason)
