"""A call that we place: INVITE, ringing, answer, cancel (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipTimeout, SipUnreachable
from ua.sip.invite.forks import Forks
from ua.sip.invite.leg import Leg
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.rejection import SipRejected
from ua.sip.retry.attempts import Attempts
from ua.sip.stack import Stack
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response

_MAX_PROVISIONAL = 64


class OutgoingInvite:
    """A call on its way: one INVITE after the other until one is answered or there is nothing more to try.

    Await `answered()` for the 2xx, iterate `provisional()` for what comes before, `cancel()` to give up. Of
    several phones that answer (forks) the first is kept; see `Forks`.

    Attributes:
        leg: the call, once it is answered.
        request: the INVITE as it was sent last, None before.
        on_leg: called with the leg in the moment of the 2xx, before later requests of the peer; may be set.
            It and the others are let go of once the call is over.
        on_early: called with the leg of each phone that rings, before its response is handed out: it may have
            UPDATE from then on; may be set.
        heard: set with the first response, be it a 100.
    """

    def __init__(
        self,
        stack: Stack,
        draft: Callable[[], Request],
        *,
        digest: DigestClient | None,
        make_answer: MakeAnswer | None,
    ) -> None:
        self._stack = stack
        self._draft = draft
        self._digest = digest
        self._make_answer = make_answer
        self.leg: Leg | None = None
        self.request: Request | None = None
        self.heard = asyncio.Event()
        self.on_leg: Callable[[Leg], object] | None = None
        self.on_early: Callable[[Leg], object] | None = None
        self._forks: Forks | None = None
        self._cancelled = False
        self._cancel_headers: Headers | None = None
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._provisional: asyncio.Queue[Response | None] = asyncio.Queue(_MAX_PROVISIONAL)
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
        if self._forks is not None and not self._final.done():
            self._forks.cancel(headers)

    async def _run(self) -> None:
        try:
            self._settle(await self._attempts())
        except SipError as error:
            self._settle(error)
        except asyncio.CancelledError:
            self._settle(SipRejected(Response(status=487, headers=Headers())))
            raise

    async def _attempts(self) -> Response:
        """Send, do what responses ask for, and give the final response."""
        attempts = Attempts(self._digest, self._stack.config.redirects)
        while True:
            request = attempts.amend(self._draft())
            if self._cancelled:
                return make_response(request, 487)
            self._forks = forks = Forks(self._stack, self._digest, self)
            try:
                self.request = await forks.send(request)
                self._cancel_if_wanted(forks)
                response = await forks.final()
            except (SipTimeout, SipUnreachable):
                if self.is_cancelled or not attempts.failed():
                    raise
                self._stack.report.notes(attempts.take_notes())
                continue
            again = attempts.again(self.request, response)
            self._stack.report.notes(attempts.take_notes())
            self.auth_problem = attempts.auth_problem
            if self.is_cancelled or not again:
                return response

    def _cancel_if_wanted(self, forks: Forks) -> None:
        """The caller may have given up while the INVITE found its way."""
        if self._cancelled:
            forks.cancel(self._cancel_headers)

    # what the forks say

    def hear(self) -> None:
        """Somebody is there."""
        self.heard.set()

    @property
    def is_cancelled(self) -> bool:
        """True once the caller gave up."""
        return self._cancelled

    def take_leg(self, leg: Leg) -> bool:
        """A phone answered; the first that is wanted is the call."""
        if self.leg is not None or self._cancelled or self._final.done():
            return False
        self.leg = leg
        leg.ended.add_done_callback(lambda _: self._let_go())
        if self.on_leg is not None:
            self.on_leg(leg)
        return True

    def take_provisional(self, response: Response) -> None:
        """A phone rings, or the network says how far it is."""
        if not self._provisional.full():
            self._provisional.put_nowait(response)

    @property
    def make_answer(self) -> MakeAnswer | None:
        """Gives the SDP for the PRACK or ACK to a response that brought the offer."""
        return self._make_answer

    def take_early(self, leg: Leg) -> None:
        """A phone made an early dialog."""
        if self.on_early is not None:
            self.on_early(leg)

    def _settle(self, outcome: Response | SipError) -> None:
        if self._final.done():
            return
        if isinstance(outcome, Response) and outcome.is_success:
            self._final.set_result(outcome)
        else:
            error = SipRejected(outcome) if isinstance(outcome, Response) else outcome
            if self._forks is not None:
                self._forks.drop_early("not answered")
            self._final.set_exception(error)
            self._final.exception()  # seen: nobody has to wait for it
            self._let_go()
        if self._provisional.full():
            self._provisional.get_nowait()
        self._provisional.put_nowait(None)

    def _let_go(self) -> None:
        """The call is over: what still comes to its INVITE (other phones, repeats) does not hold it."""
        self.on_leg = None
        self.on_early = None
        self._make_answer = None
