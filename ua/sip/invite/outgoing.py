"""A call that we place: INVITE, ringing, answer, cancel (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from ua.sip.auth import DigestClient
from ua.sip.dialog import Dialog
from ua.sip.errors import SipError, SipParseError, SipRejected
from ua.sip.exchange import authorised
from ua.sip.invite.leg import Leg
from ua.sip.stack import Stack
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.users import Sent

_MAX_PROVISIONAL = 64


class OutgoingInvite:
    """An INVITE on its way.

    Await `answered()` for the 2xx, iterate `provisional()` for what comes before, `cancel()` to give up. Each
    2xx is acknowledged here; of several (forks) the first is kept, the others get BYE (RFC 3261 §13.2.2.4).

    Attributes:
        leg: the call, once it is answered.
        request: the INVITE as it was sent last, None before.
        on_leg: called with the leg in the moment of the 2xx, before later requests of the peer; may be set.
    """

    def __init__(
        self,
        stack: Stack,
        draft: Callable[[], Request],
        *,
        digest: DigestClient | None,
        make_answer: Callable[[Response], bytes] | None,
    ) -> None:
        self._stack = stack
        self._draft = draft
        self._digest = digest
        self._make_answer = make_answer
        self._loop = asyncio.get_running_loop()
        self.leg: Leg | None = None
        self.request: Request | None = None
        self.on_leg: Callable[[Leg], object] | None = None
        self._sent: Sent | None = None
        self._cancelled = False
        self._cancel_headers: Headers | None = None
        self._attempt: asyncio.Future[Response] = self._loop.create_future()
        self._final: asyncio.Future[Response] = self._loop.create_future()
        self._provisional: asyncio.Queue[Response | None] = asyncio.Queue(_MAX_PROVISIONAL)
        self._early: dict[str, Leg] = {}
        self._answered: dict[str, Leg] = {}
        self.auth_problem = ""
        stack.spawn(self._run())

    async def answered(self) -> Response:
        """The 2xx; `leg` is set then.

        Raises SipRejected (300-699; 487 after `cancel`), SipTimeout, SipUnreachable.
        """
        return await asyncio.shield(self._final)

    async def provisional(self) -> AsyncIterator[Response]:
        """Each 1xx but 100 as it comes; ends with the final response. For one reader."""
        while (response := await self._provisional.get()) is not None:
            yield response

    def cancel(self, headers: Headers | None = None) -> None:
        """Give up: CANCEL, after the first 1xx; a 2xx that crosses is acknowledged and ended with BYE."""
        self._cancelled = True
        self._cancel_headers = headers
        if self._sent is not None and not self._final.done():
            self._stack.cancel(self._sent.key, headers)

    async def _run(self) -> None:
        try:
            self._settle(await self._attempts())
        except SipError as error:
            self._settle(error)
        except asyncio.CancelledError:
            self._settle(SipRejected(Response(status=487, headers=Headers())))
            raise

    async def _attempts(self) -> Response:
        """Send, answer challenges, and give the final response."""
        run = self._digest.start() if self._digest is not None else None
        while True:
            request = authorised(self._draft(), self._digest)
            if self._cancelled:
                return make_response(request, 487)
            self._attempt = self._loop.create_future()
            self._sent = await self._stack.start_request(request, self, contact=())
            self.request = self._sent.request
            self._cancel_if_wanted(self._sent)
            response = await self._attempt
            if response.status not in (401, 407) or self._cancelled:
                return response
            self.auth_problem = "no credentials" if run is None else run.challenged(response)
            if self.auth_problem:
                return response

    def _cancel_if_wanted(self, sent: Sent) -> None:
        if self._cancelled:
            self._stack.cancel(sent.key, self._cancel_headers)

    # what the stack says

    def on_response(self, response: Response) -> None:
        """A response to the INVITE."""
        if response.is_provisional:
            self._on_provisional(response)
        elif response.is_success:
            self._on_success(response)
        elif not self._attempt.done():
            self._attempt.set_result(response)

    def on_failure(self, error: SipError) -> None:
        """No final response will come."""
        if not self._attempt.done():
            self._attempt.set_exception(error)
            self._attempt.exception()  # seen: the one who waits may have been cancelled

    def on_ended(self) -> None:
        """64*T1 after the first 2xx the dialogs that are still early are over (RFC 3261 §13.2.2.4)."""
        if self._answered:
            self._drop_early("not answered")

    def _on_provisional(self, response: Response) -> None:
        if response.status == 100:
            return
        tag = response.to.tag
        if tag is not None and tag not in self._early and tag not in self._answered:
            try:
                self._early[tag] = Leg(self._stack, self._dialog(response), self._digest)
            except SipParseError as error:
                self._stack.report.counters[f"bad 1xx: {error.reason}"] += 1
        if not self._provisional.full():
            self._provisional.put_nowait(response)

    def _on_success(self, response: Response) -> None:
        tag = response.to.tag or ""
        sent = self._sent_request()
        if tag in self._answered:
            self._stack.spawn(self._answered[tag].acknowledge(sent))
            return
        usable = True
        leg = self._early.pop(tag, None)
        try:
            if leg is None:
                leg = Leg(self._stack, self._dialog(response), self._digest)
            else:
                leg.dialog.confirm(response)
        except SipParseError:
            usable = False
            bare = replace(response, headers=response.headers.without("contact", "record-route"))
            leg = leg or Leg(self._stack, self._dialog(bare), self._digest)
        self._answered[tag] = leg
        wanted = usable and self.leg is None and not self._cancelled
        if wanted:
            self.leg = leg
            if self.on_leg is not None:
                self.on_leg(leg)
        self._stack.spawn(self._acknowledge(leg, sent, response, wanted=wanted))
        if wanted and not self._attempt.done():
            self._attempt.set_result(response)
        elif not self._attempt.done():
            status = 487 if self._cancelled else 502
            self._attempt.set_result(
                make_response(sent, status, "" if self._cancelled else "Bad Contact in 2xx")
            )

    async def _acknowledge(self, leg: Leg, sent: Request, response: Response, *, wanted: bool) -> None:
        answer = b""
        if wanted and self._make_answer is not None and not sent.body:
            answer = self._make_answer(response)
        await leg.acknowledge(sent, answer)
        if not wanted:
            await leg.bye(reason="cancelled" if self._cancelled else "answered elsewhere")

    def _dialog(self, response: Response) -> Dialog:
        return Dialog.of_caller(self._sent_request(), response)

    def _sent_request(self) -> Request:
        if self._sent is not None:
            return self._sent.request
        raise SipParseError("a response before the request")

    def _drop_early(self, reason: str) -> None:
        for leg in self._early.values():
            leg.finish("local", reason)
        self._early.clear()

    def _settle(self, outcome: Response | SipError) -> None:
        if self._final.done():
            return
        if isinstance(outcome, Response) and outcome.is_success:
            self._final.set_result(outcome)
        else:
            error = SipRejected(outcome) if isinstance(outcome, Response) else outcome
            self._drop_early("not answered")
            self._final.set_exception(error)
            self._final.exception()  # seen: nobody has to wait for it
        if self._provisional.full():
            self._provisional.get_nowait()
        self._provisional.put_nowait(None)
