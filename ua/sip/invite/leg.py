"""One leg of a call: a dialog together with the endpoint that it lives on (RFC 3261 §12, §14, §15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ua.sip.dialog import Dialog, glare_delay
from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipParseError, SipStateError, SipTimeout, SipUnreachable
from ua.sip.events.usages import Usages
from ua.sip.exchange import Exchange, exchange
from ua.sip.inspection import call_capabilities, capabilities, inspect
from ua.sip.invite.incoming import IncomingInvite, IncomingRequest
from ua.sip.preparation import ContactParams
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.transaction.messages import RequestReceived
from ua.sip.transport.hop import Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnd:
    """How a leg ended.

    Attributes:
        by: "local" (we said BYE or rejected), "remote" (the peer did), "failure" (the peer is lost).
        reason: why, for people; the peer's Reason header where it gave one (RFC 3326).
    """

    by: Literal["local", "remote", "failure"]
    reason: str


class Leg:
    """A call as SIP sees it.

    BYE, OPTIONS and glare are answered by the leg itself. Set `on_reinvite` to take updated offers (without
    it they get 488) and `on_request` for INFO and the like (without it: 405).

    Attributes:
        dialog: tags, targets, route set.
        invite: the INVITE of ours that made it, None on the callee's side.
        ended: done once the leg is over.
        on_reinvite: called for each re-INVITE.
        on_request: called for each other request.
        usages: the subscriptions in this dialog; it lives until the last of them has ended too.
    """

    def __init__(self, stack: Stack, dialog: Dialog, digest: DigestClient | None) -> None:
        self._stack = stack
        self.dialog = dialog
        self._digest = digest
        self.ended: asyncio.Future[LegEnd] = asyncio.get_running_loop().create_future()
        self.on_reinvite: Callable[[IncomingInvite], object] | None = None
        self.on_request: Callable[[IncomingRequest], object] | None = None
        self._incoming: IncomingInvite | None = None
        self._unacknowledged: list[IncomingInvite] = []
        self._inviting = False
        self._acks: dict[int, tuple[Hop, Request] | None] = {}
        self._id = dialog.id
        self._bye_sent = False
        self.usages = Usages(stack, dialog, digest, self._forget)
        stack.dialogs[self._id] = self

    @property
    def is_over(self) -> bool:
        """True once the leg has ended."""
        return self.ended.done()

    async def request(
        self,
        method: str,
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
    ) -> Exchange:
        """Send a request inside the dialog and wait for its final response, whatever its status.

        A 2xx to a re-INVITE is acknowledged here. 481, 408, a timeout or a broken transport end the leg
        (RFC 3261 §12.2.1.2). Raises SipTimeout, SipUnreachable, SipStateError.
        """
        if self.is_over and method != "BYE":
            raise SipStateError("the call is over")
        if method == "INVITE" and (self._inviting or self._incoming is not None):
            raise SipStateError("a re-INVITE is pending")
        self._inviting = self._inviting or method == "INVITE"
        try:
            done = await self._request(method, headers, body, content_type)
        except (SipTimeout, SipUnreachable) as error:
            self._lost(str(error))
            raise
        finally:
            if method == "INVITE":
                self._inviting = False
        if done.response.status in (408, 481):
            self._lost(f"{done.response.status} {done.response.reason}")
        return done

    async def reinvite(
        self, body: bytes, *, headers: Headers | None = None, content_type: str = SDP
    ) -> Exchange:
        """Send a re-INVITE; where both sides did so at once (491), wait and try once more (RFC 3261 §14.1).

        Gives the last answer; raises as `request` does.
        """
        done = await self.request("INVITE", headers=headers, body=body, content_type=content_type)
        if done.response.status != 491 or not await self.wait_out_glare():
            return done
        return await self.request("INVITE", headers=headers, body=body, content_type=content_type)

    async def wait_out_glare(self) -> bool:
        """After a 491: wait for the time of RFC 3261 §14.1; true where our re-INVITE may go out then."""
        delay = glare_delay(owns_call_id=self.dialog.is_caller, random=self._stack.random)
        await asyncio.wait({self.ended}, timeout=delay)
        return not self.is_over and self._incoming is None

    async def bye(self, *, headers: Headers | None = None, reason: str = "") -> None:
        """End the call; a callee waits for the ACK of its answer first (RFC 3261 §15).

        An unanswered BYE is counted and logged: the call is over all the same.
        """
        if self._bye_sent or (self.is_over and self.ended.result().by == "remote"):
            return
        self._bye_sent = True
        for invite in list(self._unacknowledged):
            try:
                await invite.acknowledged()
            except SipError:
                continue
        self.finish("local", reason or "hung up")
        try:
            await self._request("BYE", headers, b"", SDP)
        except SipError as error:
            self._stack.report.counters["BYE unanswered"] += 1
            if self.ended.result().by == "local" and not reason:
                self._stack.report.note(f"BYE was not answered: {error.what}")

    async def acknowledge(self, invite: Request, body: bytes = b"", content_type: str = SDP) -> None:
        """ACK a 2xx to an INVITE of ours; a repeat of the 2xx gets the same ACK (RFC 3261 §13.2.2.4)."""
        number = invite.cseq.number
        if number in self._acks:
            kept = self._acks[number]
            if kept is not None:
                self._stack.send_again(*kept)
            return
        self._acks[number] = None
        try:
            self._acks[number] = await self._stack.send_ack(self.dialog.make_ack(invite, body, content_type))
        except SipError:
            del self._acks[number]  # the next repeat of the 2xx tries again
            raise

    def finish(self, by: Literal["local", "remote", "failure"], reason: str) -> None:
        """The leg is over; the second time nothing happens."""
        if self.ended.done():
            return
        self.ended.set_result(LegEnd(by=by, reason=reason))
        if self._incoming is not None:
            self._incoming.cancel()
        self._forget()

    # what the stack and incoming INVITEs say

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
            self.finish("remote", request.headers.first("reason") or "the other side hung up")
            return
        if self.is_over:
            self._answer(event, 481)
            return
        refusal = inspect(request, self._stack.config)
        if refusal is not None:
            self._answer(event, refusal[0], refusal[1], refusal[2])
        elif request.method == "INVITE":
            self._on_reinvite(event)
        elif request.method == "OPTIONS":
            self._answer(event, 200, headers=capabilities(self._stack.config))
        else:
            self._on_other(event)

    def receive_ack(self, request: Request) -> None:
        """The ACK to one of our answers."""
        for invite in list(self._unacknowledged):
            if invite.request.cseq.number == request.cseq.number:
                self._unacknowledged.remove(invite)
                invite.take_ack(request)
        self._forget()

    def abandon(self) -> None:
        """The endpoint is closed."""
        self.usages.abandon()
        self.finish("local", "the endpoint was closed")

    def offered(self, invite: IncomingInvite) -> None:
        """The INVITE that is to make this leg: a BYE before its answer ends it as well (RFC 3261 §15.1.2)."""
        self._incoming = invite

    def await_ack(self, invite: IncomingInvite) -> None:
        """A 2xx was sent."""
        self._unacknowledged.append(invite)
        if self._incoming is invite:
            self._incoming = None

    def incoming_done(self, invite: IncomingInvite) -> None:
        """An INVITE of the peer was rejected, or nobody acknowledged our 2xx."""
        if self._incoming is invite:
            self._incoming = None
        if invite in self._unacknowledged:
            self._unacknowledged.remove(invite)
        self._forget()

    def _forget(self) -> None:
        """Leave the table of dialogs once the leg and all in its dialog are over and no ACK is awaited."""
        if self.is_over and not self._unacknowledged and not self.usages:
            self._stack.dialogs.pop(self._id, None)

    def _on_reinvite(self, event: RequestReceived) -> None:
        if self._inviting:
            self._answer(event, 491)
            return
        if self._incoming is not None:
            seconds = self._stack.random(1)[0] % 11
            self._answer(event, 500, headers=Headers.of(("Retry-After", seconds)))
            return
        invite = IncomingInvite(self._stack, event, self, is_reinvite=True)
        self._incoming = invite
        if self.on_reinvite is None:
            invite.reject(488)
        else:
            self.on_reinvite(invite)

    def _on_other(self, event: RequestReceived) -> None:
        if self.on_request is None:
            allow = Headers.of(("Allow", ", ".join(self._stack.config.allow)))
            self._answer(event, 405, headers=allow)
            return
        self.dialog.refresh_target(event.request)
        self.on_request(IncomingRequest(self._stack, event))

    def _answer(
        self, event: RequestReceived, status: int, reason: str = "", headers: Headers | None = None
    ) -> None:
        response = make_response(event.request, status, reason, to_tag=event.to_tag, headers=headers)
        self._stack.respond(event, response)

    async def _request(
        self, method: str, headers: Headers | None, body: bytes, content_type: str
    ) -> Exchange:
        def draft() -> Request:
            rows = headers or Headers()
            if body:
                rows = rows.with_rows("content-type", content_type)
            if method == "INVITE":
                rows = rows.with_added(*call_capabilities(self._stack.config))
            return self.dialog.make_request(method, rows, body)

        contact: ContactParams = () if method in ("INVITE", "UPDATE") else None
        done = await exchange(
            self._stack, draft, digest=self._digest, contact=contact, on_response=self._on_repeated
        )
        if done.response.is_success:
            self.dialog.refresh_target(done.response)
            if method == "INVITE":
                await self.acknowledge(done.request)
        return done

    def _on_repeated(self, request: Request, response: Response) -> None:
        """A response after the final one: the 2xx of a re-INVITE again."""
        if response.is_success and request.method == "INVITE":
            self._stack.spawn(self.acknowledge(request))

    def _lost(self, reason: str) -> None:
        """The peer does not know the dialog any more: say BYE once and forget it (RFC 3261 §12.2.1.2)."""
        if self.is_over:
            return
        self.finish("failure", reason)
        if not self._bye_sent and not self._stack.closed:
            self._bye_sent = True
            self._stack.spawn(self._last_bye())

    async def _last_bye(self) -> None:
        try:
            await self._request("BYE", None, b"", SDP)
        except (SipError, SipParseError):
            self._stack.report.counters["BYE unanswered"] += 1
