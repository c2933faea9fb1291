"""A registrar and stateless proxy by hand (RFC 3261 §16.11): sound as it stands, broken in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.tried import NUMBERS, OFFERS
from ua.interop.need import Ability
from ua.interop.peer import Peer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import parse, serialise

Meddle = Callable[[Message], Message | int | None]
"""What becomes of a message on its way: another one, none, or the status that a request is refused with."""

HOST = "127.0.0.1"


class Proxy(asyncio.DatagramProtocol):
    """Passes on what comes over UDP.

    Args:
        meddle: sees each message that it passes on.
    """

    def __init__(self, meddle: Meddle) -> None:
        self._meddle = meddle
        self._contacts: dict[str, Uri] = {}
        self._refused: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(HOST, 0)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Be gone."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        """Pass on a message."""
        message = parse(data)
        if isinstance(message, Response):
            self._pass_back(message)
        elif isinstance(message, Request):
            self._take(message, source)

    def _take(self, request: Request, source: tuple[str, int]) -> None:
        _, port = source
        via = request.via
        told = replace(
            via, params=(*(each for each in via.params if each[0] != "rport"), ("rport", str(port)))
        )
        request = request.with_via(told)
        if request.method == "REGISTER":
            (contact,) = request.contacts
            user = request.to.uri.user or ""
            if contact.param("expires") != "0":
                self._contacts[user] = contact.uri
            elif self._contacts.get(user) == contact.uri:
                del self._contacts[user]
            self._pass_back(_own(request, 200, ("Contact", f"{contact}")))
            return
        if request.method == "ACK" and request.via.branch in self._refused:
            return  # for a final response of our own
        meddled = self._meddle(request)
        if isinstance(meddled, int):
            self._refuse(request, meddled)
        elif isinstance(meddled, Request):
            self._pass_on(meddled)

    def _refuse(self, request: Request, status: int) -> None:
        self._refused.add(request.via.branch)
        self._pass_back(_own(request, status))

    def _pass_on(self, request: Request) -> None:
        routes = [each for each in request.addresses("route") if each.uri.port != self.port]
        target = request.uri
        if (target.host, target.port) == (HOST, self.port):
            contact = self._contacts.get(target.user or "")
            if contact is None:
                self._refuse(request, 404)
                return
            target = contact
        own = f"SIP/2.0/UDP {HOST}:{self.port};branch={request.via.branch}p"
        headers = request.headers.with_rows("via", own, *request.headers.members("via"))
        headers = headers.with_rows("route", *routes)
        if request.method in ("INVITE", "REFER", "SUBSCRIBE"):
            rows = request.headers.all("record-route")
            headers = headers.with_rows("record-route", f"<sip:{HOST}:{self.port};lr>", *rows)
        hop = routes[0].uri if routes else target
        self._send(replace(request, uri=target, headers=headers), hop.host, hop.port)

    def _pass_back(self, response: Response) -> None:
        """To where the request came from, by the Via below ours."""
        vias = response.headers.members("via")
        if f":{self.port};" in vias[0]:
            meddled = self._meddle(response)
            if not isinstance(meddled, Response):
                return
            response = replace(meddled, headers=meddled.headers.with_rows("via", *vias[1:]))
        port = response.via.param("rport")
        self._send(response, response.via.host, int(port) if port else response.via.port)

    def _send(self, message: Message, host: str, port: int | None) -> None:
        if self._transport is not None:
            self._transport.sendto(serialise(message), (host, port or 5060))


def _own(request: Request, status: int, *rows: tuple[str, object]) -> Response:
    """An answer of the proxy itself."""
    return make_response(request, status, to_tag="proxy", headers=Headers.of(*rows))


@asynccontextmanager
async def proxy(
    meddle: Meddle = lambda message: message, offers: Iterable[Ability] = ()
) -> AsyncIterator[Peer]:
    """A running one; gives the peer that it is: it has no numbers, but its users reach each other."""
    running = Proxy(meddle)
    await running.open()
    try:
        yield peer_at(
            f"sip:{HOST}:{running.port}",
            transports=("udp",),
            abilities=OFFERS.union(offers),
            extensions={"no_such_number": NUMBERS["no_such_number"]},
        )
    finally:
        running.close()


# --- what may be done to messages -------------------------------------------------------------------------


def without(method: str) -> Meddle:
    """Requests of this method get lost."""
    return lambda message: None if isinstance(message, Request) and message.method == method else message


def refusing(method: str, status: int, *, within: bool = False) -> Meddle:
    """Requests of this method are refused; `within`: those of calls that stand."""

    def meddle(message: Message) -> Message | int:
        if not isinstance(message, Request) or message.method != method:
            return message
        return message if within and message.to.tag is None else status

    return meddle


def rewriting(old: bytes, new: bytes, *, method: str = "") -> Meddle:
    """Bodies are changed, those of this method alone where one is named."""

    def meddle(message: Message) -> Message:
        named = message.method if isinstance(message, Request) else message.cseq.method
        return message if method not in ("", named) else replace(message, body=message.body.replace(old, new))

    return meddle
