"""SIP messages as WebSocket messages, one in one (core; RFC 7118 §4 to §6).

Handshake, masking and frames are the matter of the library `websockets`; its protocol classes know no
sockets.
"""

from __future__ import annotations

from typing import Final

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Protocol
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI

from ice.types import TransportAddress
from ua.sip.errors import SipLoginRefused, SipUnreachable
from ua.sip.syntax.wire_format import MAX_BODY_BYTES, MAX_HEADER_BYTES
from ua.sip.transport.stream import FramedMessage, KeepAlive
from ua.sip.transport.websocket.config import WebSocketConfig
from ua.sip.transport.wire import WireClosed, WireFailed, WireItem, WireOpened

SUBPROTOCOL: Final = Subprotocol("sip")
"""RFC 7118 §4.1."""

_PAGE_RULES: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
    " connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the page: it loads nothing, and nobody shows it within theirs."""

MAX_MESSAGE_BYTES: Final = MAX_HEADER_BYTES + MAX_BODY_BYTES
"""As much as on a stream."""


class WebSocketWire:
    """One WebSocket connection; `domain` and `remote` are whom we want as a client, None for a server."""

    def __init__(
        self,
        config: WebSocketConfig,
        *,
        secure: bool,
        domain: str | None = None,
        remote: TransportAddress | None = None,
    ) -> None:
        self._path = config.path
        self._page = config.page
        self._origins: tuple[str, ...] = ()
        self._parts: list[bytes] | None = None
        self._is_text = False
        self._told = False
        self._server: ServerProtocol | None = None
        self._client: ClientProtocol | None = None
        if remote is None or domain is None:
            self._origins = config.origins
            self._server = ServerProtocol(
                subprotocols=[SUBPROTOCOL],
                max_size=MAX_MESSAGE_BYTES,
            )
        else:
            host = f"[{domain}]" if ":" in domain else domain
            self._client = ClientProtocol(
                WebSocketURI(secure, host, remote.port, config.path, ""),
                origin=None if config.origin is None else Origin(config.origin),
                subprotocols=[SUBPROTOCOL],
                max_size=MAX_MESSAGE_BYTES,
            )

    @property
    def holds_half(self) -> bool:
        """True where a message has begun to arrive."""
        return self._parts is not None or len(self._protocol.reader.buffer) > 0

    def start(self) -> list[WireItem]:
        """The connection below stands: a client asks for the WebSocket."""
        if self._client is not None:
            self._client.send_request(self._client.connect())
        return []

    def receive(self, data: bytes) -> list[WireItem]:
        """Take bytes; give what is complete."""
        self._protocol.receive_data(data)
        return self._items()

    def end(self) -> list[WireItem]:
        """No more bytes will come."""
        self._protocol.receive_eof()
        return self._items()

    def send(self, message: bytes) -> None:
        """Send a message, or CRLF as keep-alive: as text where it is, else as binary (RFC 7118 §4.2)."""
        if self._protocol.state is not OPEN:
            return
        try:
            message.decode()
        except UnicodeDecodeError:
            self._protocol.send_binary(message)
        else:
            self._protocol.send_text(message)

    def ping(self) -> None:
        """Ask for a sign of life (RFC 7118 §6)."""
        if self._protocol.state is OPEN:
            self._protocol.send_ping(b"")

    def close(self) -> None:
        """Say goodbye."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(CloseCode.GOING_AWAY)

    def take_output(self) -> bytes:
        """Bytes to send."""
        return b"".join(self._protocol.data_to_send())

    def speaks_for(self, domain: str) -> bool:  # noqa: ARG002 - nobody has proved anything
        """Anybody may be at the other end; the address is all there is to go by."""
        return True

    @property
    def _protocol(self) -> Protocol:
        return self._client or self._server  # type: ignore[return-value]

    def _items(self) -> list[WireItem]:
        items: list[WireItem] = []
        for event in self._protocol.events_received():
            if self._told:
                break
            if isinstance(event, Request):
                items += self._answer(event)
            elif isinstance(event, Response):
                items += self._take_answer(event)
            elif isinstance(event, Frame):
                items += self._take(event)
        return items + self._troubles()

    def _troubles(self) -> list[WireItem]:
        """What the library did not like."""
        protocol = self._protocol
        if self._told:
            return []
        if protocol.handshake_exc is not None:
            return self._fail(f"no WebSocket: {protocol.handshake_exc}")
        if protocol.parser_exc is not None:
            if isinstance(protocol.parser_exc, EOFError):
                return self._closed("closed by the peer")
            return self._fail(f"a WebSocket frame that cannot be read: {protocol.parser_exc}")
        return []

    def _answer(self, request: Request) -> list[WireItem]:
        """We are the server: take the connection, or refuse it."""
        server = self._server
        if server is None:
            return []
        if request.path.partition("?")[0] != self._path:
            server.send_response(server.reject(404, "There is no SIP here.\n"))
            return self._fail(f"a WebSocket was asked for at {request.path[:64]!r}")
        if self._page and "Upgrade" not in request.headers:
            server.send_response(_html(self._page))
            return self._closed("it wanted the page")
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        if origins and not self._may_connect(" ".join(origins), " ".join(hosts)):
            server.send_response(server.reject(403, "Other pages may not connect.\n"))
            return self._fail(f"a page of {origins[0][:64]!r} may not connect: allowed_origins names it not")
        response = server.accept(request)
        server.send_response(response)
        if response.status_code != 101:
            return self._fail(f"a WebSocket was refused: {server.handshake_exc}")
        return [WireOpened()]

    def _may_connect(self, origin: str, host: str) -> bool:
        """Whether a page from there may, which has asked for us by this name."""
        if origin in self._origins:
            return True
        if self._page and origin.partition("://")[2].lower() == host.lower():
            return True  # our own page, whatever encrypts it in front of us
        return not self._page and not self._origins

    def _take_answer(self, response: Response) -> list[WireItem]:
        """We are the client, and the server has answered."""
        client = self._client
        if client is None:
            return []
        if response.status_code == 401:
            wanted = response.headers.get("WWW-Authenticate", "")
            return self._end_with(
                SipLoginRefused(
                    "the WebSocket server wants a login before it speaks SIP",
                    seen=f"401 {response.reason_phrase} {wanted}".strip(),
                    hint="this phone has no login for WebSockets; ask for one that lets SIP do this",
                )
            )
        if client.handshake_exc is not None:
            seen = f"{response.status_code} {response.reason_phrase}"
            return self._fail("the server does not speak WebSocket here", f"{seen}: {client.handshake_exc}")
        if client.subprotocol != SUBPROTOCOL:
            client.fail(CloseCode.PROTOCOL_ERROR, "this is no SIP")
            return self._fail("the WebSocket server does not speak SIP", "no subprotocol sip in its answer")
        return [WireOpened()]

    def _take(self, frame: Frame) -> list[WireItem]:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                return self._gather(frame)
            case Opcode.PONG:
                return [KeepAlive(ping=False)]
            case Opcode.CLOSE:
                return self._closed("closed by the peer")
            case _:
                return []

    def _gather(self, frame: Frame) -> list[WireItem]:
        """Put the fragments of a message together."""
        if self._parts is None:
            self._parts, self._is_text = [], frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return []
        message, self._parts = b"".join(self._parts), None
        if self._is_text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
                return self._fail("a WebSocket text that is not UTF-8")
        if not message.strip(b"\r\n"):
            return [KeepAlive(ping=True)] if message == b"\r\n\r\n" else [KeepAlive(ping=False)]
        return [FramedMessage(data=message)]

    def _closed(self, reason: str) -> list[WireItem]:
        self._told = True
        return [WireClosed(reason=reason)]

    def _fail(self, what: str, seen: str = "") -> list[WireItem]:
        return self._end_with(SipUnreachable(what, seen=seen))

    def _end_with(self, error: SipUnreachable) -> list[WireItem]:
        self._told = True
        return [WireFailed(error=error)]


def _html(page: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(page)),
            "Content-Security-Policy": _PAGE_RULES,
            "Permissions-Policy": "microphone=(self)",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(200, "OK", headers, page)
