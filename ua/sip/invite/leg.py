"""One leg of a call: a dialog together with the endpoint that it lives on (RFC 3261 §12, §14, §15)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Literal

from ua.sip.dialog import Dialog, glare_delay
from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipNoRoute, SipParseError, SipStateError, SipTimeout, SipUnreachable
from ua.sip.inspection import call_capabilities
from ua.sip.invite.acks import Acks
from ua.sip.invite.glare import once_more
from ua.sip.invite.handlers import Handlers
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg_end import LegEnd
from ua.sip.invite.offer_answer import CARRIERS, Carrier, OfferAnswer
from ua.sip.invite.peer import Peer
from ua.sip.invite.pracks import MakeAnswer, Pracks, PracksDue, made, with_answer
from ua.sip.invite.reception import Reception
from ua.sip.invite.refreshing import Refreshing
from ua.sip.invite.session_timer import SessionTimer
from ua.sip.requests.exchange import Exchange, exchange
from ua.sip.requests.preparation import ContactParams
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP, session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.reason_header import Reason, told
from ua.sip.transaction.messages import RequestReceived
from ua.sip.usages import Usages


class Leg(Handlers):
    """A call as SIP sees it.

    BYE, OPTIONS, PRACK, glare and what only refreshes target or timer are answered by the leg itself. For the
    rest set the callbacks of `Handlers`: they are gone once the leg is over.

    Attributes:
        dialog: tags, targets, route set.
        peer: the methods and extensions of the other side.
        descriptions: which offers and answers may be sent now.
        description: the last description that we sent in this dialog.
        ended: done once the leg is over.
        pracks_due: the PRACKs that we owe.
        refreshing: keeps the session alive.
        usages: the subscriptions in this dialog; it lives until the last of them has ended too.
    """

    def __init__(self, stack: Stack, dialog: Dialog, digest: DigestClient | None) -> None:
        super().__init__()
        self._stack = stack
        self.dialog = dialog
        self._digest = digest
        self.peer = Peer()
        self.descriptions = OfferAnswer()
        self.description = b""
        self.ended: asyncio.Future[LegEnd] = asyncio.get_running_loop().create_future()
        self._reception = Reception(stack, self)
        self.refreshing = Refreshing(stack, self)
        self._acks = Acks(stack)
        self._pracks: dict[int, Pracks] = {}
        self._order = asyncio.Lock()
        self.pracks_due = PracksDue()
        self._id = dialog.id
        self._bye_sent = False
        self.usages = Usages(stack, dialog, digest, self._forget)
        stack.dialogs[self._id] = self

    @property
    def is_over(self) -> bool:
        """True once the leg has ended."""
        return self.ended.done()

    @property
    def session_timer(self) -> SessionTimer:
        """When the session must be refreshed, and by whom (RFC 4028)."""
        return self.refreshing.timer

    async def request(
        self,
        method: str,
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
        make_answer: MakeAnswer | None = None,
    ) -> Exchange:
        """Send a request inside the dialog and wait for its final response, whatever its status.

        A 2xx to a re-INVITE is acknowledged here; where the re-INVITE had no offer, `make_answer` gives the
        answer to that of the response; where ours was answered in a reliable 1xx, the response given has
        it. 481, 408, a timeout or a broken transport end the leg (RFC 3261 §12.2.1.2), but not that this host
        has no route. Raises SipTimeout, SipUnreachable, SipStateError: for an offer or a re-INVITE that may
        not be sent now.

        Requests but INVITE and BYE go out one after the other, PRACKs that are due first: one that overtakes
        another makes it invalid (§12.2.2).
        """
        if method not in ("INVITE", "BYE", "PRACK"):
            await self.pracks_due.settled()
        order = contextlib.nullcontext() if method in ("INVITE", "BYE") else self._order
        async with order:
            return await self._ask(method, headers, body, content_type, make_answer)

    async def _ask(
        self,
        method: str,
        headers: Headers | None,
        body: bytes,
        content_type: str,
        make_answer: MakeAnswer | None,
    ) -> Exchange:
        if self.is_over and method != "BYE":
            raise SipStateError("the call is over")
        carriers = CARRIERS.get(method)
        session = bool(body) and content_type == SDP
        if carriers is not None:
            self.descriptions.sent(carriers[0], session=session)
        outcome = Carrier.FAILURE if carriers is None else carriers[2]
        answered = False
        try:
            done = await self._request(method, headers, body, content_type, make_answer)
            if carriers is not None and done.response.is_success:
                outcome = carriers[1]
                answered = session_of(done.response) is not None
        except SipNoRoute:
            raise  # the other side was not asked: it has the call still
        except (SipTimeout, SipUnreachable) as error:
            self._lost(str(error), 408 if isinstance(error, SipTimeout) else 503)
            raise
        finally:
            if carriers is not None:
                self.descriptions.received(outcome, session=answered)
        await self._take_final(method, done, session, make_answer, body)
        pracks = self._pracks.get(done.request.cseq.number)
        if method != "INVITE" or pracks is None or pracks.answer is None or not session:
            return done
        if not done.response.is_success:
            self._stack.spawn(self._restore())
        return with_answer(done, pracks.answer)

    async def reinvite(
        self,
        body: bytes,
        *,
        headers: Headers | None = None,
        content_type: str = SDP,
        make_answer: MakeAnswer | None = None,
    ) -> Exchange:
        """Send a re-INVITE; where the peer offers itself (491, 500), wait and try once more (RFC 3261 §14.1).

        Gives the last answer; raises as `request` does.
        """

        def ask() -> Coroutine[Any, Any, Exchange]:
            return self.request(
                "INVITE", headers=headers, body=body, content_type=content_type, make_answer=make_answer
            )

        return await once_more(self, ask)

    async def update(self, body: bytes = b"", *, headers: Headers | None = None) -> Exchange:
        """Send an UPDATE, with a new offer or without; in early dialogs too (RFC 3311 §5.1).

        Where the peer offers itself (491, 500), wait and try once more. Raises SipStateError where the peer
        has not said that it takes UPDATE, or an offer may not be sent now, and else as `request` does.
        """
        if not self.peer.allows("UPDATE"):
            raise SipStateError("the peer has not said that it takes UPDATE")
        return await once_more(self, lambda: self.request("UPDATE", headers=headers, body=body))

    async def wait_out_glare(self) -> bool:
        """After a 491: wait for the time of RFC 3261 §14.1; true where our re-INVITE may go out then."""
        return await self.wait(glare_delay(owns_call_id=self.dialog.is_caller, random=self._stack.random))

    async def bye(
        self, *, headers: Headers | None = None, reason: str = "", cause: int | None = None
    ) -> None:
        """End the call; a callee waits for the ACK of its answer first (RFC 3261 §15).

        `reason` is for people; with a `cause`, a SIP status, the peer is told both (RFC 3326).
        An unanswered BYE is counted and logged: the call is over all the same.
        """
        if self._bye_sent or (self.is_over and self.ended.result().by == "remote"):
            return
        self._bye_sent = True
        for invite in list(self._reception.unacknowledged):
            try:
                await invite.acknowledged()
            except SipError:
                continue
        self.finish("local", reason or "hung up")
        rows = headers or Headers()
        if cause is not None:
            rows = rows.with_added(("Reason", Reason(protocol="SIP", cause=cause, text=reason)))
        try:
            await self._request("BYE", rows, b"", SDP)
        except SipError as error:
            self._stack.report.counters["BYE unanswered"] += 1
            if self.ended.result().by == "local" and not reason:
                self._stack.report.note(f"BYE was not answered: {error.what}")

    async def acknowledge(self, invite: Request, body: bytes = b"", content_type: str = SDP) -> None:
        """ACK the 2xx to an INVITE of ours, once; raises SipUnreachable."""
        if invite in self._acks:
            return
        self.descriptions.sent(Carrier.ACK, session=bool(body) and content_type == SDP)
        self.described(body if content_type == SDP else b"")
        await self._acks.send(self.dialog.make_ack(invite, body, content_type))

    async def acknowledge_again(self, invite: Request) -> None:
        """The 2xx came again, and gets the same ACK (RFC 3261 §13.2.2.4); raises SipUnreachable."""
        await self._acks.repeat(invite)

    def finish(self, by: Literal["local", "remote", "failure"], reason: str) -> None:
        """The leg is over; the second time nothing happens."""
        if self.ended.done():
            return
        self.ended.set_result(LegEnd(by=by, reason=reason))
        self.refreshing.stop()
        self._reception.finish()
        self.let_go()
        self._forget()

    # what the stack and the INVITEs of either side say

    def receive_request(self, event: RequestReceived) -> None:
        """A request of the peer in this dialog."""
        request = event.request
        if not self.dialog.accepts(request):
            self._answer(event, 500)
            return
        if self.usages.receive(event):
            return
        if request.method == "BYE" and not self.is_over:
            self._answer(event, 200)
            self.finish("remote", told(request) or "the other side hung up")
            return
        self._reception.receive(event)

    def receive_ack(self, request: Request) -> None:
        """The ACK to one of our answers."""
        self._reception.receive_ack(request)
        self._forget()

    def abandon(self) -> None:
        """The endpoint is closed."""
        self.usages.abandon()
        self.finish("local", "the endpoint was closed")

    def invited(self, request: Request) -> None:
        """The INVITE of ours that makes this leg went out."""
        session = session_of(request) is not None
        self.dialog.told(request)
        self.descriptions.sent(Carrier.INVITE, session=session)
        self.described(request.body if session else b"")

    def rings(self, response: Response, make_answer: MakeAnswer | None) -> bool:
        """A 101-199 to an INVITE of ours; false where it is to be ignored. Reliable ones get their PRACK."""
        pracks = self._pracks.setdefault(response.cseq.number, Pracks(self._stack, self))
        return pracks.take(response, make_answer)

    def picked_up(self, response: Response) -> None:
        """The 2xx to the INVITE of ours that made this leg."""
        self.peer.learn(response)
        self.descriptions.received(Carrier.SUCCESS, session=session_of(response) is not None)
        self.refreshing.answered(response)

    def offered(self, invite: IncomingInvite) -> None:
        """The INVITE that is to make this leg: a BYE before its answer ends it as well (RFC 3261 §15.1.2)."""
        self.peer.learn(invite.request)
        session = session_of(invite.request) is not None
        self.descriptions.received(Carrier.INVITE, session=session)
        self._reception.offered(invite)

    def await_ack(self, invite: IncomingInvite) -> None:
        """A 2xx was sent."""
        self.peer.learn(invite.request)
        self._reception.await_ack(invite)

    def await_prack(self, invite: IncomingInvite) -> None:
        """A reliable response was sent."""
        self._reception.await_prack(invite)

    def pracked(self, invite: IncomingInvite) -> None:
        """No PRACK for this INVITE is awaited any more."""
        self._reception.pracked(invite)
        self._forget()

    def incoming_done(self, invite: IncomingInvite) -> None:
        """An INVITE of the peer was rejected, or nobody acknowledged our 2xx."""
        self._reception.done(invite)
        self._forget()

    def described(self, body: bytes) -> None:
        """A description of ours went out; empty: a message without one."""
        if body:
            self.description = body

    def _forget(self) -> None:
        """Leave the table of dialogs once all in the dialog is over and no ACK or PRACK is awaited."""
        if self.is_over and self._reception.is_idle and not self.usages:
            self._stack.dialogs.pop(self._id, None)

    def _answer(self, event: RequestReceived, status: int) -> None:
        self._stack.respond(event, make_response(event.request, status, to_tag=event.to_tag))

    async def wait(self, seconds: float) -> bool:
        """Wait; true where the call stands then and no exchange is open."""
        await asyncio.wait({self.ended}, timeout=seconds)
        return not self.is_over and self.descriptions.inviting is None and self.descriptions.open is None

    async def _restore(self) -> None:
        """A re-INVITE failed after its answer: the peer is told what stood before (RFC 6337 §3.4)."""
        if self.description and self.peer.allows("UPDATE") and not self.is_over:
            await self.update(self.description)

    async def _take_final(
        self, method: str, done: Exchange, session: bool, make_answer: MakeAnswer | None, body: bytes
    ) -> None:
        response = done.response
        self.peer.learn(response)
        if method in ("INVITE", "UPDATE"):
            self.session_timer.note(done.request)
        if response.status in (408, 481) and method not in ("BYE", "PRACK"):
            self._lost(f"{response.status} {response.reason}", response.status)
        if not response.is_success:
            return
        if session:
            self.described(body)
        if method in ("INVITE", "UPDATE"):
            self.dialog.told(done.request)
            self.refreshing.answered(response)
        if method == "INVITE":
            answer = b""
            if not session and make_answer is not None and session_of(response) is not None:
                answer = await made(make_answer, response)
            await self.acknowledge(done.request, answer)

    async def _request(
        self,
        method: str,
        headers: Headers | None,
        body: bytes,
        content_type: str,
        make_answer: MakeAnswer | None = None,
    ) -> Exchange:
        def draft() -> Request:
            rows = headers or Headers()
            if body:
                rows = rows.with_rows("content-type", content_type)
            if method in ("INVITE", "UPDATE"):
                rows = rows.with_added(*call_capabilities(self._stack.config), *self.session_timer.ask())
            return self.dialog.make_request(method, rows, body)

        def hear(request: Request, response: Response) -> None:
            if method != "INVITE":
                return
            if response.is_provisional and response.status > 100:
                self.rings(response, make_answer)
            elif response.is_success:
                self._stack.spawn(self.acknowledge_again(request))

        contact: ContactParams = () if method in ("INVITE", "UPDATE") else None
        done = await exchange(self._stack, draft, digest=self._digest, contact=contact, on_response=hear)
        if done.response.is_success:
            self.dialog.refresh_target(done.response)
        return done

    def _lost(self, reason: str, cause: int) -> None:
        """The peer does not know the dialog any more: say BYE once and forget it (RFC 3261 §12.2.1.2)."""
        if self.is_over:
            return
        self.finish("failure", reason)
        if not self._bye_sent and not self._stack.closed:
            self._bye_sent = True
            self._stack.spawn(self._last_bye(Reason(protocol="SIP", cause=cause, text=reason)))

    async def _last_bye(self, reason: Reason) -> None:
        try:
            await self._request("BYE", Headers.of(("Reason", reason)), b"", SDP)
        except (SipError, SipParseError):
            self._stack.report.counters["BYE unanswered"] += 1
