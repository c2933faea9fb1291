"""A phone by hand that answers every call: sound as it stands, made to be broken in one place."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from tests.peers.broken.voice import Address, Manners, Voice
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.wire_format import parse, serialise

T1_S = 0.5
GIVES_UP_S = 3.0
"""Where RFC 3261 waits for 32 s, a test need not."""


class Offer:
    """What a broken peer reads of a description."""

    def __init__(self, body: bytes) -> None:
        self.rows = body.decode().split("\r\n")
        self.host = self._value("c=").split(" ")[-1]
        words = self._value("m=").split(" ")
        self.port = int(words[1])
        self.protocol = words[2]
        self.formats = words[3:]

    def _value(self, start: str) -> str:
        return next(row[len(start) :] for row in self.rows if row.startswith(start))

    def attributes(self, name: str) -> list[str]:
        """Values of an attribute of this name."""
        return [row[len(name) + 3 :] for row in self.rows if row.startswith(f"a={name}:")]


class Callee(asyncio.DatagramProtocol):
    """One call after the other, and one at a time.

    Args:
        manners: of its media.

    Attributes:
        port: where it takes SIP over UDP.
        voice: the media of the call.
    """

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.host, self.port = "127.0.0.1", 0
        self.voice = Voice(self.manners)
        self._transport: asyncio.DatagramTransport | None = None
        self._answered: dict[str, Response] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._numbers = itertools.count(1)
        self._acknowledged = False
        self.dialog: Dialog | None = None

    @property
    def address(self) -> str:
        """Where it is called."""
        return f"sip:600@{self.host}:{self.port}"

    async def open(self) -> None:
        """Listen."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self.host, 0)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Be gone."""
        for timer in self._timers:
            timer.cancel()
        self.voice.close()
        if self._transport is not None:
            self._transport.close()

    # --- messages -----------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, source: Address) -> None:
        """Take a message."""
        message = parse(data)
        if not isinstance(message, Request):
            return
        known = self._answered.get(f"{message.via.branch} {message.method}")
        if known is not None:
            self.send(known, source)
            return
        match message.method:
            case "INVITE":
                asyncio.ensure_future(self.invited(message, source)).add_done_callback(_raise)
            case "ACK":
                self.acknowledged()
            case "BYE":
                self.bye(message, source)
            case "CANCEL":
                self.respond(message, 200, source)
            case _:
                self.asked(message, source)

    def send(self, message: Message, to: Address) -> None:
        """Send a message."""
        if self._transport is not None:
            self._transport.sendto(serialise(message), to)

    def later(self, seconds: float, send: Message, to: Address) -> None:
        """Send a message after a time."""
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, self.send, send, to))

    def respond(
        self, request: Request, status: int, to: Address, headers: Headers | None = None, body: bytes = b""
    ) -> Response:
        """Answer a request, and the same again where it is repeated."""
        response = make_response(request, status, to_tag="broken", headers=headers, body=body)
        if status >= 200:
            self._answered[f"{request.via.branch} {request.method}"] = response
        self.send(response, to)
        return response

    # --- what may be broken -------------------------------------------------------------------------------

    @property
    def contact(self) -> str:
        """Where later requests go."""
        return f"<sip:600@{self.host}:{self.port}>"

    async def invited(self, request: Request, source: Address) -> None:
        """Ring, pick up, and talk."""
        self.respond(request, 180, source)
        if request.to.tag is None:
            self._acknowledged = False
            self.voice.close()
            self.voice = Voice(self.manners)
            await self.voice.open()
        offer = Offer(session_of(request) or b"")
        body = self.answer(offer)
        rows = Headers.of(
            ("Contact", self.contact),
            ("Content-Type", "application/sdp"),
            ("Allow", "INVITE, ACK, BYE, CANCEL"),
        )
        response = self.respond(request, 200, source, rows, body)
        if request.to.tag is None:
            self.dialog = Dialog.of_callee(request, "broken")
        self.repeat(response, source)
        self.talk(offer)

    def repeat(self, response: Response, to: Address) -> None:
        """The 200 again until it is acknowledged (RFC 3261 §13.3.1.4)."""
        loop = asyncio.get_running_loop()
        at, wait = T1_S, T1_S
        while at < GIVES_UP_S:
            self._timers.append(loop.call_later(at, self._again, response, to))
            wait *= 2
            at += wait
        self._timers.append(loop.call_later(GIVES_UP_S, self._give_up, to))

    def _again(self, response: Response, to: Address) -> None:
        if not self._acknowledged:
            self.send(response, to)

    def _give_up(self, to: Address) -> None:
        if not self._acknowledged:
            self.hang_up(to)

    def hang_up(self, to: Address) -> None:
        """Send a BYE."""
        if self.dialog is None:
            return
        request = self.dialog.make_request("BYE")
        via = f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKbroken{next(self._numbers)}"
        self.send(
            Request(
                method="BYE",
                uri=request.uri,
                headers=Headers.of(("Via", via), *request.headers),
                body=b"",
            ),
            to,
        )

    def acknowledged(self) -> None:
        """The ACK has come."""
        self._acknowledged = True

    def bye(self, request: Request, source: Address) -> None:
        """The call is over."""
        self.voice.close()
        self.respond(request, 200, source)

    def asked(self, request: Request, source: Address) -> None:
        """OPTIONS, REGISTER and the rest."""
        rows = [("Contact", row) for row in request.headers.all("contact")]
        self.respond(request, 200, source, Headers.of(*rows))

    def answer(self, offer: Offer) -> bytes:
        """Our answer."""
        return self.describe(self.stream(offer))

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        """The rows of our audio stream."""
        del offer
        return [
            f"m=audio {self.voice.port if port is None else port} {protocol} 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=rtcp-mux",
        ]

    def describe(self, rows: list[str], host: str | None = None) -> bytes:
        """A description with these rows."""
        host = host or self.host
        head = ["v=0", f"o=- 7 {next(self._numbers)} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
        return "".join(f"{row}\r\n" for row in [*head, *rows]).encode()

    def talk(self, offer: Offer) -> None:
        """Begin with media."""
        self.voice.talk((offer.host, offer.port))


def _raise(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        task.get_loop().call_exception_handler({"message": "a broken peer", "exception": task.exception()})


C = TypeVar("C", bound=Callee)


@asynccontextmanager
async def running(peer: C) -> AsyncIterator[C]:
    """A peer that is closed afterwards."""
    await peer.open()
    try:
        yield peer
    finally:
        peer.close()
