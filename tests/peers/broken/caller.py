"""Somebody who calls us, and breaks the rules of who calls."""

from __future__ import annotations

from tests.peers.broken.callee import Callee, Offer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri


class NeverAcknowledges(Callee):
    """It calls, hears the answer, and never sends an ACK."""

    async def call(self, uri: str) -> None:
        """Call a phone."""
        await self.voice.open()
        target = Uri.parse(uri)
        offer = Offer(self.describe([f"m=audio {self.voice.port} RTP/AVP 0"]))
        rows = Headers.of(
            ("Via", f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKcaller{next(self._numbers)}"),
            ("From", f"<sip:caller@{self.host}>;tag=caller"),
            ("To", f"<{uri}>"),
            ("Call-ID", "of-the-caller"),
            ("CSeq", "1 INVITE"),
            ("Contact", self.contact),
            ("Max-Forwards", "70"),
            ("Content-Type", "application/sdp"),
        )
        body = "\r\n".join(offer.rows).encode()
        request = Request(method="INVITE", uri=target, headers=rows, body=body)
        self.send(request, (target.host, target.port or 5060))
