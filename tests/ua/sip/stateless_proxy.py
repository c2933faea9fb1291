"""A stateless proxy that decides what becomes of each message (RFC 3261 §16.11)."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable
from dataclasses import replace

from ice.types import TransportAddress
from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import parse, serialise
from ua.sip.transport.hop import Hop, note_source

Fate = Callable[[int, Message], float | None]
"""Gives the seconds that a message takes, None where it is lost, by its number (from 0)."""


def faithful(_number: int, _message: Message) -> float | None:
    """All arrive at once."""
    return 0.0


class StatelessProxy:
    """A UDP socket that forwards by Route and Request-URI, and stays on the route of dialogs.

    Attributes:
        passed: method or status of each message, in order of arrival here.
        fate: may be set.
    """

    def __init__(self, fate: Fate = faithful) -> None:
        self.fate = fate
        self.passed: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._host, self._port = self._socket.getsockname()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    @property
    def uri(self) -> Uri:
        """Its address as a Route."""
        return Uri(host=self._host, port=self._port, params=(("lr", None),))

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        try:
            data, (host, port) = self._socket.recvfrom(65535)
            message = parse(data)
        except (OSError, SipParseError):
            return
        number = len(self.passed)
        self.passed.append(message.method if isinstance(message, Request) else str(message.status))
        delay = self.fate(number, message)
        if delay is None:
            return
        if isinstance(message, Request):
            forwarded = self._request(message, TransportAddress(host=host, port=port))
        else:
            forwarded = self._response(message)
        self._loop.call_later(delay, self._send, *forwarded)

    def _send(self, data: bytes, target: tuple[str, int]) -> None:
        if self._socket.fileno() >= 0:
            self._socket.sendto(data, target)

    def _response(self, message: Response) -> tuple[bytes, tuple[str, int]]:
        rows = message.headers.members("via")[1:]
        forwarded = replace(message, headers=message.headers.with_rows("via", *rows))
        via = forwarded.via
        return serialise(forwarded), (via.received or via.host, int(via.param("rport") or via.sent_by_port))

    def _request(self, message: Request, source: TransportAddress) -> tuple[bytes, tuple[str, int]]:
        request = note_source(message, Hop(transport="udp", remote=source))
        branch = "z9hG4bK" + hashlib.sha256(request.via.branch.encode()).hexdigest()[:16]
        routes = request.addresses("route")
        if routes and (routes[0].uri.host, routes[0].uri.port) == (self._host, self._port):
            routes = routes[1:]
        rows = request.headers.with_rows("route", *routes)
        if request.method == "INVITE" and request.to.tag is None:
            rows = Headers.of(("Record-Route", f"<{self.uri}>"), *rows)
        via = f"SIP/2.0/UDP {self._host}:{self._port};branch={branch}"
        headers = Headers.of(("Via", via), *rows)
        following = routes[0].uri if routes else request.uri
        return serialise(replace(request, headers=headers)), (following.host, following.port or 5060)
