"""A request that came to us and wants an answer (RFC 3261 §8.2)."""

from __future__ import annotations

from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.transaction.messages import RequestReceived
from ua.sip.transport.hop import Hop


class IncomingRequest:
    """A request outside a call, or one inside that is not INVITE, BYE or ACK. Answer it once, soon.

    Attributes:
        request: what was asked.
        source: where it came from.
        to_tag: our tag where the request has none yet: of the answer, and of the dialog that it makes.
    """

    def __init__(self, stack: Stack, event: RequestReceived) -> None:
        self._stack = stack
        self._event = event
        self.request: Request = event.request
        self.source: Hop = event.source
        self.to_tag = event.to_tag

    def respond(
        self,
        status: int,
        reason: str = "",
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
    ) -> bool:
        """Answer; false where a final answer was given before or the transaction is over."""
        return self._stack.respond(self._event, self._make(status, reason, headers, body, content_type))

    def _make(
        self, status: int, reason: str, headers: Headers | None, body: bytes, content_type: str
    ) -> Response:
        rows = headers or Headers()
        if body:
            rows = rows.with_rows("content-type", content_type)
        return make_response(self.request, status, reason, to_tag=self._event.to_tag, headers=rows, body=body)
