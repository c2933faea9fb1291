"""Endpoints that speak TLS, and a peer behind TLS that a test drives by hand."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.certificates import Authority, Issued
from tests.ua.sip.phones import Phone, phone
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.tls.config import TlsConfig

TLS_FIRST: tuple[SipTransport, ...] = ("tls", "udp", "tcp")


def tls_of(authority: Authority, issued: Issued | None = None, **more: Any) -> TlsConfig:
    """Settings that trust an authority and show a certificate of it."""
    return TlsConfig(
        ca_file=authority.certificate,
        certificate=None if issued is None else issued.certificate,
        key=None if issued is None else issued.key,
        **more,
    )


def sips(target: Phone, host: str = "localhost", user: str = "bob") -> Uri:
    """The sips URI of a phone under this name."""
    port = target.endpoint.local_addresses["tls"].port
    return Uri(scheme="sips", user=user, host=host, port=port)


@contextlib.asynccontextmanager
async def pair(authority: Authority, **more: Any) -> AsyncIterator[tuple[Phone, Phone]]:
    """Two phones that trust each other."""
    both = tls_of(authority, authority.issue(dns=["localhost"], addresses=["127.0.0.1"]))
    async with (
        phone(transports=TLS_FIRST, tls=both, user="alice", **more) as alice,
        phone(transports=TLS_FIRST, tls=both, user="bob", **more) as bob,
    ):
        yield alice, bob


class Heard:
    """What a server was told."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.names: list[str | None] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []


@contextlib.asynccontextmanager
async def tls_server(
    issued: Issued,
    *,
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
    ca_file: Path | None = None,
) -> AsyncIterator[tuple[int, Heard]]:
    """A TLS server of the standard library that only listens; its port, and what it heard."""
    heard = Heard()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    if versions is not None:
        context.minimum_version, context.maximum_version = versions
        context.set_ciphers("ALL:@SECLEVEL=0")  # else it would not speak old versions itself
    context.sni_callback = lambda _, name, __: heard.names.append(name)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        heard.writers.append(writer)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(4096):
                heard.data += data
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for writer in heard.writers:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        await server.wait_closed()
