"""What the peer asks within a call: dispatch of the requests of one dialog (RFC 3261 §12.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ua.sip.errors import SipParseError
from ua.sip.incoming_request import IncomingRequest
from ua.sip.inspection import call_capabilities, capabilities, inspect
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.offer_answer import Carrier, Fault, Meaning
from ua.sip.invite.rack import RAck
from ua.sip.security import answer_demands_sips
from ua.sip.stack import Stack
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transaction.messages import RequestReceived

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg


class Reception:
    """Takes the requests of one leg.

    Attributes:
        invite: the INVITE of the peer that has no final answer yet, None without one.
        unacknowledged: those whose 2xx has no ACK yet.
    """

    def __init__(self, stack: Stack, leg: Leg) -> None:
        self._stack = stack
        self._leg = leg
        self.invite: IncomingInvite | None = None
        self.unacknowledged: list[IncomingInvite] = []
        self._pracked: list[IncomingInvite] = []
        self._offer: IncomingOffer | None = None

    @property
    def is_idle(self) -> bool:
        """True where no ACK and no PRACK is awaited."""
        return not self.unacknowledged and not self._pracked

    def receive(self, event: RequestReceived) -> None:
        """A request that fits into the dialog."""
        request = event.request
        if request.method == "PRACK" and self._pracked:
            self._on_prack(event)
            return
        if self._leg.is_over:
            self._answer(event, 481)
            return
        refusal = inspect(request, self._stack.config)
        if refusal is not None:
            self._answer(event, *refusal)
            return
        self._leg.peer.learn(request)
        match request.method:
            case "INVITE":
                self._on_reinvite(event)
            case "UPDATE":
                self._on_update(event)
            case "PRACK":
                self._answer(event, 481)
            case "OPTIONS":
                self._answer(event, 200, headers=capabilities(self._stack.config))
            case _:
                self._on_other(event)

    def receive_ack(self, request: Request) -> None:
        """The ACK to one of our answers."""
        carried = session_of(request) is not None
        for invite in list(self.unacknowledged):
            if invite.request.cseq.number == request.cseq.number:
                self.unacknowledged.remove(invite)
                self._leg.descriptions.received(Carrier.ACK, session=carried)
                invite.take_ack(request)

    def finish(self) -> None:
        """The call is over: what waits for an answer of ours gets 487 (RFC 3261 §15.1.2)."""
        if self.invite is not None:
            self.invite.cancel()
        for invite in list(self.unacknowledged):
            invite.cancel()  # where its 2xx still waits for a PRACK
        if self._offer is not None:
            self._offer.reject(487)
        for invite in (*self.unacknowledged, *self._pracked):
            invite.let_go()

    def offered(self, invite: IncomingInvite) -> None:
        """An INVITE that waits for our answer."""
        self.invite = invite

    def await_ack(self, invite: IncomingInvite) -> None:
        """It was accepted."""
        self.unacknowledged.append(invite)
        if self.invite is invite:
            self.invite = None

    def await_prack(self, invite: IncomingInvite) -> None:
        """It has got a reliable response."""
        if invite not in self._pracked:
            self._pracked.append(invite)

    def pracked(self, invite: IncomingInvite) -> None:
        """No PRACK of it is awaited any more."""
        if invite in self._pracked:
            self._pracked.remove(invite)

    def done(self, invite: IncomingInvite) -> None:
        """It was rejected, or nobody acknowledged our 2xx."""
        if self.invite is invite:
            self.invite = None
        if invite in self.unacknowledged:
            self.unacknowledged.remove(invite)

    def busy(self, event: RequestReceived) -> None:
        """500 with a Retry-After of 0 to 10 s (RFC 3261 §14.2, RFC 3311 §5.2)."""
        seconds = self._stack.random(1)[0] % 11
        self._answer(event, 500, headers=Headers.of(("Retry-After", seconds)))

    def _on_reinvite(self, event: RequestReceived) -> None:
        leg = self._leg
        if self._refuses_interval(event):
            return
        session = session_of(event.request) is not None
        if self._refuses(event, leg.descriptions.received(Carrier.INVITE, session=session).fault):
            return
        invite = IncomingInvite(self._stack, event, leg, is_reinvite=True)
        self.invite = invite
        if leg.on_reinvite is None:
            invite.reject(488)
        else:
            leg.on_reinvite(invite)

    def _on_update(self, event: RequestReceived) -> None:
        leg = self._leg
        if self._refuses_interval(event):
            return
        session = session_of(event.request) is not None
        if self._refuses(event, leg.descriptions.received(Carrier.UPDATE, session=session).fault):
            return
        if not session:
            # a refresh of target or timer: nobody is to be asked
            leg.descriptions.sent(Carrier.UPDATE_SUCCESS, session=False)
            self._answer(event, 200, headers=self._updated(event, b""))
            return
        offer = IncomingOffer(
            self._stack,
            event,
            descriptions=leg.descriptions,
            on_result=lambda answer: self._updated(event, answer),
        )
        self._take_offer(offer, leg.on_update)

    def _updated(self, event: RequestReceived, answer: bytes | None) -> Headers:
        """An UPDATE was taken with this answer, or refused; gives the headers of its 2xx (RFC 3311 §5.2)."""
        self._offer = None
        if answer is None:
            return Headers()
        self._leg.described(answer)
        request = event.request
        self._leg.dialog.refresh_target(request)
        timer = self._leg.refreshing.accept(request)
        contact = self._stack.contact_uri(event.source, sips=answer_demands_sips(request))
        rows = Headers.of(("Contact", NameAddr(uri=contact)))
        return rows.with_added(*call_capabilities(self._stack.config), *timer)

    def _on_prack(self, event: RequestReceived) -> None:
        request = event.request
        try:
            rack = RAck.parse(request.headers.first("rack") or "")
        except SipParseError as error:
            self._answer(event, 400, error.reason)
            return
        descriptions = self._leg.descriptions
        for invite in list(self._pracked):
            if invite.knows(rack):
                break
        else:
            self._answer(event, 481)
            return
        session = session_of(request)
        reading = descriptions.received(Carrier.PRACK, session=session is not None)
        if self._refuses(event, reading.fault if reading.fault is not Fault.NO_ANSWER else None):
            return
        if reading.meaning is Meaning.OFFER:
            invite.take_prack(rack)
            self._on_prack_offer(event, invite, rack)
            return
        descriptions.sent(Carrier.PRACK_SUCCESS, session=False)
        self._answer(event, 200)
        if reading.meaning is Meaning.ANSWER or reading.fault is Fault.NO_ANSWER:
            invite.answer_early(session)
        invite.take_prack(rack)

    def _on_prack_offer(self, event: RequestReceived, invite: IncomingInvite, rack: RAck) -> None:
        def answered(answer: bytes | None) -> Headers:
            self._offer = None
            if answer is None:
                invite.reopen(rack)
            else:
                self._leg.described(answer)
            return Headers()

        descriptions = self._leg.descriptions
        offer = IncomingOffer(self._stack, event, descriptions=descriptions, on_result=answered)
        self._take_offer(offer, invite.on_prack_offer)

    def _take_offer(self, offer: IncomingOffer, user: Callable[[IncomingOffer], object] | None) -> None:
        self._offer = offer
        if user is None:
            offer.reject(488)
            return
        try:
            user(offer)
        except Exception:
            offer.reject(500)
            raise

    def _on_other(self, event: RequestReceived) -> None:
        leg = self._leg
        if leg.on_request is None:
            allow = Headers.of(("Allow", ", ".join(self._stack.config.allow)))
            self._answer(event, 405, headers=allow)
            return
        leg.dialog.refresh_target(event.request)
        leg.on_request(IncomingRequest(self._stack, event))

    def _refuses(self, event: RequestReceived, fault: Fault | None) -> bool:
        """Answer what crosses an open exchange; true where that was done."""
        if fault is Fault.GLARE:
            self._answer(event, 491)
        elif fault is Fault.BUSY:
            self.busy(event)
        return fault in (Fault.GLARE, Fault.BUSY)

    def _refuses_interval(self, event: RequestReceived) -> bool:
        """422 to a session interval that is too small (RFC 4028 §9)."""
        least = self._leg.session_timer.too_small(event.request)
        if least is not None:
            self._answer(event, 422, headers=Headers.of(("Min-SE", least)))
        return least is not None

    def _answer(
        self, event: RequestReceived, status: int, reason: str = "", headers: Headers | None = None
    ) -> None:
        response = make_response(event.request, status, reason, to_tag=event.to_tag, headers=headers)
        self._stack.respond(event, response)
