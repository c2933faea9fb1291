"""Asking STUN servers how they see our sockets, and keeping what they saw (RFC 8445 §5.1.1.2, §5.1.1.4).

A core: the shell gives it what arrives on the sockets and the time, sends what it wants sent, and takes what
it found. Requests are not authenticated; one new one leaves per Ta. A UDP socket sends datagrams; for a TCP
listener a stream is opened from its port, stays open, and carries STUN without frames (RFC 6544 §5.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ice.candidates.address import normalised, target_refusal, version
from ice.errors import StunError
from ice.messages import SendDatagram
from ice.stun.attributes import ErrorCode, MappedAddress, XorMappedAddress
from ice.stun.message import (
    HEADER_SIZE,
    TRANSACTION_ID_SIZE,
    MessageClass,
    Method,
    StunMessage,
    parse,
    serialise,
)
from ice.stun.transaction import DEFAULT_RTO_S, ClientTransaction
from ice.types import FlowId, TransportAddress

GIVE_UP_S = 39.5
"""Ti (RFC 8489 §6.2.1): the longest that one request is waited for."""

_RESPONSE = 0x01
"""The bit of the first byte that tells answers from requests and indications (RFC 8489 §5)."""

_MAX_REMEMBERED = 64
"""Transactions that are over and whose late answers are known for what they are."""

_OLD_ATTRIBUTES = frozenset({0x0002, 0x0003, 0x0004, 0x0005, 0x0007, 0x000B})
"""Of RFC 3489; servers of that time send them in answers, whoever asks for a mapping passes them over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStream:
    """Connect from the port of the TCP listener `flow` to `server`; answer with `connected` or `lost`."""

    flow: FlowId
    server: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStream:
    """Send `data` on that stream as it is: STUN tells its own length."""

    flow: FlowId
    server: TransportAddress
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseStream:
    """Close that stream, or give up opening it."""

    flow: FlowId
    server: TransportAddress


Command = SendDatagram | OpenStream | SendStream | CloseStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A server saw a socket of ours.

    Attributes:
        flow: the UDP socket or TCP listener.
        server: which server.
        address: as what the server saw it.
    """

    flow: FlowId
    server: TransportAddress
    address: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMapped:
    """A server did not tell; `reason` is for people."""

    flow: FlowId
    server: TransportAddress
    reason: str


Finding = Mapped | NotMapped


class _Question:
    """What one server says of one socket: asked now or later, again and again."""

    __slots__ = ("ask_at", "connected", "flow", "known", "server", "stream", "transaction")

    def __init__(self, flow: FlowId, server: TransportAddress, ask_at: float, *, stream: bool) -> None:
        self.flow = flow
        self.server = server
        self.stream = stream
        self.connected = False
        """The stream is open."""
        self.ask_at: float | None = ask_at
        """When the next request is due, None while one is out."""
        self.transaction: ClientTransaction | None = None
        self.known = False
        """Answered before: the request only keeps the mapping alive."""


class ServerReflexive:
    """All mappings of one session.

    Args:
        ta_s: seconds between two new requests.
        keepalive_s: seconds from an answer to the request that keeps its mapping alive.
        random: random(n) gives n unpredictable bytes.
    """

    def __init__(self, *, ta_s: float, keepalive_s: float, random: Callable[[int], bytes]) -> None:
        self._ta_s = ta_s
        self._keepalive_s = keepalive_s
        self._random = random
        self._questions: list[_Question] = []
        self._over: deque[bytes] = deque(maxlen=_MAX_REMEMBERED)
        self._next_turn = 0.0
        self._among = 1
        self._commands: list[Command] = []
        self._findings: list[Finding] = []

    # --- what is wanted -------------------------------------------------------------------------------------

    def ask(
        self, flow: FlowId, server: TransportAddress, now: float, *, among: int = 1, stream: bool = False
    ) -> None:
        """Ask a server about a socket, and then keep the mapping; one finding follows.

        Args:
            flow: the UDP socket, or the TCP listener from whose port a stream is opened.
            server: whom.
            now: monotonic seconds.
            among: how many questions are asked in a row: retransmissions leave room for them.
            stream: True of a TCP listener.

        Raises:
            ValueError: the server's host is no IP literal, or it was asked about that socket already.
        """
        server = normalised(server)
        if any((known.flow, known.server) == (flow, server) for known in self._questions):
            raise ValueError(f"{server} was asked about flow {flow} already")
        self._among = max(among, self._among)
        self._questions.append(_Question(flow, server, now, stream=stream))
        self._send_due(now)

    def give_up(self) -> None:
        """Wait no longer for servers that have not answered yet; nothing is told of them any more."""
        self._drop([question for question in self._questions if not question.known])

    def forget(self, flow: FlowId) -> None:
        """The socket is gone; nothing is told of it any more."""
        self._drop([question for question in self._questions if question.flow == flow])

    def stop(self) -> None:
        """ICE is over: no mapping is kept alive any longer (RFC 8445 §5.1.1.4)."""
        self._drop(list(self._questions))

    def _drop(self, questions: list[_Question]) -> None:
        for question in questions:
            self._remove(question)
            if question.transaction is not None:
                self._over.append(question.transaction.id)

    def _remove(self, question: _Question) -> None:
        self._questions.remove(question)
        if question.stream and (question.connected or question.transaction is not None):
            self._commands.append(CloseStream(flow=question.flow, server=question.server))

    # --- streams --------------------------------------------------------------------------------------------

    def connected(self, flow: FlowId, server: TransportAddress) -> None:
        """The stream that `OpenStream` asked for is open: the request goes out at once (RFC 6544 §4.1)."""
        question = self._stream(flow, server)
        if question is not None and question.transaction is not None:
            question.connected = True
            self._send(question, question.transaction.data)

    def lost(self, flow: FlowId, server: TransportAddress, reason: str) -> None:
        """A stream could not be opened, or ended; what it kept alive is gone with it."""
        question = self._stream(flow, server)
        if question is not None:
            # There is nothing to close any more.
            self._questions.remove(question)
            self._findings.append(NotMapped(flow=flow, server=server, reason=reason))

    def _stream(self, flow: FlowId, server: TransportAddress) -> _Question | None:
        for question in self._questions:
            if question.stream and (question.flow, question.server) == (flow, server):
                return question
        return None

    # --- packets --------------------------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take an answer to a request of ours, a late one too; False where `data` is not that.

        What is no answer, not from the server that was asked, or not well-formed is left to others.
        """
        if len(data) < HEADER_SIZE or not data[0] & _RESPONSE:
            return False
        transaction_id = bytes(data[HEADER_SIZE - TRANSACTION_ID_SIZE : HEADER_SIZE])
        if transaction_id in self._over:
            return True
        question = self._asked(transaction_id)
        if question is None or question.flow != flow or question.server != normalised(remote):
            return False
        try:
            message = parse(data)
        except StunError:
            return False
        if message.method != Method.BINDING:
            return False
        self._answered(question, message, now)
        return True

    def _asked(self, transaction_id: bytes) -> _Question | None:
        for question in self._questions:
            if question.transaction is not None and question.transaction.id == transaction_id:
                return question
        return None

    def _answered(self, question: _Question, message: StunMessage, now: float) -> None:
        # Copies of the answer may follow where the request was sent more than once.
        self._over.append(message.transaction_id)
        mapped = message.get(XorMappedAddress) or message.get(MappedAddress)
        reason = _what_is_wrong(message)
        if mapped is None:
            reason = reason or "its answer holds no mapped address"
        elif not reason and not _is_usable(mapped.address, question.server):
            reason = f"it tells {mapped.address}, where nobody can send to"
        if mapped is None or reason:
            self._end(question, reason, now)
            return
        self._findings.append(Mapped(flow=question.flow, server=question.server, address=mapped.address))
        question.known = True
        self._ask_again(question, now)

    def _end(self, question: _Question, reason: str, now: float) -> None:
        if question.known:
            # A server that has become silent: the request itself has kept the mapping alive.
            self._ask_again(question, now)
            return
        self._remove(question)
        self._findings.append(NotMapped(flow=question.flow, server=question.server, reason=reason))

    def _ask_again(self, question: _Question, now: float) -> None:
        question.transaction = None
        question.ask_at = now + self._keepalive_s

    # --- time -----------------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Send what is due, end what was not answered; call it at `next_timer` or later."""
        for question in tuple(self._questions):
            transaction = question.transaction
            if transaction is None:
                continue
            if transaction.expired(now):
                self._over.append(transaction.id)
                self._end(question, "no answer", now)
            elif transaction.due(now):
                self._send(question, transaction.data)
        self._send_due(now)

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` must be called next, monotonic seconds; None: nothing is to come."""
        times = []
        for question in self._questions:
            if question.ask_at is not None:
                times.append(max(question.ask_at, self._next_turn))
            elif question.transaction is not None:
                times.append(question.transaction.next_timer)
        return min(times, default=None)

    def _send_due(self, now: float) -> None:
        """RFC 8445 §5.1.1.2: one new transaction per Ta, retransmissions not counted."""
        for question in self._questions:
            if now < self._next_turn:
                return
            if question.ask_at is not None and question.ask_at <= now:
                self._next_turn = now + self._ta_s
                self._begin(question, now)

    def _begin(self, question: _Question, now: float) -> None:
        transaction_id = self._random(TRANSACTION_ID_SIZE)
        request = StunMessage(
            method=Method.BINDING, message_class=MessageClass.REQUEST, transaction_id=transaction_id
        )
        # Ti counts from connecting, so that this is bounded too (RFC 5389 §7.2.2).
        # RFC 8445 §14.3: so long that retransmissions of all of them still keep to Ta.
        rto_s = max(DEFAULT_RTO_S, self._ta_s * max(self._among, len(self._questions)))
        question.ask_at = None
        question.transaction = ClientTransaction(
            transaction_id=transaction_id,
            data=serialise(request, integrity_key=None, fingerprint=False),
            reliable=question.stream,
            now=now,
            deadline=now + GIVE_UP_S,
            rto_s=rto_s,
        )
        if question.stream and not question.connected:
            self._commands.append(OpenStream(flow=question.flow, server=question.server))
        else:
            self._send(question, question.transaction.data)

    def _send(self, question: _Question, data: bytes) -> None:
        flow, server = question.flow, question.server
        if question.stream:
            self._commands.append(SendStream(flow=flow, server=server, data=data))
        else:
            self._commands.append(SendDatagram(flow=flow, remote=server, data=data))

    # --- out ------------------------------------------------------------------------------------------------

    def take_commands(self) -> list[Command]:
        """What is to be done since the last call, in order."""
        taken, self._commands = self._commands, []
        return taken

    def take_findings(self) -> list[Finding]:
        """What was found since the last call; after the first of a question `Mapped`, or once `NotMapped`."""
        taken, self._findings = self._findings, []
        return taken


def _is_usable(mapped: TransportAddress, server: TransportAddress) -> bool:
    """False of addresses that no candidate may have, and of another family than the socket's."""
    refusal = target_refusal(mapped, port_matters=True, loopback=True)
    return not refusal and version(mapped.host) == version(server.host)


def _what_is_wrong(message: StunMessage) -> str:
    """Why an answer gives no mapping, empty where it may (RFC 8489 §6.3.3, §6.3.4)."""
    if message.message_class is MessageClass.ERROR:
        error = message.get(ErrorCode)
        # Also 300: a server for gathering is not left for another one (RFC 8445 §5.1.1.2).
        return "an error without a code" if error is None else f"{error.code} {error.reason}".rstrip()
    unknown = [number for number in message.unknown_required if number not in _OLD_ATTRIBUTES]
    if unknown:
        return "its answer holds " + ", ".join(f"{number:#06x}" for number in unknown)
    return ""
