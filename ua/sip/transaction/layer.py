"""The transaction layer: owns all transactions, finds the one of a message (core; RFC 3261 §17)."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final, assert_never

from ice.types import TransportAddress
from ua.sip.syntax.grammar import join_host_port
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.via import MAGIC_COOKIE
from ua.sip.syntax.wire_format import serialise
from ua.sip.transaction.admission import Admission, Limits, Verdict
from ua.sip.transaction.client_invite import ClientInvite
from ua.sip.transaction.client_non_invite import ClientNonInvite
from ua.sip.transaction.machine import (
    ClientTransaction,
    Deliver,
    SendFailed,
    ServerTransaction,
    TimedOut,
    Transaction,
    Transmit,
    make_cancel,
)
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
    merge_key,
)
from ua.sip.transaction.server_invite import ServerInvite
from ua.sip.transaction.server_non_invite import ServerNonInvite
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import Hop, note_source, response_hop

RETRY_AFTER_OVERLOAD: Final = 5
"""Seconds in the 503 to what is too much."""


class TransactionLayer:
    """All transactions of one endpoint.

    After each call the owner carries out `take_commands()` and handles `take_events()`, in order.

    Attributes:
        refuse: gives the response to a request that is not even to begin a transaction, None for all others;
            may be set. Not asked about ACK, CANCEL and repeats. The response leaves nothing behind: each
            repeat of the request gets it again, with the same To tag (RFC 3261 §8.2.7).
    """

    def __init__(
        self,
        *,
        timers: Timers,
        random: Callable[[int], bytes],
        limits: Limits | None = None,
    ) -> None:
        self._timers = timers
        self._random = random
        self._admission = Admission(limits or Limits())
        self._clients: dict[ClientKey, ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._pending: set[ServerKey] = set()
        self._running: Counter[tuple[str, ...]] = Counter()
        self._wire: dict[ClientKey | ServerKey, tuple[Request | Response, bytes]] = {}
        self._to_cancel: dict[ClientKey, Headers] = {}
        self._due: list[tuple[float, int, ClientKey | ServerKey]] = []
        self._scheduled: dict[ClientKey | ServerKey, float] = {}
        self._order = itertools.count()
        self._commands: list[SendMessage] = []
        self._events: list[TransactionEvent] = []
        self._tag_key = b""
        self.refuse: Callable[[Request], Response | None] = lambda _: None

    def __len__(self) -> int:
        """Transactions that live."""
        return len(self._clients) + len(self._servers)

    def new_branch(self) -> str:
        """A branch that nobody can guess (RFC 3261 §8.1.1.7)."""
        return MAGIC_COOKIE + self._random(12).hex()

    def new_tag(self) -> str:
        """A tag that nobody can guess (RFC 3261 §19.3)."""
        return self._random(8).hex()

    def tag_of(self, request: Request) -> str:
        """A To tag that nobody can guess and that each copy of the request gets (RFC 3261 §8.2.7)."""
        self._tag_key = self._tag_key or self._random(32)
        marks = (request.via.branch, request.call_id, str(request.cseq), request.from_.tag or "")
        text = "\0".join(marks).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=self._tag_key, digest_size=8).hexdigest()

    def take_commands(self) -> list[SendMessage]:
        """What is to be sent, in order; each command once."""
        commands, self._commands = self._commands, []
        return commands

    def take_events(self) -> list[TransactionEvent]:
        """What happened, in order; each event once."""
        events, self._events = self._events, []
        return events

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None for never."""
        while self._due:
            at, _, key = self._due[0]
            if self._scheduled.get(key) == at:
                return at
            heapq.heappop(self._due)  # ended, or its timers have changed since
        return None

    def handle_timer(self, now: float) -> None:
        """Fire the timers that are due."""
        while (at := self.next_timer()) is not None and at <= now:
            key = heapq.heappop(self._due)[2]
            del self._scheduled[key]
            transaction = self._find(key)
            if transaction is not None:
                transaction.handle_timer(now)
                self._drain(key, transaction)

    def request(self, request: Request, hop: Hop, now: float) -> ClientKey:
        """Start a client transaction; the request's top Via has our branch. Not for ACK."""
        key = ClientKey(branch=request.via.branch, method=request.method)
        if key in self._clients or request.method == "ACK":
            raise ValueError("a branch is used once, and an ACK makes no transaction")
        machine = ClientInvite if request.method == "INVITE" else ClientNonInvite
        transaction = machine(request=request, hop=hop, timers=self._timers, now=now)
        self._clients[key] = transaction
        self._drain(key, transaction)
        return key

    def respond(self, key: ServerKey, response: Response, now: float) -> bool:
        """Give a response to a server transaction; false where it takes none like it any more."""
        transaction = self._servers.get(key)
        if transaction is None:
            return False
        taken = transaction.respond(response, now)
        self._drain(key, transaction)
        return taken

    def cancel(self, key: ClientKey, now: float, headers: Headers | None = None) -> bool:
        """CANCEL an INVITE, at once or after its first 1xx (RFC 3261 §9.1); false where it is too late."""
        transaction = self._clients.get(key)
        if not isinstance(transaction, ClientInvite) or not transaction.awaits_final:
            return False
        if key not in self._to_cancel:
            self._to_cancel[key] = headers or Headers()
            self._cancel_if_due(key, transaction, now)
        return True

    def abandon(self, key: ClientKey) -> None:
        """Forget a request of ours; what still comes to it belongs to nothing."""
        self._forget(key)

    def awaits_final(self, key: ClientKey) -> bool:
        """True while the request has no final response."""
        transaction = self._clients.get(key)
        return transaction is not None and transaction.awaits_final

    def receive(self, message: Request | Response, source: Hop, now: float) -> None:
        """A message from the network."""
        if isinstance(message, Response):
            self._receive_response(message, source, now)
            return
        request = note_source(message, source)
        key = server_key(request)
        if request.method == "ACK":
            self._receive_ack(key, request, source, now)
            return
        transaction = self._servers.get(key)
        if transaction is not None:
            transaction.receive(request, now)
            self._drain(key, transaction)
            return
        if not self._admit(request, source, now):
            return
        merged = request.to.tag is None and request.method != "CANCEL" and self._is_merged(request)
        machine = ServerInvite if request.method == "INVITE" else ServerNonInvite
        transaction = machine(
            request=request,
            hop=response_hop(request, source),
            source=source,
            to_tag=self.new_tag(),
            timers=self._timers,
            now=now,
        )
        self._servers[key] = transaction
        self._running[merge_key(request)] += 1
        self._drain(key, transaction)
        if request.method == "CANCEL":
            self._receive_cancel(key, transaction, now)
        elif merged:
            self.respond(key, make_response(request, 482, to_tag=transaction.to_tag), now)
        else:
            self._events.append(
                RequestReceived(key=key, request=request, source=source, to_tag=transaction.to_tag)
            )

    def transport_failed(self, key: ClientKey | ServerKey, reason: str, now: float) -> None:
        """A message of this transaction could not be sent."""
        transaction = self._find(key)
        if transaction is not None:
            transaction.transport_error(reason, now)
            self._drain(key, transaction)

    def connection_lost(self, connection: int, reason: str, now: float) -> None:
        """A TCP connection is gone: requests that wait on it have failed (RFC 3261 §18.4)."""
        for key, transaction in list(self._clients.items()):
            if transaction.hop.connection == connection and transaction.awaits_final:
                self.transport_failed(key, reason, now)

    def address_failed(self, remote: TransportAddress, reason: str, now: float) -> None:
        """The network says that datagrams to this address do not arrive (RFC 3261 §18.4)."""
        for key, transaction in list(self._clients.items()):
            hop = transaction.hop
            if hop.transport == "udp" and hop.remote == remote and transaction.awaits_final:
                self.transport_failed(key, reason, now)

    def _find(self, key: ClientKey | ServerKey) -> ClientTransaction | ServerTransaction | None:
        return self._clients.get(key) if isinstance(key, ClientKey) else self._servers.get(key)

    def _receive_response(self, response: Response, source: Hop, now: float) -> None:
        key = ClientKey(branch=response.via.branch, method=response.cseq.method)
        transaction = self._clients.get(key)
        reason = ""
        if transaction is None:
            reason = "response to no transaction"
        elif len(response.headers.members("via")) > 1:
            reason = "response with more than one Via"
        elif not response.via.same_sent_by(transaction.request.via):
            reason = "response to another sent-by"
        if transaction is None or reason:
            self._events.append(MessageDropped(message=response, source=source, reason=reason))
            return
        transaction.receive(response, now)
        self._drain(key, transaction, source)
        if isinstance(transaction, ClientInvite):
            self._cancel_if_due(key, transaction, now)

    def _admit(self, request: Request, source: Hop, now: float) -> bool:
        """True for a new request that may begin a transaction; others are answered without state, or not."""
        is_cancel = request.method == "CANCEL"  # it makes room
        pending = 0 if is_cancel else len(self._pending)
        refusal: Response | None = None
        match self._admission.judge(source.remote.host, pending=pending, now=now):
            case Verdict.TAKE:
                refusal = None if is_cancel else self.refuse(request)
                if refusal is None:
                    self._make_room()
                    return True
            case Verdict.REFUSE:
                headers = Headers.of(("Retry-After", RETRY_AFTER_OVERLOAD))
                refusal = make_response(request, 503, to_tag=self.tag_of(request), headers=headers)
            case Verdict.DROP:
                pass
        reason = "too many requests from one host"
        if refusal is not None:
            reason = f"answered {refusal.status} without state"
            hop = response_hop(request, source)
            self._commands.append(SendMessage(hop=hop, message=refusal, data=serialise(refusal), key=None))
        self._events.append(MessageDropped(message=request, source=source, reason=reason))
        return False

    def _make_room(self) -> None:
        """Forget the oldest that are answered where there are too many: they only absorb repeats."""
        while len(self._servers) >= self._admission.limits.transactions:
            old = next((key for key in self._servers if key not in self._pending), None)
            if old is None:
                return
            self._forget(old)

    def _receive_ack(self, key: ServerKey, request: Request, source: Hop, now: float) -> None:
        transaction = self._servers.get(key)
        if transaction is None:
            self._events.append(AckReceived(request=request, source=source))
            return
        transaction.receive(request, now)
        self._drain(key, transaction, source)

    def _receive_cancel(self, key: ServerKey, transaction: ServerTransaction, now: float) -> None:
        target_key = replace(key, method="INVITE")
        target = self._servers.get(target_key)
        if target is None:
            other = any(replace(key, method=other.method) == other for other in self._servers if other != key)
            status = 200 if other else 481
            self.respond(key, make_response(transaction.request, status, to_tag=transaction.to_tag), now)
            return
        self.respond(key, make_response(transaction.request, 200, to_tag=target.to_tag), now)
        if target.awaits_final:
            self._events.append(InviteCancelled(key=target_key, cancel=transaction.request))

    def _is_merged(self, request: Request) -> bool:
        """True for a copy of a running request that came another way (RFC 3261 §8.2.2.2)."""
        return self._running[merge_key(request)] > 0

    def _cancel_if_due(self, key: ClientKey, invite: ClientInvite, now: float) -> None:
        if key not in self._to_cancel or not invite.may_cancel:
            if not invite.awaits_final:
                self._to_cancel.pop(key, None)
            return
        headers = self._to_cancel[key]
        cancel = make_cancel(invite.request)
        cancel_key = ClientKey(branch=key.branch, method="CANCEL")
        if cancel_key in self._clients:
            return
        invite.cancelled(now)
        self._drain(key, invite)
        self.request(replace(cancel, headers=cancel.headers.with_added(*headers)), invite.hop, now)

    def _drain(self, key: ClientKey | ServerKey, transaction: Transaction, source: Hop | None = None) -> None:
        for output in transaction.take_outputs():
            match output:
                case Transmit():
                    self._transmit(key, transaction, output.message)
                case Deliver(message=Response() as response):
                    assert isinstance(key, ClientKey)  # noqa: S101 - responses are delivered by clients
                    self._events.append(
                        ResponseReceived(key=key, response=response, source=source or transaction.hop)
                    )
                case Deliver(message=Request() as request):
                    self._events.append(AckReceived(request=request, source=source or transaction.hop))
                case Deliver():
                    raise AssertionError("a message is a request or a response")
                case TimedOut():
                    self._events.append(TransactionTimedOut(key=key, hop=transaction.hop))
                case SendFailed():
                    self._events.append(TransactionFailed(key=key, hop=transaction.hop, reason=output.reason))
                case _:
                    assert_never(output)
        if isinstance(key, ServerKey):
            if transaction.awaits_final:
                self._pending.add(key)
            else:
                self._pending.discard(key)
        if transaction.is_terminated:
            self._forget(key)
        elif (at := transaction.next_timer()) is None:
            self._scheduled.pop(key, None)
        elif self._scheduled.get(key) != at:
            self._scheduled[key] = at
            heapq.heappush(self._due, (at, next(self._order), key))

    def _transmit(
        self, key: ClientKey | ServerKey, transaction: Transaction, message: Request | Response
    ) -> None:
        kept = self._wire.get(key)
        if kept is not None and kept[0] is message:
            data = kept[1]
        else:
            data = serialise(message)
            if not (isinstance(message, Request) and message.method == "ACK"):
                self._wire[key] = (message, data)
        self._commands.append(SendMessage(hop=transaction.hop, message=message, data=data, key=key))

    def _forget(self, key: ClientKey | ServerKey) -> None:
        if self._find(key) is None:
            return
        self._wire.pop(key, None)
        self._scheduled.pop(key, None)
        if isinstance(key, ClientKey):
            del self._clients[key]
            self._to_cancel.pop(key, None)
        else:
            mark = merge_key(self._servers.pop(key).request)
            self._running[mark] -= 1
            if self._running[mark] <= 0:
                del self._running[mark]
            self._pending.discard(key)
        self._events.append(TransactionEnded(key=key))


def server_key(request: Request) -> ServerKey:
    """The key of the transaction that a request belongs to; an ACK counts as its INVITE."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    sent_by = join_host_port(via.host.lower(), via.sent_by_port)
    if via.has_cookie:
        return ServerKey(branch=via.branch.lower(), sent_by=sent_by, method=method)
    # an RFC 2543 peer; the To tag is left out, so that its ACK is found as well
    fields = (str(request.uri), request.from_.tag or "", request.call_id, str(request.cseq.number))
    return ServerKey(branch="\n".join(fields), sent_by=sent_by, method=method)
