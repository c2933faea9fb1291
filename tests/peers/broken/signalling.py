"""Peers whose signalling is broken."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

from tests.certificates import Authority
from tests.peers.broken.callee import Callee
from tests.peers.broken.voice import Address
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response


class LosesAck(Callee):
    """It never gets our ACK: it says 200 again and again, and gives up."""

    def acknowledged(self) -> None:
        """Nothing has come."""


class UnreachableContact(Callee):
    """Its Contact names a port where nobody is: later requests, the ACK first, do not reach it."""

    @property
    def contact(self) -> str:
        """Where nobody is."""
        return f"<sip:600@{self.host}:9>"


class PrivateContact(Callee):
    """Its Contact names an address of its own network, which nobody else can reach."""

    @property
    def contact(self) -> str:
        """An address for documentation."""
        return "<sip:600@192.0.2.77:5060>"


class ChangesTag(Callee):
    """Each of its answers to one INVITE has another To tag."""

    def repeat(self, response: Response, to: Address) -> None:
        """A second 200, from somebody else by its looks."""
        super().repeat(response, to)
        row = (response.headers.first("to") or "").replace("tag=broken", "tag=changed")
        self.later(0.3, replace(response, headers=response.headers.with_rows("to", row)), to)


class IgnoresBye(Callee):
    """It never answers a BYE."""

    def bye(self, request: Request, source: Address) -> None:
        """Nothing has come, and the call goes on."""


class IgnoresCancel(Callee):
    """It rings for ever: a CANCEL is answered, the INVITE is not."""

    async def invited(self, request: Request, source: Address) -> None:
        """Ring."""
        self.respond(request, 180, source)


class Silent(Callee):
    """It takes everything and says nothing."""

    def datagram_received(self, data: bytes, source: Address) -> None:
        """Nothing has come."""


class Nobody(Callee):
    """Nobody listens where it should be."""

    async def open(self) -> None:
        """A port that was free a moment ago."""
        await super().open()
        super().close()


class AsksForEver(Callee):
    """Whatever the answer to its challenge, it challenges again."""

    def _challenge(self, request: Request, source: Address) -> None:
        nonce = f"n{next(self._numbers)}"
        challenge = f'Digest realm="broken", nonce="{nonce}", algorithm=MD5, qop="auth"'
        self.respond(request, 401, source, Headers.of(("WWW-Authenticate", challenge)))

    async def invited(self, request: Request, source: Address) -> None:
        """Who are you?"""
        self._challenge(request, source)

    def asked(self, request: Request, source: Address) -> None:
        """Who are you?"""
        self._challenge(request, source)


class OtherName(Callee):
    """It takes SIP over TLS, with a good certificate of somebody else.

    Args:
        authority: issues it.
    """

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._issued = authority.issue("", dns=("other.example.com",), uris=("sip:other.example.com",))
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Over TLS."""
        return f"sip:600@{self.host}:{self.port};transport=tls"

    async def open(self) -> None:
        """Listen."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._issued.certificate, self._issued.key)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        self._server = await asyncio.start_server(serve, self.host, 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Be gone."""
        super().close()
        if self._server is not None:
            self._server.close()
