"""SIP in WebSocket messages, in memory: handshakes, frames, limits, and what is no WebSocket at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import TransportAddress
from tests.ua.sip.transport.streams import options
from ua.errors import ResultCode
from ua.sip.errors import SipLoginRefused
from ua.sip.transport.stream import PONG, FramedMessage, KeepAlive
from ua.sip.transport.websocket.config import WebSocketConfig
from ua.sip.transport.websocket.wire import MAX_MESSAGE_BYTES, WebSocketWire
from ua.sip.transport.wire import WireClosed, WireFailed, WireItem, WireOpened

SERVER = TransportAddress(host="192.0.2.1", port=80)
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)
SIP = "Sec-WebSocket-Protocol: sip\r\n"


def client(config: WebSocketConfig | None = None) -> WebSocketWire:
    return WebSocketWire(config or WebSocketConfig(), secure=False, domain="example.com", remote=SERVER)


def server(config: WebSocketConfig | None = None) -> WebSocketWire:
    return WebSocketWire(config or WebSocketConfig(), secure=False)


def exchange(one: WebSocketWire, other: WebSocketWire) -> tuple[list[WireItem], list[WireItem]]:
    """Carry bytes both ways until nobody has any; what each side gave."""
    ours: list[WireItem] = []
    theirs: list[WireItem] = []
    while True:
        out, back = one.take_output(), other.take_output()
        if not out and not back:
            return ours, theirs
        if out:
            theirs += other.receive(out)
        if back:
            ours += one.receive(back)


def opened(config: WebSocketConfig | None = None) -> tuple[WebSocketWire, WebSocketWire]:
    one, other = client(config), server(config)
    assert one.start() == other.start() == []
    assert exchange(one, other) == ([WireOpened()], [WireOpened()])
    return one, other


def failure(items: list[WireItem]) -> str:
    assert isinstance(items[-1], WireFailed)
    return f"{items[-1].error.what} {items[-1].error.seen}"


def answer(status: str, *rows: str, key: str = "") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *rows, "", "")).encode()


def raw(request: str, wire: WebSocketWire | None = None) -> tuple[list[WireItem], bytes]:
    """What a server makes of the bytes of a request: items, and its answer."""
    wire = wire or server()
    items = wire.receive(request.encode())
    return items, wire.take_output()


@pytest.mark.req("TRN-6")
def test_the_handshake_of_the_rfc() -> None:
    items, reply = raw(HANDSHAKE.format(path="/", more=SIP))
    assert items == [WireOpened()]
    assert reply.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in reply
    assert b"Sec-WebSocket-Protocol: sip\r\n" in reply


def test_a_browser_that_wants_no_websocket_gets_the_page() -> None:
    asked = "GET /phone?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"
    wire = server(WebSocketConfig(path="/phone", page=b"<p>hello</p>"))
    items, reply = raw(asked, wire)
    assert items == [WireClosed(reason="it wanted the page")]
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 12" in head
    assert b"frame-ancestors 'none'" in head, "nobody shows it within theirs"
    assert body == b"<p>hello</p>"
    assert raw(asked, server(WebSocketConfig(path="/phone")))[1].startswith(b"HTTP/1.1 426 ")
    assert raw(asked, server(WebSocketConfig(page=b"x")))[1].startswith(b"HTTP/1.1 404 ")
    items, reply = raw(HANDSHAKE.format(path="/", more=SIP), server(WebSocketConfig(page=b"x")))
    assert items == [WireOpened()]


@pytest.mark.req("TRN-6")
def test_the_request_of_a_client() -> None:
    wire = client(WebSocketConfig(path="/ws", origin="https://example.com"))
    wire.start()
    lines = wire.take_output().decode().split("\r\n")
    assert lines[0] == "GET /ws HTTP/1.1"
    assert {"Host: example.com", "Origin: https://example.com", "Sec-WebSocket-Protocol: sip"} <= set(lines)


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize("more", ["", "Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: SIP2\r\n"])
def test_a_client_without_the_subprotocol_is_refused(more: str) -> None:
    items, reply = raw(HANDSHAKE.format(path="/", more=more))
    assert "subprotocol" in failure(items)
    assert reply.startswith(b"HTTP/1.1 400 ")


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize("protocol", ["", "chat"])
def test_a_server_without_the_subprotocol_is_left(protocol: str) -> None:
    from websockets.utils import accept_key

    wire = client()
    wire.start()
    asked = wire.take_output().decode()
    key = asked.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
    rows = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_key(key)}"]
    rows += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
    items = wire.receive(answer("101 Switching Protocols", *rows))
    assert "subprotocol" in failure(items)
    wire.send(options())
    assert b"OPTIONS" not in wire.take_output()


@pytest.mark.parametrize(
    ("path", "good"), [("/ws", True), ("/ws?x=1", True), ("/", False), ("/ws/more", False)]
)
def test_only_the_path_of_the_settings_is_known(path: str, good: bool) -> None:
    items, reply = raw(HANDSHAKE.format(path=path, more=SIP), server(WebSocketConfig(path="/ws")))
    assert (items == [WireOpened()]) is good
    assert reply.startswith(b"HTTP/1.1 101 " if good else b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("row", "good"),
    [("", True), ("Origin: https://a.example\r\n", True), ("Origin: https://evil.example\r\n", False)],
)
def test_web_pages_of_others_are_kept_out(row: str, good: bool) -> None:
    wire = server(WebSocketConfig(origins=("https://a.example",)))
    items, _ = raw(HANDSHAKE.format(path="/", more=SIP + row), wire)
    assert (items == [WireOpened()]) is good


@pytest.mark.parametrize(
    ("row", "good"),
    [
        ("", True),
        ("Origin: http://example.com\r\n", True),
        ("Origin: https://EXAMPLE.com\r\n", True),
        ("Origin: https://a.example\r\n", True),
        ("Origin: https://evil.example\r\n", False),
        ("Origin: https://example.com:8443\r\n", False),
        ("Origin: null\r\n", False),
        ("Origin: http://evil.example\r\nOrigin: http://example.com\r\n", False),
    ],
)
def test_who_gives_away_a_page_lets_no_other_one_connect(row: str, good: bool) -> None:
    wire = server(WebSocketConfig(page=b"<!doctype html>", origins=("https://a.example",)))
    items, reply = raw(HANDSHAKE.format(path="/", more=SIP + row), wire)
    assert (items == [WireOpened()]) is good
    assert reply.startswith(b"HTTP/1.1 101 " if good else b"HTTP/1.1 403 ")
    if "https://a.example" not in row:
        items, _ = raw(HANDSHAKE.format(path="/", more=SIP + row), server(WebSocketConfig(page=b"<p>")))
        assert (items == [WireOpened()]) is good


@pytest.mark.req("TRN-6")
def test_a_login_at_the_handshake_is_told_as_one() -> None:
    wire = client()
    wire.start()
    wire.take_output()
    rows = ('WWW-Authenticate: Basic realm="pbx"', "Content-Length: 0")
    items = wire.receive(answer("401 Unauthorized", *rows))
    assert isinstance(items[-1], WireFailed)
    error = items[-1].error
    assert isinstance(error, SipLoginRefused)
    assert error.code is ResultCode.AUTHENTICATION
    assert 'Basic realm="pbx"' in error.seen


@pytest.mark.parametrize(
    "reply",
    [
        answer("404 Not Found", "Content-Length: 0"),
        answer("101 Switching Protocols"),
        answer(
            "101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: x"
        ),
        b"SIP/2.0 400 Bad Request\r\n\r\n",
        b"\x00" * 10_000 + b"\n",
    ],
)
def test_what_is_no_websocket_server(reply: bytes) -> None:
    wire = client()
    wire.start()
    wire.take_output()
    assert "WebSocket" in failure(wire.receive(reply) + wire.end())


@pytest.mark.req("TRN-6")
def test_one_sip_message_in_each_websocket_message() -> None:
    one, other = opened()
    for number in (1, 2, 3):
        one.send(options(number))
    _, got = exchange(one, other)
    assert got == [FramedMessage(data=options(number)) for number in (1, 2, 3)]
    other.send(b"SIP/2.0 200 OK\r\n\r\n")
    back, _ = exchange(one, other)
    assert back == [FramedMessage(data=b"SIP/2.0 200 OK\r\n\r\n")]


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize(("body", "first"), [(b"plain", 0x81), ("grün".encode(), 0x81), (b"\xff\xfe", 0x82)])
def test_text_goes_as_text_and_the_rest_as_binary(body: bytes, first: int) -> None:
    one, other = opened()
    other.send(body)
    frame = other.take_output()
    assert frame[0] == first
    assert one.receive(frame) == [FramedMessage(data=body)]


def masked(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """One frame of a client, with a mask of zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([0x80 * fin | opcode]) + size + b"\0\0\0\0" + data


@pytest.mark.req("TRN-6")
def test_fragments_make_one_message_with_a_ping_between_them() -> None:
    _, other = opened()
    message = options()
    assert other.receive(masked(1, message[:50], fin=False)) == []
    assert other.holds_half
    assert other.receive(masked(9, b"are you there?")) == []
    assert other.take_output() == b"\x8a\x0eare you there?"
    assert other.receive(masked(0, message[50:])) == [FramedMessage(data=message)]
    assert not other.holds_half


@pytest.mark.req("TRN-6")
def test_keep_alive_by_ping_and_by_crlf() -> None:
    one, other = opened()
    one.ping()
    back, _ = exchange(one, other)
    assert back == [KeepAlive(ping=False)]
    one.send(b"\r\n\r\n")
    _, got = exchange(one, other)
    assert got == [KeepAlive(ping=True)]
    other.send(PONG)
    back, _ = exchange(one, other)
    assert back == [KeepAlive(ping=False)]


@pytest.mark.req("LIM-3", "TRN-6")
def test_a_message_that_is_too_long_ends_the_connection() -> None:
    _, other = opened()
    frame = b"\x81\xff" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big") + b"\0\0\0\0"
    assert "cannot be read" in failure(other.receive(frame))
    assert b"\x03\xf1" in other.take_output()  # 1009
    _, other = opened()
    assert other.receive(masked(1, b"x" * 60000, fin=False)) == []
    items: list[WireItem] = []
    for _ in range(MAX_MESSAGE_BYTES // 60000 + 1):
        items += other.receive(masked(0, b"x" * 60000, fin=False))
    assert "cannot be read" in failure(items)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",  # a client that does not mask
        masked(3, b""),  # an opcode of nobody
        masked(0, b"x"),  # the middle of nothing
        masked(1, b"\xff\xfe"),  # text that is none
        masked(9, b"x", fin=False),
    ],
)
def test_broken_frames_end_the_connection(frame: bytes) -> None:
    _, other = opened()
    assert "WebSocket" in failure(other.receive(frame))
    assert other.take_output()[:1] == b"\x88"
    assert other.receive(masked(1, options())) == []


def test_goodbye() -> None:
    one, other = opened()
    one.close()
    back, got = exchange(one, other)
    assert got == [WireClosed(reason="closed by the peer")]
    one.send(options())
    assert one.take_output() == b""
    assert back in ([], [WireClosed(reason="closed by the peer")])
    one, other = opened()
    assert other.end() == [WireClosed(reason="closed by the peer")]


@given(st.lists(st.integers(0, 400), max_size=6))
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    data = HANDSHAKE.format(path="/", more=SIP).encode() + masked(1, options(1)) + masked(2, options(2))
    whole = server().receive(data)
    wire = server()
    items: list[WireItem] = []
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        items += wire.receive(data[start:end])
    assert items == whole
    assert len(items) == 3


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_anything(data: bytes, handshaken: bool) -> None:
    wire = opened()[1] if handshaken else server()
    wire.receive(data)
    wire.take_output()
    wire.end()
    wire.close()
