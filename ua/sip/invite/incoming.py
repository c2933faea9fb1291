"""Requests that come to us, as objects that want an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ua.sip.errors import SipStateError, SipTimeout, SipUnreachable
from ua.sip.inspection import call_capabilities
from ua.sip.invite.repeaters import AnswerRepeater, Repeat, RingingRepeater
from ua.sip.security import answer_demands_sips
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transaction.messages import RequestReceived
from ua.sip.transport.hop import Hop

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg


class IncomingRequest:
    """A request outside a call, or one inside that is not INVITE, BYE or ACK. Answer it once, soon.

    Attributes:
        request: what was asked.
        source: where it came from.
    """

    def __init__(self, stack: Stack, event: RequestReceived) -> None:
        self._stack = stack
        self._event = event
        self.request: Request = event.request
        self.source: Hop = event.source

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


class IncomingInvite(IncomingRequest):
    """A call that is offered to us, or a re-INVITE of a call that stands.

    Answer with `accept` or `reject`; `ring` as often as you like before. A call that is neither answered nor
    rejected rings until the INVITE expires (487 then), where the caller gave it a time at all.

    Attributes:
        leg: the dialog, early until accepted.
        is_reinvite: true inside a call.
        cancelled: set where the caller gave up or the time was over; the INVITE was answered 487 then.
        on_cancel: called then; may be set.
        on_ack: called with the ACK to our 200; may be set before `accept`.
    """

    def __init__(self, stack: Stack, event: RequestReceived, leg: Leg, *, is_reinvite: bool) -> None:
        super().__init__(stack, event)
        self.is_reinvite = is_reinvite
        self.leg = leg
        self.cancelled = asyncio.Event()
        self.on_cancel: Callable[[], object] | None = None
        self.on_ack: Callable[[Request], object] | None = None
        self._answered = False
        self._ringing: RingingRepeater | None = RingingRepeater(stack.now(), event.request.seconds("expires"))
        self._ringing_response: Response | None = None
        self._answer: Response | None = None
        self._repeater: AnswerRepeater | None = None
        self._acknowledged: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        stack.servers[event.key] = self
        stack.clocks.add(self)

    def ring(self, status: int = 180, *, headers: Headers | None = None, body: bytes = b"") -> None:
        """Send 180 or another 101-199; it is repeated every minute until the final answer."""
        if not 100 < status < 200:
            raise SipStateError("ring takes 101 to 199")
        if self._answered:
            raise SipStateError("the INVITE has its final answer")
        response = self._make(status, "", self._dialog_headers(headers, allow=False), body, SDP)
        self._ringing_response = response
        self._stack.respond(self._event, response)

    def accept(self, body: bytes = b"", *, content_type: str = SDP, headers: Headers | None = None) -> Leg:
        """Send 200 and repeat it until the ACK (RFC 3261 §13.3.1.4); gives the leg, now confirmed.

        Without an ACK in 64*T1 the leg is ended with BYE; `acknowledged` tells.
        """
        self._take_final()
        response = self._make(200, "", self._dialog_headers(headers, allow=True), body, content_type)
        self._answer = response
        self.leg.dialog.confirmed = True
        if self.is_reinvite:
            self.leg.dialog.refresh_target(self.request)
        self.leg.await_ack(self)
        self._repeater = AnswerRepeater(self._stack.config.timers, self._stack.now())
        self._stack.clocks.add(self)
        self._stack.respond(self._event, response)
        return self.leg

    def reject(
        self, status: int, reason: str = "", *, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        """Send a final response of 300 to 699; a new call's leg is over, a standing one goes on unchanged."""
        if not 300 <= status < 700:
            raise SipStateError("reject takes 300 to 699")
        self._take_final()
        self._stack.respond(self._event, self._make(status, reason, headers, body, SDP))
        self.leg.incoming_done(self)
        if not self.is_reinvite:
            self.leg.finish("local", f"rejected with {status}")

    async def acknowledged(self) -> Request:
        """The ACK to our 200; raises SipTimeout where none came in 64*T1."""
        return await asyncio.shield(self._acknowledged)

    @property
    def is_answered(self) -> bool:
        """True once a final answer was given."""
        return self._answered

    # for the leg and the stack

    def cancel(self) -> None:
        """The caller gave up, or the dialog ended: answer 487."""
        if self._answered:
            return
        self.reject(487)
        self.cancelled.set()
        if self.on_cancel is not None:
            self.on_cancel()

    def take_ack(self, request: Request) -> None:
        """The ACK to our 200."""
        if self._repeater is not None:
            self._repeater.acknowledged()
        self._stop_clock()
        if not self._acknowledged.done():
            self._acknowledged.set_result(request)
            if self.on_ack is not None:
                self.on_ack(request)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        clock = self._repeater or self._ringing
        return clock.next_timer() if clock is not None else None

    def handle_timer(self, now: float) -> None:
        """Repeat what is due."""
        clock = self._repeater or self._ringing
        due = clock.handle_timer(now) if clock is not None else None
        if due is Repeat.GIVE_UP and not self._answered:
            self.cancel()  # the INVITE has expired
        elif due is Repeat.SEND:
            response = self._answer or self._ringing_response
            if response is not None and not self._stack.respond(self._event, response):
                self._stop_clock()
        elif due is Repeat.GIVE_UP:
            self._stop_clock()
            self.leg.incoming_done(self)
            if not self._acknowledged.done():
                self._acknowledged.set_exception(SipTimeout("no ACK to our 200"))
                self._acknowledged.exception()  # seen: nobody has to wait for it
            self._stack.spawn(self.leg.bye(reason="no ACK"))

    def abandon(self) -> None:
        """The endpoint is closed: nobody will acknowledge any more."""
        self._stop_clock()
        if not self._acknowledged.done():
            self._acknowledged.set_exception(SipUnreachable("the SIP endpoint was closed"))
            self._acknowledged.exception()  # seen: nobody has to wait for it

    def _take_final(self) -> None:
        if self._answered:
            raise SipStateError("the INVITE has its final answer")
        self._answered = True
        self._stop_clock()

    def _stop_clock(self) -> None:
        self._ringing = None
        if self._repeater is not None and self._repeater.next_timer() is None:
            self._repeater = None
        self._stack.clocks.discard(self)

    def _dialog_headers(self, headers: Headers | None, *, allow: bool) -> Headers:
        """Contact and Record-Route as all responses that make a dialog have them (RFC 3261 §12.1.1)."""
        contact = self._stack.contact_uri(self.source, sips=answer_demands_sips(self.request))
        rows = Headers.of(
            *(("Record-Route", row) for row in self.request.headers.all("record-route")),
            ("Contact", NameAddr(uri=contact)),
        )
        if allow:
            rows = rows.with_added(*call_capabilities(self._stack.config))
        return rows.with_added(*(headers or ()))
