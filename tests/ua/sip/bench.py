"""A transaction layer on a virtual clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ice.types import TransportAddress
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.admission import Limits
from ua.sip.transaction.layer import TransactionLayer
from ua.sip.transaction.messages import RequestReceived, SendMessage, TransactionEvent
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import Hop

EventKind = TypeVar("EventKind", bound=TransactionEvent)

REMOTE = TransportAddress(host="192.0.2.2", port=5060)
UDP = Hop(transport="udp", remote=REMOTE)
TCP = Hop(transport="tcp", remote=REMOTE, connection=1)


INVITE_TIMES = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
"""When an INVITE is sent over UDP."""

NON_INVITE_TIMES = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""When any other request is sent over UDP, and a rejection that nobody acknowledges."""


def counting_random() -> Callable[[int], bytes]:
    """Bytes that differ from call to call and are the same in each run."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def make_request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bKtest",
    cseq: int = 1,
    to_tag: str = "",
    sent_by: str = "192.0.2.1:5060",
    transport: str = "UDP",
    call_id: str = "call",
) -> Request:
    """A request of 192.0.2.1."""
    return Request(
        method=method,
        uri=Uri.parse("sip:bob@192.0.2.2"),
        headers=Headers.of(
            ("Via", f"SIP/2.0/{transport} {sent_by};branch={branch};rport"),
            ("From", "<sip:alice@example.com>;tag=a"),
            ("To", f"<sip:bob@example.com>{';tag=' + to_tag if to_tag else ''}"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
        ),
    )


def ack_to(request: Request, response: Response) -> Request:
    """The ACK of the peer's client transaction to a 300-699."""
    headers = request.headers.with_rows("to", response.headers.first("to"))
    return replace(request, method="ACK", headers=headers.with_rows("cseq", f"{request.cseq.number} ACK"))


class Bench:
    """Runs one layer; keeps what it sent, with times, and its events."""

    def __init__(self, *, timers: Timers | None = None, limits: Limits | None = None) -> None:
        self.layer = TransactionLayer(timers=timers or Timers(), random=counting_random(), limits=limits)
        self.now = 0.0
        self.sent: list[tuple[float, SendMessage]] = []
        self.events: list[TransactionEvent] = []

    def pump(self) -> None:
        """Take what the layer has to say."""
        self.sent += [(round(self.now, 3), command) for command in self.layer.take_commands()]
        self.events += self.layer.take_events()

    def run_until(self, end: float) -> None:
        """Fire all timers up to `end`, each at its own time."""
        while (at := self.layer.next_timer()) is not None and at <= end:
            self.now = max(self.now, at)
            self.layer.handle_timer(self.now)
            self.pump()
        self.now = end

    def request(self, request: Request, hop: Hop = UDP) -> None:
        """Send a request."""
        self.layer.request(request, hop, self.now)
        self.pump()

    def receive(self, message: Request | Response, source: Hop = UDP) -> None:
        """A message arrives."""
        self.layer.receive(message, source, self.now)
        self.pump()

    def answer(self, request: Request, status: int, source: Hop = UDP, tag: str = "b") -> Response:
        """The peer answers our request."""
        response = make_response(request, status, to_tag=tag)
        self.receive(response, source)
        return response

    def respond(self, status: int, number: int = 0) -> bool:
        """We answer the request received as `number`."""
        received = self.requests[number]
        taken = self.layer.respond(
            received.key, make_response(received.request, status, to_tag=received.to_tag), self.now
        )
        self.pump()
        return taken

    @property
    def requests(self) -> list[RequestReceived]:
        """Requests given to the user."""
        return self.events_of(RequestReceived)

    def events_of(self, kind: type[EventKind]) -> list[EventKind]:
        """Events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def send_times(self, what: str) -> list[float]:
        """When messages of this method or status were sent."""
        return [at for at, command in self.sent if name_of(command.message) == what]


def name_of(message: Request | Response) -> str:
    """Method or status."""
    return message.method if isinstance(message, Request) else str(message.status)


def first_sent(bench: Bench, what: str) -> Request | Response:
    """The first message of this method or status that was sent."""
    return next(command.message for _, command in bench.sent if name_of(command.message) == what)
