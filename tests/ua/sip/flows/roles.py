"""The other roles of the flows: registrar, proxies, user agents, each saying what its script says."""

from __future__ import annotations

from dataclasses import replace

from ice.types import TransportAddress
from tests.ua.sip.phones import ScriptedPeer
from ua.sip.dialog import Dialog
from ua.sip.digest.credentials import Credentials
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import Hop, note_source

ALICE = (Credentials(username="alice", password="secret", hosts=("127.0.0.1",)),)
OFFER = b"v=0\r\no=- 1 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"
ANSWER = OFFER.replace(b"192.0.2.1", b"192.0.2.2")


def challenge(realm: str, nonce: str = "f84f1cec41e6cbe5aea9c8e88d359") -> str:
    """A challenge as proxies of the flows send it."""
    return f'Digest realm="{realm}", qop="auth", nonce="{nonce}", algorithm=SHA-256'


class ScriptedCaller:
    """A user agent that calls a phone of ours, message by message."""

    def __init__(self, socket: ScriptedPeer, target: Uri, *, routes: tuple[str, ...] = ()) -> None:
        self.socket = socket
        self._target = target
        self._routes = routes
        self._address = (target.host, target.port or 5060)
        self.dialog: Dialog | None = None
        self._cseq = 0

    def request(self, method: str, *rows: tuple[str, object], body: bytes = b"", number: int = 0) -> Request:
        """A request of this caller, inside its dialog where it has one."""
        self._cseq = number or self._cseq + 1
        via = f"SIP/2.0/UDP {self.socket.host}:{self.socket.port};branch=z9hG4bK{method}{self._cseq};rport"
        if self.dialog is None:
            headers = Headers.of(
                ("From", "Bob <sip:bob@example.com>;tag=9fxced76sl"),
                ("To", "<sip:alice@example.com>"),
                ("Call-ID", "2xTb9vxSit55XU7p8@example.com"),
                ("CSeq", f"{self._cseq} {method}"),
                ("Max-Forwards", "70"),
                *(("Record-Route", route) for route in self._routes),
            )
            request = Request(method=method, uri=self._target, headers=headers, body=body)
        else:
            self.dialog.local_cseq = self._cseq - 1
            request = self.dialog.make_request(method, body=body)
            if method == "ACK":
                request = replace(request, headers=request.headers.with_rows("cseq", f"{self._cseq} ACK"))
        headers = Headers.of(("Via", via), ("Contact", f"<{self.socket.uri}>"), *rows, *request.headers)
        if body:
            headers = headers.with_rows("content-type", "application/sdp")
        return replace(request, headers=headers)

    def send(self, method: str, *rows: tuple[str, object], body: bytes = b"", number: int = 0) -> Request:
        """Send it."""
        request = self.request(method, *rows, body=body, number=number)
        self.socket.send(request, self._address)
        return request

    async def answered(self, invite: Request, status: int = 200) -> Response:
        """The 2xx to an INVITE; the dialog begins."""
        response = await self.socket.receive_response(status)
        if self.dialog is None:
            self.dialog = Dialog.of_caller(invite, response)
        else:
            self.dialog.refresh_target(response)
        return response

    def refuse_ack(self, invite: Request, response: Response) -> None:
        """The ACK to a 300-699."""
        headers = invite.headers.with_rows("to", response.headers.first("to"))
        headers = headers.with_rows("cseq", f"{invite.cseq.number} ACK").without("contact", "content-type")
        self.socket.send(replace(invite, method="ACK", headers=headers, body=b""), self._address)

    def cancel(self, invite: Request) -> None:
        """The CANCEL of an INVITE."""
        headers = invite.headers.with_rows("cseq", f"{invite.cseq.number} CANCEL")
        headers = headers.without("contact", "content-type", "record-route")
        self.socket.send(replace(invite, method="CANCEL", headers=headers, body=b""), self._address)


class ForwardingProxy:
    """A proxy of a flow that passes everything on, with Via and Record-Route, after what its script did."""

    def __init__(self, socket: ScriptedPeer, following: ScriptedPeer | Uri) -> None:
        self.socket = socket
        self._following = following if isinstance(following, Uri) else following.uri

    @property
    def route(self) -> str:
        """Its address in Record-Route."""
        return f"<sip:{self.socket.host}:{self.socket.port};lr>"

    async def pass_request(self, method: str, *, record: bool = True) -> Request:
        """Take the next request of a method, and send it to whom it is for."""
        request = await self.socket.receive_request(method)
        host, port = self.socket.last
        request = note_source(request, Hop(transport="udp", remote=TransportAddress(host=host, port=port)))
        routes = request.addresses("route")
        mine = routes and (routes[0].uri.host, routes[0].uri.port) == (self.socket.host, self.socket.port)
        rest = routes[1:] if mine else routes
        following = rest[0].uri if rest else request.uri if request.to.tag else self._following
        rows = request.headers.with_rows("route", *rest)
        if record and method == "INVITE" and request.to.tag is None:
            rows = Headers.of(("Record-Route", self.route), *rows)
        branch = f"z9hG4bKproxy{self.socket.port}{request.via.branch[7:]}"
        via = f"SIP/2.0/UDP {self.socket.host}:{self.socket.port};branch={branch}"
        forwarded = replace(request, headers=Headers.of(("Via", via), *rows))
        self.socket.send(forwarded, (following.host, following.port or 5060))
        return request

    async def pass_response(self, status: int) -> Response:
        """Take the next response of a status, and send it back."""
        response = await self.socket.receive_response(status)
        rows = response.headers.members("via")[1:]
        back = replace(response, headers=response.headers.with_rows("via", *rows))
        port = back.via.param("rport") or str(back.via.sent_by_port)
        self.socket.send(back, (back.via.received or back.via.host, int(port)))
        return response


ALICE_ADDRESS = NameAddr.parse("Alice <sip:alice@example.com>")
