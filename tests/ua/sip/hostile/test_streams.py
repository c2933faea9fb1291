"""Connections of those who mean harm: slow ones, handshakes without end, messages too long or without end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.peers.process import until
from tests.ua.sip.hostile.attack import Growth, signalling_meanwhile
from tests.ua.sip.phones import Phone, phone
from tests.ua.sip.transport.secure import tls_of
from tests.ua.sip.transport.test_connection_life import EVERY, STREAMS, uri
from tests.ua.sip.transport.websocket.test_wire import HANDSHAKE, SIP
from ua.sip.transport.hop import SipTransport

CONNECTIONS = 300
MOST = 30
"""Connections that the phone under fire takes of each transport."""

MEGABYTES = 30
BIG = 10_000_000

HEADER = (
    b"MESSAGE sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKbig\r\n"
    b"From: <sip:a@example.com>;tag=a\r\nTo: <sip:b@example.com>\r\nCall-ID: big\r\nCSeq: 1 MESSAGE\r\n"
)

LONG = {
    "a body of 10 MB": HEADER + b"Content-Length: %d\r\n\r\n" % BIG,
    "a header without end": HEADER + b"X: ",
    "a body that does not come to its end": HEADER + b"Content-Length: 900000\r\n\r\n",
}


@asynccontextmanager
async def under_fire(folder: Path) -> AsyncIterator[tuple[Phone, Phone]]:
    """Alice and Bob, who takes few connections and is not patient."""
    authority = Authority(folder)
    settings: dict[str, Any] = {
        "transports": EVERY,
        "tls": tls_of(authority, authority.issue(addresses=["127.0.0.1"])),
        "ws_port": 0,
        "wss_port": 0,
    }
    limits = {"max_connections": MOST, "handshake_timeout": 1.0, "partial_timeout": 1.0}
    async with (
        phone(**settings | limits, user="bob") as bob,
        phone(**settings, user="alice") as alice,
    ):
        yield alice, bob


def connections(bob: Phone, transport: SipTransport) -> int:
    """How many there are."""
    return len(bob.endpoint._stack.transport.streams[transport].connections)


async def drip(bob: Phone, transport: SipTransport, number: int, text: bytes) -> None:
    """Connect from a host of our own, and send a byte now and then."""
    port = bob.endpoint.local_addresses[transport].port
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(f"127.0.{number // 15 + 1}.1", 0)
        )
        try:
            for byte in text:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
        finally:
            writer.transport.abort()


@pytest.mark.req("LIM-3")
@STREAMS
async def test_connections_that_never_come_to_the_point(tmp_path: Path, transport: SipTransport) -> None:
    """300 of them, from 20 hosts: a byte now and then, of a message or of a handshake."""
    text = (
        b"\x16\x03\x01\x02\x00\x01" * 20
        if transport in ("tls", "wss")
        else b"OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\n"
    )
    if transport == "ws":
        text = HANDSHAKE.encode()
    async with under_fire(tmp_path) as (alice, bob):
        growth = Growth()
        attackers = [asyncio.create_task(drip(bob, transport, number, text)) for number in range(CONNECTIONS)]
        try:
            await until(lambda: connections(bob, transport) >= MOST, "all places are taken", 3)
            for _ in range(3):
                await signalling_meanwhile(alice, bob, uri(bob, transport))
                assert connections(bob, transport) <= MOST
            await until(lambda: connections(bob, transport) <= 1, "they are cut off", 5)
            assert growth.mb < MEGABYTES
        finally:
            for attacker in attackers:
                attacker.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)


@asynccontextmanager
async def opened(bob: Phone, transport: SipTransport) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection over TCP or TLS that may send messages."""
    context = None
    if transport == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = bob.endpoint.local_addresses[transport].port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    del reader
    try:
        yield writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send the beginning, and then for ever, while the other side takes it."""
    writer.write(data)
    with contextlib.suppress(OSError):
        while not writer.transport.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()
            await asyncio.sleep(0.001)


@pytest.mark.req("LIM-1", "LIM-3")
@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("what", LONG)
async def test_messages_that_are_too_long(tmp_path: Path, transport: SipTransport, what: str) -> None:
    async with under_fire(tmp_path) as (alice, bob), opened(bob, transport) as writer:
        growth = Growth()
        pouring = asyncio.create_task(pour(writer, LONG[what]))
        await signalling_meanwhile(alice, bob, uri(bob, transport))
        await asyncio.wait_for(pouring, 10)
        assert bob.endpoint.counters["internal errors"] == 0
        assert bob.endpoint.counters["refused"] >= 1
        assert growth.mb < MEGABYTES


@pytest.mark.req("LIM-3")
async def test_a_frame_of_10_mb(tmp_path: Path) -> None:
    async with under_fire(tmp_path) as (alice, bob), opened(bob, "ws") as writer:
        growth = Growth()
        writer.write(HANDSHAKE.format(path="/", more=SIP).encode())
        frame = b"\x81\xff" + BIG.to_bytes(8, "big") + bytes(4)
        pouring = asyncio.create_task(pour(writer, frame + HEADER))
        await signalling_meanwhile(alice, bob, uri(bob, "ws"))
        await asyncio.wait_for(pouring, 10)
        assert growth.mb < MEGABYTES
