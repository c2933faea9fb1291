"""How long connections live, who shares them, and who is cut off; over TCP, TLS and WebSockets alike."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.peers.process import until
from tests.ua.sip.phones import ALICE, Phone, phone
from tests.ua.sip.transport.secure import tls_of
from tests.ua.sip.transport.streams import options, stream_to
from tests.ua.sip.transport.websocket.test_wire import HANDSHAKE, SIP
from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport

EVERY: tuple[SipTransport, ...] = ("tcp", "udp", "tls", "ws", "wss")
STREAMS = pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss"])


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    authority = Authority(tmp_path)
    tls = tls_of(authority, authority.issue(addresses=["127.0.0.1"]))
    return {"transports": EVERY, "tls": tls, "ws_port": 0, "wss_port": 0}


def uri(target: Phone, transport: SipTransport) -> Uri:
    """A phone over this transport."""
    secure = transport in ("tls", "wss")
    named = {"tcp": "tcp", "tls": None, "ws": "ws", "wss": "ws", "udp": "udp"}[transport]
    params = () if named is None else (("transport", named),)
    port = target.endpoint.local_addresses[transport].port
    return Uri(scheme="sips" if secure else "sip", user="bob", host="127.0.0.1", port=port, params=params)


async def ask(alice: Phone, target: Uri) -> int:
    return (await alice.endpoint.request("OPTIONS", target, from_=ALICE)).response.status


def opened(log: Phone, start: str = "opened") -> int:
    """How many connections were opened, or accepted."""
    return sum(entry.reason.startswith(start) for entry in log.log if entry.kind == "connection")


@pytest.mark.req("TRN-7")
@STREAMS
async def test_one_connection_for_all_requests_to_one_place(
    settings: dict[str, Any], transport: SipTransport
) -> None:
    async with phone(**settings) as alice, phone(**settings) as bob:
        target = uri(bob, transport)
        assert await asyncio.gather(*(ask(alice, target) for _ in range(5))) == [200] * 5
        assert await ask(alice, target) == 200
        assert (opened(alice), opened(bob, "accepted")) == (1, 1)


@pytest.mark.req("TRN-7")
@STREAMS
async def test_an_idle_connection_is_closed_and_a_new_one_opened(
    settings: dict[str, Any], transport: SipTransport
) -> None:
    async with phone(**settings) as bob, phone(**settings, idle_timeout=0.3) as alice:
        target = uri(bob, transport)
        assert await ask(alice, target) == 200
        await asyncio.sleep(0.15)
        assert await ask(alice, target) == 200
        assert opened(alice) == 1, "it was used in between"
        await until(lambda: any(entry.reason == "not used for long" for entry in alice.log), "closed", 3)
        assert await ask(alice, target) == 200
        assert opened(alice) == 2


@pytest.mark.req("TRN-7")
def test_connections_stay_as_long_as_a_transaction_may_last() -> None:
    config = SipConfig()
    assert config.idle_timeout >= 64 * config.timers.t1


@pytest.mark.req("LIM-3")
@STREAMS
async def test_who_connects_and_says_nothing_is_cut_off(
    settings: dict[str, Any], transport: SipTransport
) -> None:
    async with phone(**settings, handshake_timeout=0.2) as bob:
        port = bob.endpoint.local_addresses[transport].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            assert await reader.read(100) == b""
        writer.close()
        await writer.wait_closed()
        assert not bob.endpoint._stack.transport.streams[transport].connections


@pytest.mark.req("LIM-3")
@STREAMS
async def test_connections_without_a_handshake_count_too(
    settings: dict[str, Any], transport: SipTransport
) -> None:
    async with phone(**settings) as bob:
        port = bob.endpoint.local_addresses[transport].port
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(25)]
        try:
            await until(lambda: bob.refusals().count("too many connections") == 5, "five are refused", 3)
            assert len(bob.endpoint._stack.transport.streams[transport].connections) == 20
        finally:
            for each in sockets:
                each.close()


@contextlib.asynccontextmanager
async def deaf(target: Phone) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection whose other end reads nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    address = target.endpoint.local_addresses["ws"]
    await asyncio.get_running_loop().sock_connect(raw, (address.host, address.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    del reader
    try:
        yield writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.req("LIM-3")
async def test_a_peer_that_does_not_read_is_cut_off(settings: dict[str, Any]) -> None:
    """Each ping of a WebSocket costs us an answer; they do not pile up for ever."""
    async with phone(**settings, partial_timeout=30.0) as bob, deaf(bob) as writer:
        writer.write(HANDSHAKE.format(path="/", more=SIP).encode())
        ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                writer.write(ping * 500)
                await asyncio.sleep(0)
                if opened(bob, "the peer does not read"):
                    break
        await until(lambda: opened(bob, "the peer does not read") == 1, "it is cut off", 5)


async def test_half_a_message_after_a_whole_one_has_its_own_time() -> None:
    """Whole messages in between do not make an old deadline fall on a new message."""
    async with phone(partial_timeout=0.4) as bob, stream_to(bob) as stream:
        for number in range(4):
            message = options(number)
            stream.writer.write(message[:40])
            await asyncio.sleep(0.2)
            stream.writer.write(message[40:])
            assert (await stream.receive()).cseq.number == number
        assert opened(bob, "half a message") == 0


@STREAMS
async def test_over_ipv6(tmp_path: Path, transport: SipTransport) -> None:
    authority = Authority(tmp_path)
    tls = tls_of(authority, authority.issue(addresses=["::1"]))
    more: dict[str, Any] = {"transports": EVERY, "tls": tls, "ws_port": 0, "wss_port": 0, "host": "::1"}
    async with phone(**more) as alice, phone(**more) as bob:
        target = replace(uri(bob, transport), host="::1")
        assert await ask(alice, target) == 200
        asked = next(entry for entry in bob.log if entry.kind == "message")
        assert asked.transport == transport
        assert f"Via: SIP/2.0/{transport.upper()} [::1]:" in asked.text


async def test_a_port_that_is_taken_leaves_nothing_open(settings: dict[str, Any]) -> None:
    async with phone(**settings) as bob:
        taken = bob.endpoint.local_addresses["wss"].port
        for key in ("tls_port", "ws_port", "wss_port"):
            with pytest.raises(SipUnreachable, match=f"port {taken}"):
                async with phone(**settings | {key: taken}):
                    pytest.fail("it started")
