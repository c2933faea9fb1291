"""A peer of a phone that a test drives message by message, with a socket for plain RTP."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from media.rtp import packet as rtp
from tests.ua.sip.phones import ScriptedPeer
from ua.sip.dialog import Dialog
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.uri import Uri

_NUMBERS = itertools.count(1)


class MediaPeer(ScriptedPeer):
    """SIP by hand over UDP, plain RTP on a port of its own, no ICE."""

    def __init__(self) -> None:
        super().__init__()
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind(("127.0.0.1", 0))
        self.media.setblocking(False)

    def sdp(self, *lines: str, version: int = 1, formats: str = "0 8", port: int | None = None) -> bytes:
        """A description of our plain audio stream."""
        media_port = self.media.getsockname()[1] if port is None else port
        head = ("v=0", f"o=peer 7 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0")
        rows = (*head, f"m=audio {media_port} RTP/AVP {formats}", *lines)
        return "".join(f"{row}\r\n" for row in rows).encode()

    async def hear(self, payload_type: int, seconds: float = 3.0) -> bytes:
        """The next RTP packet of this payload type."""
        async with asyncio.timeout(seconds):
            while True:
                data = await asyncio.get_running_loop().sock_recv(self.media, 2048)
                if not rtp.is_rtcp(data) and data[1] & 0x7F == payload_type:
                    return data

    def packets(self) -> list[bytes]:
        """The RTP packets that have arrived since the last time."""
        found: list[bytes] = []
        while True:
            try:
                data = self.media.recv(2048)
            except BlockingIOError:
                return found
            if not rtp.is_rtcp(data):
                found.append(data)

    def call(self, uri: str, body: bytes = b"", *rows: tuple[str, str]) -> Request:
        """Send an INVITE to a phone."""
        content = [("Content-Type", "application/sdp")] if body else []
        return self.request_outside(uri, "INVITE", *content, *rows, body=body)

    def request_outside(self, uri: str, method: str, *rows: tuple[str, str], body: bytes = b"") -> Request:
        """Send a request outside dialogs to a phone."""
        target = Uri.parse(uri)
        number = next(_NUMBERS)
        headers = Headers.of(
            ("Via", self._via()),
            ("From", f"<sip:peer@example.com>;tag=outside{number}"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", f"outside-{number}"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<{self.uri}>"),
            ("Max-Forwards", "70"),
            *rows,
        )
        request = Request(method=method, uri=target, headers=headers, body=body)
        self.last = (target.host, target.port or 5060)
        self.send(request)
        return request

    def ask(self, dialog: Dialog, method: str, body: bytes = b"", *rows: tuple[str, str]) -> Request:
        """Send a request inside a dialog."""
        typed = any(name == "Content-Type" for name, _ in rows)
        content = [("Content-Type", "application/sdp")] if body and not typed else []
        request = dialog.make_request(method, Headers.of(*content, *rows), body)
        return self._send_inside(request)

    def ack(self, dialog: Dialog, invite: Request, body: bytes = b"") -> Request:
        """Send the ACK to a 2xx."""
        return self._send_inside(dialog.make_ack(invite, body, "application/sdp"))

    def accept(self, invite: Request, body: bytes, *, tag: str = "peer") -> Dialog:
        """Answer an INVITE with 200; our side of the dialog."""
        self.answer(invite, 200, ("Content-Type", "application/sdp"), tag=tag, body=body)
        return Dialog.of_callee(invite, tag)

    async def established(self, uri: str, body: bytes) -> tuple[Request, Response, Dialog]:
        """Call a phone that answers: INVITE, 200, ACK."""
        invite = self.call(uri, body)
        answer = await self.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        self.ack(dialog, invite)
        return invite, answer, dialog

    async def finish(self) -> None:
        """Wait for the BYE of the phone and answer it."""
        self.send(make_response(await self.receive_request("BYE"), 200))

    def close(self) -> None:
        """Close both sockets."""
        super().close()
        self.media.close()

    def _via(self) -> str:
        return f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKpeer{next(_NUMBERS)}"

    def _send_inside(self, request: Request) -> Request:
        headers = Headers.of(("Via", self._via()), *request.headers, ("Contact", f"<{self.uri}>"))
        sent = replace(request, headers=headers)
        self.send(sent)
        return sent


@asynccontextmanager
async def media_peer() -> AsyncIterator[MediaPeer]:
    """A peer that is closed afterwards."""
    peer = MediaPeer()
    try:
        yield peer
    finally:
        peer.close()
