"""One INVITE and the phones that it reached: early dialogs, several answers (RFC 3261 §13.2.2)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

from ua.sip.dialog import Dialog
from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipParseError
from ua.sip.inspection import capabilities
from ua.sip.invite.leg import Leg
from ua.sip.invite.no_media import no_media
from ua.sip.invite.pracks import MakeAnswer, made
from ua.sip.requests.sending import Sending, start_request
from ua.sip.stack import Stack
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response


class ForksOwner(Protocol):
    """The call that the INVITE is for."""

    def hear(self) -> None:
        """A response came, be it a 100."""

    @property
    def is_cancelled(self) -> bool:
        """True once the caller gave up."""

    def take_leg(self, leg: Leg) -> bool:
        """A phone answered; True where the call is with this one from now on."""

    def take_provisional(self, response: Response) -> None:
        """A 1xx but 100."""

    def take_early(self, leg: Leg) -> None:
        """A phone made an early dialog."""

    @property
    def make_answer(self) -> MakeAnswer | None:
        """Gives the SDP for the PRACK or ACK to a response that brought the offer."""


class Forks:
    """The transaction of one INVITE, with a leg for each To tag that came back.

    `send` it, await `final`. Each 2xx is acknowledged here; of several the owner keeps one, the others get
    BYE (RFC 3261 §13.2.2.4). A failure ends all early dialogs (§13.2.2.3).

    Attributes:
        early: legs that ring, by To tag.
        answered: legs that said 2xx, by To tag.
        sent: the INVITE as it went out, None before.
    """

    def __init__(self, stack: Stack, digest: DigestClient | None, owner: ForksOwner) -> None:
        self._stack = stack
        self._digest = digest
        self._owner = owner
        self.early: dict[str, Leg] = {}
        self.answered: dict[str, Leg] = {}
        self.sent: Sending | None = None
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def send(self, draft: Request) -> Request:
        """Send the INVITE; gives it as it went out. Raises SipUnreachable."""
        self.sent = await start_request(self._stack, draft, self, contact=())
        return self.sent.request

    async def final(self) -> Response:
        """The final response that counts; a 2xx once it is kept. Raises SipTimeout, SipUnreachable."""
        return await self._final

    def cancel(self, headers: Headers | None = None) -> None:
        """CANCEL the INVITE, now or after its first 1xx."""
        if self.sent is not None:
            rows = headers or Headers()
            self.sent.cancel(rows.with_added(*capabilities(self._stack.config).only("supported")))

    def drop_early(self, reason: str) -> None:
        """End the early dialogs; nothing is sent."""
        for leg in self.early.values():
            leg.finish("local", reason)
        self.early.clear()

    # what the stack says

    def on_response(self, response: Response) -> None:
        """A response to the INVITE."""
        self._owner.hear()
        if response.is_provisional:
            self._on_provisional(response)
        elif response.is_success:
            self._on_success(response)
        else:
            self.drop_early("not answered")
            self._settle(response)

    def on_failure(self, error: SipError) -> None:
        """No final response will come."""
        self.drop_early("not answered")
        if not self._final.done():
            self._final.set_exception(error)
            self._final.exception()  # seen: the one who waits may have been cancelled

    def on_ended(self) -> None:
        """64*T1 after the first 2xx the dialogs that are still early are over (RFC 3261 §13.2.2.4)."""
        self.drop_early("not answered")

    def _on_provisional(self, response: Response) -> None:
        if response.status == 100:
            return
        tag = response.to.tag
        if tag is not None and tag not in self.early and tag not in self.answered:
            try:
                self.early[tag] = leg = self._leg(response)
                self._owner.take_early(leg)
            except SipParseError as error:
                self._stack.report.counters[f"bad 1xx: {error.reason}"] += 1
        leg_of_fork = self.early.get(tag or "") or self.answered.get(tag or "")
        if leg_of_fork is None or leg_of_fork.rings(response, self._owner.make_answer):
            self._owner.take_provisional(response)

    def _on_success(self, response: Response) -> None:
        tag = response.to.tag or ""
        sent = self._request()
        if tag in self.answered:
            self._stack.spawn(self.answered[tag].acknowledge_again(sent))
            return
        usable = True
        leg = self.early.pop(tag, None)
        try:
            if leg is None:
                leg = self._leg(response)
            else:
                leg.dialog.confirm(response)
        except SipParseError:
            usable = False
            bare = replace(response, headers=response.headers.without("contact", "record-route"))
            leg = leg or self._leg(bare)
        self.answered[tag] = leg
        leg.picked_up(response)
        wanted = usable and self._owner.take_leg(leg)
        self._stack.spawn(self._acknowledge(leg, sent, response, wanted=wanted))
        if wanted:
            self._settle(response)
        elif self._owner.is_cancelled:
            self._settle(make_response(sent, 487))
        else:
            self._settle(make_response(sent, 502, "Bad Contact in 2xx"))

    async def _acknowledge(self, leg: Leg, sent: Request, response: Response, *, wanted: bool) -> None:
        answer = b""
        refused = False
        offer = session_of(response) if leg.descriptions.open is not None else None
        if offer is not None:
            make_answer = self._owner.make_answer
            if wanted and make_answer is not None:
                answer = await made(make_answer, response)
            # An offer in a 2xx cannot be rejected: it is answered, and the call ended (RFC 3261 §13.2.2.4).
            refused = not answer
            answer = answer or no_media(offer, session_id=int.from_bytes(self._stack.random(7), "big"))
        await leg.acknowledge(sent, answer)
        if not wanted and self._owner.is_cancelled:
            await leg.bye(reason="cancelled", cause=487)
        elif not wanted:
            await leg.bye(reason="answered elsewhere", cause=200)
        elif refused:
            await leg.bye(reason="the offer is not acceptable", cause=488)

    def _leg(self, response: Response) -> Leg:
        leg = Leg(self._stack, Dialog.of_caller(self._request(), response), self._digest)
        leg.invited(self._request())
        return leg

    def _request(self) -> Request:
        if self.sent is not None:
            return self.sent.request
        raise SipParseError("a response before the request")

    def _settle(self, response: Response) -> None:
        if not self._final.done():
            self._final.set_result(response)
