"""SIP over WebSockets on real sockets: names, Contacts, clients that have no address, certificates."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ice.types import TransportAddress
from tests.certificates import Authority
from tests.ice.loopback import until
from tests.ua.sip.phones import ALICE, Phone, phone
from tests.ua.sip.transport.secure import tls_of
from tests.ua.sip.transport.streams import options
from ua.errors import ResultCode
from ua.sip.errors import SipError, SipLoginRefused, SipTlsError, SipUnreachable
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via
from ua.sip.syntax.wire_format import parse, serialise
from ua.sip.transport.hop import Hop, SipTransport
from ua.sip.transport.stream import FramedMessage
from ua.sip.transport.websocket.config import WebSocketConfig
from ua.sip.transport.websocket.names import MAX_NAMES_PER_CONNECTION, WebSocketNames
from ua.sip.transport.websocket.wire import WebSocketWire

EVERY: tuple[SipTransport, ...] = ("udp", "tcp", "tls", "ws", "wss")
CONFIG = WebSocketConfig(path="/ws")
MADE_UP = "df7jal23ls0d.invalid"


class Browser:
    """A WebSocket client that a test drives by hand and that has no address to tell."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader = reader
        self.writer = writer
        remote = TransportAddress(host="127.0.0.1", port=port)
        self.wire = WebSocketWire(CONFIG, secure=False, domain="127.0.0.1", remote=remote)
        self._got: list[Message] = []

    async def connect(self) -> None:
        self.wire.start()
        self.writer.write(self.wire.take_output())
        self.wire.receive(await self.reader.readuntil(b"\r\n\r\n"))

    def send(self, message: Message | bytes) -> None:
        self.wire.send(message if isinstance(message, bytes) else serialise(message))
        self.writer.write(self.wire.take_output())

    async def receive(self) -> Message:
        async with asyncio.timeout(10):
            while not self._got:
                data = await self.reader.read(4096)
                if not data:
                    raise EOFError
                items = self.wire.receive(data)
                self._got += [parse(item.data) for item in items if isinstance(item, FramedMessage)]
        return self._got.pop(0)

    async def receive_request(self, method: str) -> Request:
        while True:
            message = await self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    async def receive_response(self, status: int) -> Response:
        while True:
            message = await self.receive()
            if isinstance(message, Response) and message.status == status:
                return message

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def browser(target: Phone) -> AsyncIterator[Browser]:
    port = target.endpoint.local_addresses["ws"].port
    made = Browser(*await asyncio.open_connection("127.0.0.1", port), port)
    await made.connect()
    try:
        yield made
    finally:
        await made.close()


def invite(host: str = MADE_UP) -> Request:
    headers = Headers.of(
        ("Via", f"SIP/2.0/WS {host};branch=z9hG4bK1"),
        ("From", "<sip:browser@example.com>;tag=b"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "1"),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<sip:browser@{host};transport=ws;ob>"),
        ("Content-Type", "application/sdp"),
        ("Content-Length", "5"),
    )
    return Request(method="INVITE", uri=Uri.parse("sip:bob@example.com"), headers=headers, body=b"v=0\r\n")


async def ask(alice: Phone, uri: str) -> int:
    return (await alice.endpoint.request("OPTIONS", Uri.parse(uri), from_=ALICE)).response.status


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_call_over_websockets(authority: Authority, transport: SipTransport) -> None:
    tls = tls_of(authority, authority.issue(addresses=["127.0.0.1"]))
    shared: dict[str, Any] = {"tls": tls, "websocket": CONFIG, "ws_port": 0, "wss_port": 0}
    order = (transport, *(each for each in EVERY if each != transport))
    async with (
        phone(transports=order, user="alice", **shared) as alice,
        phone(transports=EVERY, user="bob", **shared) as bob,
    ):
        port = bob.endpoint.local_addresses[transport].port
        scheme = "sips" if transport == "wss" else "sip"
        target = Uri.parse(f"{scheme}:bob@127.0.0.1:{port};transport=ws")
        call = alice.endpoint.invite(target, from_=ALICE, body=b"v=0\r\n")
        leg = (await bob.offered.get()).accept(b"v=0\r\n")
        await call.answered()
        await leg.bye()
        assert call.leg is not None
        assert (await call.leg.ended).by == "remote"
        log = [entry for entry in (*alice.log, *bob.log) if entry.kind == "message"]
        assert {entry.transport for entry in log} == {transport}
        asked = next(entry.text for entry in alice.log if entry.text.startswith("INVITE"))
        own = alice.endpoint.local_addresses[transport].port
        assert f"Via: SIP/2.0/{transport.upper()} 127.0.0.1:{own};branch=" in asked
        assert f"Contact: <{scheme}:alice@127.0.0.1:{own};transport=ws>" in asked
        answered = next(entry.text for entry in bob.log if "200 OK" in entry.text)
        assert f"Contact: <{scheme}:bob@127.0.0.1:{port};transport=ws>" in answered


@pytest.mark.req("TRN-6", "TRN-9")
async def test_a_client_without_an_address_is_reached_by_its_connection() -> None:
    async with phone(transports=EVERY, ws_port=0, websocket=CONFIG) as bob, browser(bob) as page:
        page.send(invite())
        leg = (await bob.offered.get()).accept(b"v=0\r\n")
        answer = await page.receive_response(200)
        assert answer.via.host == MADE_UP
        ack = Headers.of(
            ("Via", f"SIP/2.0/WS {MADE_UP};branch=z9hG4bK2"),
            ("From", "<sip:browser@example.com>;tag=b"),
            ("To", str(answer.to)),
            ("Call-ID", "1"),
            ("CSeq", "1 ACK"),
        )
        page.send(Request(method="ACK", uri=answer.contacts[0].uri, headers=ack))
        ending = asyncio.ensure_future(leg.bye())
        bye = await page.receive_request("BYE")
        assert bye.uri.host == MADE_UP
        page.send(make_response(bye, 200))
        await ending
        assert bob.endpoint.counters["BYE unanswered"] == 0


@pytest.mark.req("TRN-6")
async def test_a_client_that_has_gone_is_not_reached_any_more() -> None:
    async with phone(transports=EVERY, ws_port=0, websocket=CONFIG) as bob:
        async with browser(bob) as page:
            page.send(invite())
            leg = (await bob.offered.get()).accept(b"v=0\r\n")
            await page.receive_response(200)
        with pytest.raises(SipError):
            await leg.request("INFO")


@pytest.mark.req("TRN-6")
async def test_no_connection_is_made_to_a_client_that_has_gone() -> None:
    """RFC 3261 §18.2.2 would have us dial the sent-by; behind a made-up name nobody listens."""
    dialled = asyncio.Event()

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.set()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, phone(transports=EVERY, ws_port=0, websocket=CONFIG) as bob:
        async with browser(bob) as page:
            page.send(invite(f"{MADE_UP}:{port}"))
            call = await bob.offered.get()
        await until(lambda: not bob.endpoint.flows.is_open(call.source))
        call.reject(486)
        await asyncio.sleep(0.1)
        assert not dialled.is_set()


def test_a_made_up_name_stays_with_its_first_owner() -> None:
    names = WebSocketNames()
    first = Hop(transport="ws", remote=TransportAddress(host="192.0.2.1", port=1), connection=1)
    other = Hop(transport="wss", remote=TransportAddress(host="192.0.2.2", port=2), connection=2)
    names.note(invite(), first)
    names.note(invite(), other)
    names.note(invite("named.example.com"), first)
    found = names.target(Uri.parse(f"sip:x@{MADE_UP.upper()}"))
    assert found is not None
    assert (found.transport, found.address) == ("ws", first.remote)
    assert names.target(Uri.parse(f"sips:x@{MADE_UP}")) is None, "the connection is not secure"
    assert names.target(Uri.parse("sip:x@named.example.com")) is None
    assert names.target(Uri.parse(f"sip:x@{MADE_UP}:5060")) is None
    names.forget(1)
    assert names.target(Uri.parse(f"sip:x@{MADE_UP}")) is None
    names.note(invite(), other)
    secure = names.target(Uri.parse(f"sips:x@{MADE_UP}"))
    assert secure is not None
    assert secure.transport == "wss"
    for number in range(100):
        names.note(invite(f"n{number}.invalid"), other)
    assert len(names._hops) == MAX_NAMES_PER_CONNECTION
    names.note(invite("udp.invalid"), Hop(transport="udp", remote=first.remote))
    assert names.target(Uri.parse("sip:x@udp.invalid")) is None


@pytest.mark.req("TRN-6")
def test_websockets_repeat_what_is_lost_themselves() -> None:
    remote = TransportAddress(host="192.0.2.1", port=80)
    assert Hop(transport="ws", remote=remote).reliable
    assert Hop(transport="wss", remote=remote).reliable
    assert [Via.parse(f"SIP/2.0/{name} example.com").sent_by_port for name in ("WS", "WSS")] == [80, 443]


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize(
    ("name", "good"), [("*.example", True), ("pbx.example", True), ("sip:localhost", False)]
)
async def test_certificates_are_checked_as_on_the_web(authority: Authority, name: str, good: bool) -> None:
    """DNS names count, whatever URIs there are beside them."""
    issued = (
        authority.issue(uris=[name]) if name.startswith("sip:") else authority.issue(dns=[name, "localhost"])
    )
    async with (
        phone(transports=EVERY, tls=tls_of(authority, issued), wss_port=0) as bob,
        phone(transports=EVERY, tls=tls_of(authority)) as alice,
    ):
        port = bob.endpoint.local_addresses["wss"].port
        uri = f"sips:bob@localhost:{port};transport=ws"
        if good:
            assert await ask(alice, uri) == 200
        else:
            with pytest.raises(SipTlsError):
                await ask(alice, uri)


@pytest.mark.req("TRN-6")
async def test_a_server_that_wants_a_login_first() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n')
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with phone(transports=EVERY) as alice:
        with pytest.raises(SipLoginRefused) as caught:
            await ask(alice, f"sip:bob@127.0.0.1:{port};transport=ws")
        assert caught.value.code is ResultCode.AUTHENTICATION
    server.close()
    await server.wait_closed()


@pytest.mark.req("LIM-3", "TRN-7")
async def test_who_opens_no_websocket_is_cut_off() -> None:
    async with phone(transports=EVERY, ws_port=0, handshake_timeout=0.2) as bob:
        port = bob.endpoint.local_addresses["ws"].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(2):
            assert await reader.read(100) == b""
        writer.close()
        await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(options())
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError):
                assert b"SIP/2.0 200" not in await reader.read(100)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        assert any("WebSocket" in reason for reason in bob.refusals())


@pytest.mark.req("TRN-6")
async def test_a_ping_of_ours_is_answered(authority: Authority) -> None:
    tls = tls_of(authority, authority.issue(addresses=["127.0.0.1"]))
    heard: asyncio.Queue[Hop] = asyncio.Queue()
    async with (
        phone(transports=EVERY, tls=tls, ws_port=0, wss_port=0) as alice,
        phone(transports=EVERY, tls=tls, ws_port=0, wss_port=0) as bob,
    ):
        transport = alice.endpoint._stack.transport
        transport.on_pong = heard.put_nowait
        for name in ("tcp", "tls", "ws", "wss"):
            port = bob.endpoint.local_addresses[name].port
            scheme, parameter = ("sips", "ws") if name == "wss" else ("sip", name)
            assert await ask(alice, f"{scheme}:bob@127.0.0.1:{port};transport={parameter}") == 200
            connection = next(iter(transport.streams[name].connections))
            transport.ping(Hop(transport=name, remote=connection.remote, connection=connection.number))
            async with asyncio.timeout(2):
                assert (await heard.get()).connection == connection.number
        used = next(iter(transport.streams["tcp"].connections))
        transport.drop(
            Hop(transport="tcp", remote=used.remote, connection=used.number), "the flow has failed"
        )
        async with asyncio.timeout(2):
            await used.gone
        assert any(entry.reason == "the flow has failed" for entry in alice.log)


async def test_nobody_listens_where_no_port_is_given(authority: Authority) -> None:
    tls = tls_of(authority, authority.issue(addresses=["127.0.0.1"]))
    async with phone(transports=EVERY) as plain, phone(transports=EVERY, tls=tls) as secure:
        assert set(plain.endpoint.local_addresses) == {"udp", "tcp"}
        assert set(secure.endpoint.local_addresses) == {"udp", "tcp", "tls"}
        with pytest.raises(SipUnreachable):
            await ask(plain, "sip:bob@127.0.0.1:9;transport=ws")
