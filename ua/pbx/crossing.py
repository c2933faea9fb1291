"""Two legs that belong together: what one asks the other is asked (RFC 7092 §3.2)."""

from __future__ import annotations

from ua.pbx.errands import Errands
from ua.pbx.passed_subscription import PassedSubscription, answer_with
from ua.pbx.passing import content_type, hops_left, request_headers, response_headers
from ua.sip.errors import SipError, SipStateError, SipTimeout
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.leg import Leg
from ua.sip.invite.leg_end import LegEnd
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Response

_PENDING = 491


class Crossing:
    """The leg of the caller, and the one of the callee as soon as there is one.

    Attributes:
        caller: the leg of who calls.
        callee: the leg of who is called: of the phone that rang last, then of the one that answered.
    """

    def __init__(self, caller: Leg, errands: Errands) -> None:
        self.caller = caller
        self.callee: Leg | None = None
        self._errands = errands
        self._listen(caller)

    def ring(self, callee: Leg) -> None:
        """A phone rings: its requests go to the caller, and those of the caller to it."""
        self.callee = callee
        self._listen(callee)

    def answer(self, callee: Leg) -> None:
        """A phone has answered: from now on the end of one leg is the end of the other."""
        self.ring(callee)
        self.caller.ended.add_done_callback(lambda end: self._part(end.result(), callee))
        callee.ended.add_done_callback(lambda end: self._part(end.result(), self.caller))

    def partner(self, leg: Leg) -> Leg | None:
        """The other one."""
        return self.callee if leg is self.caller else self.caller

    def _listen(self, leg: Leg) -> None:
        leg.on_reinvite = lambda invite: self._errands.run(self._reinvite(leg, invite))
        leg.on_update = lambda offer: self._errands.run(self._update(leg, offer))
        leg.on_request = lambda request: self._errands.run(self._request(leg, request))

    def _part(self, end: LegEnd, left: Leg) -> None:
        why = "" if end.by == "remote" else end.reason
        self._errands.run(left.bye(reason=why, cause=503 if end.by == "failure" else None))

    async def _reinvite(self, leg: Leg, invite: IncomingInvite) -> None:
        other = self.partner(leg)
        if other is None or hops_left(invite.request) < 0:
            invite.reject(_PENDING if other is None else 483)
            return
        offer = session_of(invite.request) or b""

        async def answer_to(response: Response) -> bytes:
            """The re-INVITE had no offer: the one of the other leg is answered in the ACK."""
            if response.is_provisional or invite.is_answered:
                return b""
            invite.accept(session_of(response) or b"", headers=response_headers(response))
            try:
                return session_of(await invite.acknowledged()) or b""
            except SipError:
                return b""

        try:
            done = await other.request(
                "INVITE",
                headers=request_headers(invite.request),
                body=offer,
                make_answer=None if offer else answer_to,
            )
            if invite.is_answered:
                return
            response = done.response
            headers = response_headers(response)
            if response.is_success:
                invite.accept(session_of(response) or b"", headers=headers)
            else:
                invite.reject(response.status, response.reason, headers=headers, body=response.body)
        except SipError as error:
            if not invite.is_answered:
                invite.reject(_status(error))

    async def _update(self, leg: Leg, offer: IncomingOffer) -> None:
        other = self.partner(leg)
        if other is None or hops_left(offer.request) < 0:
            offer.reject(_PENDING if other is None else 483)
            return
        takes_it = other.peer.allows("UPDATE")
        if not takes_it and not other.dialog.confirmed:
            offer.reject(488)
            return
        try:
            done = await other.request(
                "UPDATE" if takes_it else "INVITE", headers=request_headers(offer.request), body=offer.offer
            )
        except SipError as error:
            offer.reject(_status(error))
            return
        response = done.response
        answer = session_of(response)
        headers = response_headers(response)
        if response.is_success and answer is not None:
            offer.accept(answer, headers=headers)
        else:
            offer.reject(500 if response.is_success else response.status, headers=headers)

    async def _request(self, leg: Leg, incoming: IncomingRequest) -> None:
        request = incoming.request
        other = self.partner(leg)
        if other is None or hops_left(request) < 0:
            incoming.respond(481 if other is None else 483)
            return
        if request.method == "REFER":
            await PassedSubscription(incoming, leg.usages, other.usages, self._errands).pass_on()
            return
        try:
            done = await other.request(
                request.method,
                headers=request_headers(request),
                body=request.body,
                content_type=content_type(request),
            )
        except SipError as error:
            incoming.respond(_status(error))
        else:
            answer_with(incoming, done)


def _status(error: SipError) -> int:
    """What the one who asked is told of a request that got no answer on the other leg."""
    if isinstance(error, SipStateError):
        return _PENDING
    return 408 if isinstance(error, SipTimeout) else 500
