"""A registrar by hand: sound as it stands, made to be broken in one place."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.tried import OFFERS
from ua.interop.peer import Peer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.wire_format import parse, serialise
from ua.sip.transport.hop import SipTransport


class Registrar(asyncio.DatagramProtocol):
    """Takes REGISTERs over UDP.

    Args:
        tells_time: the Contacts in its answers have a time.
        removes: a Contact with expires=0 goes.
        doubles: each REGISTER adds a Contact, also where it is there.
        least_s: who asks for less gets 423.
        tells_least: with Min-Expires.
        most: Contacts at a time; the oldest one goes.
        challenges: the nonce of all its challenges; empty: it believes everybody.
        notifies: who subscribes to its waiting messages is told how many there are.
        status: what all others than registered users get, 200 where it takes them.
    """

    def __init__(
        self,
        *,
        tells_time: bool = True,
        removes: bool = True,
        doubles: bool = False,
        least_s: int = 0,
        tells_least: bool = True,
        most: int = 10,
        challenges: str = "",
        notifies: bool = True,
        status: int = 200,
    ) -> None:
        self._tells_time = tells_time
        self._removes = removes
        self._doubles = doubles
        self._least_s = least_s
        self._tells_least = tells_least
        self._most = most
        self._nonce = challenges
        self._notifies = notifies
        self._status = status
        self._contacts: list[NameAddr] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._answered: dict[str, Response] = {}
        self.port = 0

    async def __aenter__(self) -> Self:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        """Answer a request, and the same again where it is repeated."""
        request = parse(data)
        if not isinstance(request, Request) or self._transport is None:
            return
        branch = request.via.branch
        if branch not in self._answered:
            self._answered[branch] = self._answer(request)
        self._transport.sendto(serialise(self._answered[branch]), source)
        if request.method == "SUBSCRIBE" and self._notifies:
            self._transport.sendto(serialise(self._notification(request)), source)

    def _notification(self, request: Request) -> Request:
        """Two messages wait."""
        (contact,) = request.contacts
        place = f"127.0.0.1:{self.port}"
        return Request(
            method="NOTIFY",
            uri=contact.uri,
            headers=Headers.of(
                ("Via", f"SIP/2.0/UDP {place};branch={request.via.branch}n"),
                ("Max-Forwards", 70),
                ("From", f"<{request.to.uri}>;tag=registrar"),
                ("To", request.from_),
                ("Call-ID", request.call_id),
                ("CSeq", f"{request.cseq.number} NOTIFY"),
                ("Contact", f"<sip:{place}>"),
                ("Event", "message-summary"),
                ("Subscription-State", "active;expires=300"),
                ("Content-Type", "application/simple-message-summary"),
            ),
            body=b"Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n",
        )

    def _answer(self, request: Request) -> Response:
        if self._nonce and "authorization" not in request.headers:
            challenge = f'Digest realm="broken", nonce="{self._nonce}", algorithm=MD5'
            return _response(request, 401, ("WWW-Authenticate", challenge))
        if self._status != 200:
            return _response(request, self._status)
        if request.method != "REGISTER":
            return _response(request, 200, ("Contact", f"<sip:127.0.0.1:{self.port}>"), ("Expires", 300))
        (contact,) = request.contacts
        seconds = int(contact.param("expires") or 3600)
        if 0 < seconds < self._least_s:
            return _response(request, 423, *([("Min-Expires", self._least_s)] if self._tells_least else []))
        same = [each for each in self._contacts if each.uri.same_as(contact.uri)]
        if seconds == 0:
            self._contacts = [each for each in self._contacts if each not in same or not self._removes]
        elif self._doubles or not same:
            self._contacts = [*self._contacts, NameAddr(uri=contact.uri)][-self._most :]
        time = f";expires={seconds or 60}" if self._tells_time else ""
        return _response(request, 200, *(("Contact", f"{each}{time}") for each in self._contacts))


def _response(request: Request, status: int, *rows: tuple[str, object]) -> Response:
    return make_response(request, status, to_tag="registrar", headers=Headers.of(*rows))


def registrar_at(registrar: Registrar, transports: tuple[SipTransport, ...] = ("udp",)) -> Peer:
    """The peer that it is; it is said to take these transports."""
    abilities = OFFERS | {"message_waiting"}
    return peer_at(f"sip:127.0.0.1:{registrar.port}", transports=transports, abilities=abilities)
