"""An INVITE that came to us: rung, accepted or rejected (RFC 3261 §13.3, RFC 3262 §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ua.sip.errors import SipStateError, SipTimeout, SipUnreachable
from ua.sip.incoming_request import IncomingRequest
from ua.sip.inspection import call_capabilities
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.offer_answer import Carrier
from ua.sip.invite.rack import RELIABLE, RAck
from ua.sip.invite.repeaters import AnswerRepeater, Repeat
from ua.sip.invite.ringing import Ringing, RingingEnd
from ua.sip.security import answer_demands_sips
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transaction.messages import RequestReceived

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg


class IncomingInvite(IncomingRequest):
    """A call that is offered to us, or a re-INVITE of a call that stands.

    Answer with `accept` or `reject`; `ring` as often as you like before. A call that is neither answered nor
    rejected rings until the INVITE expires (487 then), where the caller gave it a time at all.

    Attributes:
        leg: the dialog, early until accepted.
        is_reinvite: true inside a call.
        cancelled: set where the caller gave up or the time was over; the INVITE was answered 487 then.
        cancel_request: the CANCEL, which may say why (RFC 3326); None without one.
        on_cancel: called then; may be set.
        on_ack: called with the ACK to our 200; may be set before `accept`.
        on_early_answer: called with the answer to an offer in a reliable 1xx, which came in the PRACK.
        on_prack_offer: called with an offer in the PRACK to a reliable 1xx that held our answer; without it
            such an offer gets 488. The callbacks are gone once the leg is over.
    """

    def __init__(self, stack: Stack, event: RequestReceived, leg: Leg, *, is_reinvite: bool) -> None:
        super().__init__(stack, event)
        self.is_reinvite = is_reinvite
        self.leg = leg
        self.cancelled = asyncio.Event()
        self.cancel_request: Request | None = None
        self.on_cancel: Callable[[], object] | None = None
        self.on_ack: Callable[[Request], object] | None = None
        self.on_early_answer: Callable[[bytes], object] | None = None
        self.on_prack_offer: Callable[[IncomingOffer], object] | None = None
        self._answered = False
        self._ringing = Ringing(
            timers=stack.config.timers,
            cseq=event.request.cseq,
            chance=int.from_bytes(stack.random(4), "big"),
            now=stack.now(),
            expires=event.request.seconds("expires"),
        )
        self._early_answer = b""
        self._answer: Response | None = None
        self._waits_for_prack = False
        self._repeater: AnswerRepeater | None = None
        self._linger: float | None = None
        self._acknowledged: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        stack.servers[event.key] = self
        stack.clocks.add(self)

    @property
    def can_ring_reliably(self) -> bool:
        """True where the caller has 100rel, and so have we (RFC 3262 §3)."""
        headers = self.request.headers
        asked = headers.tokens("supported") | headers.tokens("require")
        return RELIABLE in asked and RELIABLE in self._stack.config.supported

    def ring(
        self,
        status: int = 180,
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        reliable: bool | None = None,
        sends: int | None = 1,
    ) -> None:
        """Send 180 or another 101-199, with our answer or offer or without; raises SipStateError for misuse.

        `reliable` asks for a PRACK (RFC 3262): True needs `can_ring_reliably`, False is not possible where
        the caller requires it; None is reliable where the caller requires that, or can and there is a body.
        A caller that requires it and left the offer to us hears nothing of a `ring()` without one.

        An unreliable response with an answer may get lost. `sends` is how often it goes out at most, at T1
        and doubling; None repeats it until `stop_repeating`, a 2xx, or 64*T1 (RFC 8839 §7.1.1; 4 with ICE
        lite). Everything is repeated every minute, or 150 s where it is reliable.
        """
        if not 100 < status < 200:
            raise SipStateError("ring takes 101 to 199")
        if self._answered:
            raise SipStateError("the INVITE has its final answer")
        if self._chooses_reliable(reliable, body):
            self._ring_reliably(status, headers, body, insists=reliable is True)
        else:
            if body:
                self._check_early_answer(body)
                self.leg.descriptions.sent(Carrier.UNRELIABLE, session=True)
                self._early_answer = body
            response = self._make(status, "", self._dialog_headers(headers, allow=False), body, SDP)
            self._ringing.ring(response, self._stack.now(), sends=sends)
        self._send_ringing()

    def stop_repeating(self) -> None:
        """The caller has our answer (a connectivity check came): an unreliable 1xx is repeated no more."""
        self._ringing.stop_repeating()

    def accept(self, body: bytes = b"", *, content_type: str = SDP, headers: Headers | None = None) -> Leg:
        """Send 200 and repeat it until the ACK (RFC 3261 §13.3.1.4); gives the leg.

        Without an ACK in 64*T1 the leg is ended with BYE; `acknowledged` tells. Where a description of ours
        is on its way in a reliable 1xx the 200 waits for the PRACK (RFC 3262 §5), and has none itself. Raises
        SipStateError where a description must be there and is not, or may not be there.
        """
        if self._answered:
            raise SipStateError("the INVITE has its final answer")
        if body and content_type == SDP:
            self._check_early_answer(body)
        self.leg.descriptions.sent(Carrier.SUCCESS, session=bool(body) and content_type == SDP)
        self._answered = True
        rows = self.leg.refreshing.accept(self.request)
        rows = self._dialog_headers(headers, allow=True).with_added(*rows)
        self._answer = self._make(200, "", rows, body, content_type)
        self.leg.dialog.told(self._answer)
        if content_type == SDP:
            self.leg.described(body)
        self.leg.await_ack(self)
        self._ringing.settle()
        self._waits_for_prack = True
        self._proceed()
        return self.leg

    def reject(
        self, status: int, reason: str = "", *, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        """Send a final response of 300 to 699; a new call's leg is over, a standing one goes on unchanged."""
        if not 300 <= status < 700:
            raise SipStateError("reject takes 300 to 699")
        if self._answered:
            raise SipStateError("the INVITE has its final answer")
        self._refuse(status, reason, headers, body)

    async def acknowledged(self) -> Request:
        """The ACK to our 200; raises SipTimeout where none came in 64*T1."""
        return await asyncio.shield(self._acknowledged)

    @property
    def is_answered(self) -> bool:
        """True once a final answer was given."""
        return self._answered

    # for the leg and the stack

    def let_go(self) -> None:
        """The call is over: what is still repeated or awaited for this INVITE does not hold it."""
        self.on_cancel = None
        self.on_ack = None
        self.on_early_answer = None
        self.on_prack_offer = None

    def cancel(self, request: Request | None = None) -> None:
        """The caller gave up with a CANCEL, or the dialog ended: answer 487."""
        if self._answered and not self._waits_for_prack:
            return
        self.cancel_request = request
        self._fall(487)

    def take_ack(self, request: Request) -> None:
        """The ACK to our 200."""
        if self._repeater is not None:
            self._repeater.acknowledged()
            self._repeater = None
        self._rest()
        if not self._acknowledged.done():
            self._acknowledged.set_result(request)
            if self.on_ack is not None:
                self.on_ack(request)

    def knows(self, rack: RAck) -> bool:
        """True where a PRACK with this number acknowledges a response of ours."""
        return self._ringing.knows(rack)

    def take_prack(self, rack: RAck) -> None:
        """It was taken: go on with what has waited for it."""
        self._ringing.acknowledge(rack, self._stack.now())
        self._proceed()

    def reopen(self, rack: RAck) -> None:
        """The PRACK was refused for its offer: it may come again without one (RFC 6337 §2.3)."""
        self._ringing.reopen(rack)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        clocks = (self._repeater, self._ringing)
        times = [clock.next_timer() for clock in clocks if clock is not None]
        return min((at for at in (*times, self._linger) if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Repeat what is due."""
        end = self._ringing.handle_timer(now)
        self._send_ringing()
        if end is RingingEnd.EXPIRED and not self._answered:
            self.cancel()
        elif end is RingingEnd.NOT_ACKNOWLEDGED:
            self._lost("no PRACK")
        due = self._repeater.handle_timer(now) if self._repeater is not None else None
        if due is Repeat.SEND and self._answer is not None:
            if not self._stack.respond(self._event, self._answer):
                self._repeater = None
        elif due is Repeat.GIVE_UP:
            self._repeater = None
            self.leg.incoming_done(self)
            self._fail_acknowledged(SipTimeout("no ACK to our 200"))
            self._stack.spawn(self.leg.bye(reason="no ACK", cause=408))
        if self._linger is not None and now >= self._linger:
            self._linger = None
        self._rest()

    def abandon(self) -> None:
        """The endpoint is closed: nobody will acknowledge any more."""
        self._repeater = None
        self._linger = None
        self._ringing.answered()
        self._rest()
        self._fail_acknowledged(SipUnreachable("the SIP endpoint was closed"))

    def answer_early(self, answer: bytes | None) -> None:
        """The PRACK to our offer in a 1xx: its answer, None where it had none, which ends the INVITE."""
        if answer is None:
            self._lost("no answer in the PRACK", 400, "No Answer in PRACK")
        elif self.on_early_answer is not None:
            self.on_early_answer(answer)

    def _chooses_reliable(self, asked: bool | None, body: bytes) -> bool:
        required = RELIABLE in self.request.headers.tokens("require")
        if asked is None:
            return required or (bool(body) and self.can_ring_reliably)
        if asked and not self.can_ring_reliably:
            raise SipStateError("the caller has no 100rel")
        if not asked and required:
            raise SipStateError("the caller requires 100rel")
        return asked

    def _ring_reliably(self, status: int, headers: Headers | None, body: bytes, *, insists: bool) -> None:
        descriptions = self.leg.descriptions
        if not insists and not body and descriptions.check(Carrier.RELIABLE, session=False):
            return  # the first one must hold our offer, and there is none yet
        self._check_early_answer(body)
        descriptions.sent(Carrier.RELIABLE, session=bool(body))
        self.leg.await_prack(self)
        rows = self._dialog_headers(headers, allow=bool(body))
        response = self._make(status, "", rows, body, SDP)
        self.leg.described(body)
        self._ringing.ring_reliably(response, self._stack.now(), session=bool(body))

    def _check_early_answer(self, body: bytes) -> None:
        """An answer in an unreliable response is the answer (RFC 6337 §3.1.1)."""
        if body and self._early_answer not in (b"", body):
            raise SipStateError("the answer must be that of the earlier response")

    def _send_ringing(self) -> None:
        self._stack.clocks.changed(self)
        for response in self._ringing.take_responses():
            self._stack.respond(self._event, response)

    def _proceed(self) -> None:
        """Send what a PRACK has released: the next reliable response, or the 2xx."""
        self._send_ringing()
        if not self._waits_for_prack or self._ringing.holds_session or self._answer is None:
            self._rest()
            return
        self._waits_for_prack = False
        self.leg.dialog.confirmed = True
        if self.is_reinvite:
            self.leg.dialog.refresh_target(self.request)
        self._close_ringing()
        self._repeater = AnswerRepeater(self._stack.config.timers, self._stack.now())
        self._stack.clocks.add(self)
        self._stack.respond(self._event, self._answer)

    def _refuse(
        self, status: int, reason: str = "", headers: Headers | None = None, body: bytes = b""
    ) -> None:
        self._answered = True
        self._waits_for_prack = False
        self._answer = None
        self.leg.descriptions.sent(Carrier.FAILURE, session=False)
        self._close_ringing()
        self._stack.respond(self._event, self._make(status, reason, headers, body, SDP))
        self._fail_acknowledged(SipTimeout("the INVITE was not accepted"))
        self.leg.incoming_done(self)
        if not self.is_reinvite:
            self.leg.finish("local", f"rejected with {status}")

    def _lost(self, why: str, status: int = 504, reason: str = "") -> None:
        """The caller does not take part: the INVITE ends, if it has no final answer yet (RFC 3262 §3)."""
        if self._answered and not self._waits_for_prack:
            return
        self._stack.report.note(f"INVITE ended: {why}")
        self._fall(status, reason)

    def _fall(self, status: int, reason: str = "") -> None:
        """The INVITE ends before its user has answered it."""
        told = self.on_cancel  # let go of with the leg
        self._refuse(status, reason)
        self.cancelled.set()
        if told is not None:
            told()

    def _close_ringing(self) -> None:
        """A final response goes out; PRACKs that are on their way are answered for 64*T1 more."""
        self._ringing.answered()
        self._linger = None
        if not self._ringing.is_idle:
            self._linger = self._stack.now() + self._stack.config.timers.timeout
        self._rest()

    def _rest(self) -> None:
        """Leave the clock and the leg once nothing is awaited."""
        if self._answered and self._linger is None and not self._waits_for_prack:
            self.leg.pracked(self)
        if self._answered and self.next_timer() is None:
            self._stack.clocks.discard(self)
        else:
            self._stack.clocks.changed(self)

    def _fail_acknowledged(self, error: SipTimeout | SipUnreachable) -> None:
        if not self._acknowledged.done():
            self._acknowledged.set_exception(error)
            self._acknowledged.exception()  # seen: nobody has to wait for it

    def _dialog_headers(self, headers: Headers | None, *, allow: bool) -> Headers:
        """Contact and Record-Route as all responses that make a dialog have them (RFC 3261 §12.1.1)."""
        contact = self._stack.contact_uri(self.source, sips=answer_demands_sips(self.request))
        rows = Headers.of(
            *(("Record-Route", row) for row in self.request.headers.all("record-route")),
            ("Contact", NameAddr(uri=contact)),
        )
        if allow:
            told = call_capabilities(self._stack.config)
            if "recv-info" not in self.request.headers:
                told = told.without("recv-info")  # RFC 6086 §5.2.3: only who tells is told
            rows = rows.with_added(*told)
        return rows.with_added(*(headers or ()))
