"""Endpoints on loopback, and a peer that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.distinct import distinct
from ua.sip.config import SipConfig
from ua.sip.endpoint import SipEndpoint
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.log import SipLogEntry
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import parse, serialise
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import SipTransport

ALICE = NameAddr.parse("Alice <sip:alice@example.com>")
FAST = Timers(t1=0.02, t2=0.1, t4=0.1)
"""64*T1 is 1.28 s."""


@dataclass
class Phone:
    """An endpoint and what it heard."""

    endpoint: SipEndpoint
    log: list[SipLogEntry]
    offered: asyncio.Queue[IncomingInvite] = field(default_factory=asyncio.Queue)
    asked: asyncio.Queue[IncomingRequest] = field(default_factory=asyncio.Queue)

    def uri(self, transport: SipTransport = "udp", user: str = "bob") -> Uri:
        """Where the phone can be called."""
        address = self.endpoint.local_addresses[transport]
        params = (("transport", transport),)
        return Uri(user=user, host=address.host, port=address.port, params=params)

    def messages(self, direction: str = "", *, repeats: bool = False) -> list[str]:
        """Start lines of the messages logged; retransmissions only with `repeats`."""
        texts = [
            (entry.direction, entry.text)
            for entry in self.log
            if entry.kind == "message" and direction in ("", entry.direction)
        ]
        return [text.partition("\r\n")[0] for _, text in (texts if repeats else distinct(texts))]

    def count(self, start: str, direction: str = "out", *, repeats: bool = False) -> int:
        """How many messages started like this; how often they were sent with `repeats`."""
        return sum(line.startswith(start) for line in self.messages(direction, repeats=repeats))

    def refusals(self) -> list[str]:
        """Why messages were refused."""
        return [entry.reason for entry in self.log if entry.kind == "refused"]


@contextlib.asynccontextmanager
async def phone(
    *,
    timers: Timers = FAST,
    on_invite: Callable[[IncomingInvite], None] | None = None,
    transports: tuple[SipTransport, ...] = ("udp", "tcp"),
    proxy: Uri | None = None,
    allow: tuple[str, ...] = SipConfig().allow,
    supported: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    user: str = "phone",
    **settings: Any,
) -> AsyncIterator[Phone]:
    """An endpoint that is closed afterwards, with nothing left open; `settings` are more of its config."""
    log: list[SipLogEntry] = []
    config = SipConfig(
        host=host,
        port=port,
        timers=timers,
        transports=transports,
        proxy=proxy,
        allow=allow,
        supported=supported,
        user=user,
        connect_timeout=1.0,
        partial_timeout=0.2,
    )
    config = replace(config, **settings)
    heard: list[Phone] = []

    def take_invite(incoming: IncomingInvite) -> None:
        if on_invite is not None:
            on_invite(incoming)
        heard[0].offered.put_nowait(incoming)

    endpoint = SipEndpoint(
        config,
        on_invite=take_invite,
        on_request=lambda incoming: heard[0].asked.put_nowait(incoming),
        on_log=log.append,
    )
    heard.append(Phone(endpoint=endpoint, log=log))
    before = asyncio.all_tasks()
    await endpoint.start()
    try:
        yield heard[0]
    finally:
        await endpoint.close()
        for _ in range(3):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        assert not left, f"tasks left: {left}"


class ScriptedPeer:
    """A UDP socket that a test drives by hand."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()
        self.last = ("127.0.0.1", 0)
        self._heard: set[bytes] = set()

    @property
    def uri(self) -> Uri:
        """Where to call it."""
        return Uri(user="peer", host=self.host, port=self.port)

    async def receive(self, what: str = "", seconds: float = 10.0, *, repeats: bool = False) -> Message:
        """The next message, or the next one of this method or status.

        Requests that it has heard before are passed over, as who is slow gets retransmissions; with `repeats`
        they are not.
        """
        async with asyncio.timeout(seconds):
            while True:
                data, self.last = await asyncio.get_running_loop().sock_recvfrom(self._socket, 65535)
                message = parse(data)
                if isinstance(message, Request):
                    again = data in self._heard
                    self._heard.add(data)
                    if again and not repeats:
                        continue
                name = message.method if isinstance(message, Request) else str(message.status)
                if what in ("", name):
                    return message

    async def receive_request(self, method: str, *, repeats: bool = False) -> Request:
        """The next request with this method."""
        message = await self.receive(method, repeats=repeats)
        assert isinstance(message, Request)
        return message

    async def receive_response(self, status: int) -> Response:
        """The next response with this status."""
        message = await self.receive(str(status))
        assert isinstance(message, Response)
        return message

    def send(self, message: Message | bytes, to: tuple[str, int] | None = None) -> None:
        """Send to whom it heard last, or to `to`."""
        data = message if isinstance(message, bytes) else serialise(message)
        self._socket.sendto(data, to or self.last)

    def answer(
        self, request: Request, status: int, *rows: tuple[str, object], tag: str = "peer", body: bytes = b""
    ) -> Response:
        """Answer a request; 101-299 to an INVITE get a Contact."""
        headers = Headers.of(*rows)
        if request.method == "INVITE" and 100 < status < 300 and "contact" not in headers:
            headers = headers.with_added(("Contact", f"<{self.uri}>"))
        response = make_response(request, status, to_tag=tag, headers=headers, body=body)
        self.send(response)
        return response

    async def silent(self, seconds: float, what: str = "") -> bool:
        """True where nothing (of this kind) but requests that it knows arrives for a while."""
        try:
            await self.receive(what, seconds)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextlib.asynccontextmanager
async def scripted_peer() -> AsyncIterator[ScriptedPeer]:
    """A scripted peer that is closed afterwards."""
    scripted = ScriptedPeer()
    try:
        yield scripted
    finally:
        scripted.close()
