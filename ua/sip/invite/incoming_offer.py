"""An offer of the peer in an UPDATE or a PRACK, which wants an answer (RFC 3311 §5.2, RFC 3262 §5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.offer_answer import CARRIERS, OfferAnswer
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP, session_of
from ua.sip.syntax.headers import Headers
from ua.sip.transaction.messages import RequestReceived

PROMPT: Final = 16
"""So many T1 (8 s) may pass before the answer: these requests are answered without asking anybody."""


class IncomingOffer(IncomingRequest):
    """Answer with `accept` or `reject`, soon: nobody can be asked meanwhile (RFC 3311 §5.2).

    Where neither comes within 8 s (16*T1) it gets 504, and nothing has changed.

    Attributes:
        offer: the description.
    """

    def __init__(
        self,
        stack: Stack,
        event: RequestReceived,
        *,
        descriptions: OfferAnswer,
        on_result: Callable[[bytes | None], Headers],
    ) -> None:
        """`on_result` is told our answer once, None where it is refused, and gives the headers of the 2xx."""
        super().__init__(stack, event)
        self.offer = session_of(event.request) or b""
        self._descriptions = descriptions
        self._on_result = on_result
        self._deadline: float | None = stack.now() + PROMPT * stack.config.timers.t1
        stack.clocks.add(self)

    @property
    def is_answered(self) -> bool:
        """True once it was accepted or rejected."""
        return self._deadline is None

    def accept(self, answer: bytes, *, headers: Headers | None = None) -> bool:
        """Send 200 with our answer; raises SipStateError for an empty one."""
        return self.respond(200, headers=headers, body=answer)

    def reject(self, status: int = 488, *, headers: Headers | None = None) -> bool:
        """Refuse it; all stays as it was (RFC 3311 §5.3). 504 says that somebody would have to be asked."""
        return self.respond(status, headers=headers)

    def respond(
        self,
        status: int,
        reason: str = "",
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
    ) -> bool:
        """Answer with any final response; false where that is done already."""
        if self.is_answered:
            return False
        _, success, failure = CARRIERS[self.request.method]
        accepted = 200 <= status < 300
        self._descriptions.sent(success if accepted else failure, session=accepted and bool(body))
        self._deadline = None
        self._stack.clocks.discard(self)
        rows = self._on_result(body if accepted else None).with_added(*(headers or ()))
        return super().respond(status, reason, headers=rows, body=body, content_type=content_type)

    # for the stack

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        return self._deadline

    def handle_timer(self, now: float) -> None:
        """Nobody has answered."""
        if self._deadline is not None and now >= self._deadline:
            self.reject(504)

    def abandon(self) -> None:
        """The endpoint is closed."""
        self._deadline = None
        self._stack.clocks.discard(self)
