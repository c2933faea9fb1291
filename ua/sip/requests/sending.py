"""A request on its way through the servers that may take it (RFC 3263 §4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ua.sip.errors import SipError, SipNoRoute, SipTimeout, SipUnreachable
from ua.sip.location.failover import Failover
from ua.sip.location.target import Target
from ua.sip.requests.preparation import ContactParams
from ua.sip.stack import Stack
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.transaction.messages import ClientKey
from ua.sip.transport.hop import Hop
from ua.sip.users import ClientUser

_UNAVAILABLE = 503


async def start_request(
    stack: Stack, draft: Request, user: ClientUser, *, contact: ContactParams = None
) -> Sending:
    """Find the servers, add Via and (where `contact` gives its header parameters) Contact, and send.

    Where a server fails the request goes to the next one, also later on (RFC 3263 §4.3). Raises
    SipUnreachable. `user` hears everything that follows.
    """
    sending = Sending(stack, draft, user, await stack.locate(draft), contact)
    await sending.start()
    return sending


class Sending:
    """One request of ours: a client transaction for each server, one after the other, and one user.

    It moves on at a 503, where the request could not be handed over, and where nobody says anything. An
    INVITE that nobody has answered is not forgotten: it gets CANCEL at its first 1xx, and if it is answered
    after all, that is one more fork of the call.

    Attributes:
        request: as it was sent last, with Via and Contact.
        hop: where it was sent last.
        key: its last transaction.
        target: the server it was sent to last.
    """

    def __init__(
        self,
        stack: Stack,
        draft: Request,
        user: ClientUser,
        targets: Sequence[Target],
        contact: ContactParams,
    ) -> None:
        self._stack = stack
        self._draft = draft
        self._user = user
        self._contact = contact
        self._failover = Failover(targets, now=stack.now(), total_s=stack.config.timers.timeout)
        self._current: _Attempt | None = None
        self._settled = False
        self._cancel: Headers | None = None
        self.request: Request
        self.hop: Hop
        self.key: ClientKey
        self.target: Target

    async def start(self) -> None:
        """Send to the first server that can be reached; raises SipUnreachable."""
        if not self._failover.is_alone:
            self._stack.clocks.add(self)
        problem = await self._send_next()
        if problem is None and self._current is None:
            problem = SipUnreachable("the SIP endpoint was closed")
        if problem is not None:
            self._settle()
            raise problem

    def cancel(self, headers: Headers | None = None) -> None:
        """CANCEL an INVITE, now or after its first 1xx; it goes to no further server."""
        self._cancel = headers or Headers()
        if self._current is not None:
            self._stack.layer.cancel(self._current.key, self._stack.now(), headers)
            self._stack.pump()

    # what the attempts say

    def on_response(self, attempt: _Attempt, response: Response) -> None:
        """A response from one of the servers."""
        self._stack.locator.standing.answered(attempt.target, self._draft.call_id)
        is_current = attempt is self._current
        if is_current:
            self._failover.heard()
            if response.status > 100:
                attempt.rang = True
        if is_current and response.status == _UNAVAILABLE and not self._settled:
            now = self._stack.now()
            self._stack.locator.standing.shut(attempt.target, response.seconds("retry-after") or 0, now)
            self._failover.failed(f"{response.status} {response.reason}".rstrip())
            if self._may_go_on(now):
                self._go_on()
                return
        if response.is_success and self._draft.method == "INVITE":
            self._on_answer(attempt)
        elif self._settled or not is_current:
            return  # of a server that we have left, or after the final response
        elif response.is_final:
            self._settle()
        self._user.on_response(response)

    def on_failure(self, attempt: _Attempt, error: SipError) -> None:
        """A transaction timed out or could not send."""
        if attempt is not self._current or self._settled:
            return
        self._stack.locator.standing.failed(attempt.target, self._stack.now())
        if attempt.rang or (self._failover.next_timer() is None and isinstance(error, SipTimeout)):
            # A phone rang, or the server was heard: another one might ring it a second time.
            if not self._failover.is_alone and not isinstance(error, SipTimeout):
                self._failover.failed(error.seen or error.what)
            self._fail(error)
            return
        self._failover.failed(error.seen or "no answer")
        if self._may_go_on(self._stack.now()):
            self._go_on()
        else:
            self._fail(error)

    def on_ended(self, attempt: _Attempt) -> None:
        """No response of this server will come any more."""
        if attempt is self._current:
            self._user.on_ended()

    # a clock of the stack

    def next_timer(self) -> float | None:
        """When a silent server is left."""
        return None if self._settled else self._failover.next_timer()

    def handle_timer(self, now: float) -> None:
        """Leave a server that says nothing."""
        attempt = self._current
        if attempt is None or self._settled or not self._failover.is_silent(now):
            return
        self._stack.locator.standing.failed(attempt.target, now)
        self._failover.failed("no answer")
        if not self._may_go_on(now):
            error = SipTimeout(f"no answer to {self._draft.method}")
            self._fail(error)
            self._stack.layer.abandon(attempt.key)
        elif self._draft.method == "INVITE":
            self._stack.layer.cancel(attempt.key, now)
            self._go_on()
        else:
            self._go_on()
            self._stack.layer.abandon(attempt.key)

    def abandon(self) -> None:
        """The endpoint is closed."""
        self._settle()

    # inside

    def _may_go_on(self, now: float) -> bool:
        return self._cancel is None and self._failover.has_next(now)

    def _go_on(self) -> None:
        self._current = None
        self._stack.spawn(self._advance())

    async def _advance(self) -> None:
        try:
            problem = await self._send_next()
        except asyncio.CancelledError:
            if not self._settled:
                self._settle()
                self._user.on_failure(SipUnreachable("the SIP endpoint was closed"))
            raise
        if problem is not None and not self._settled:
            self._fail(problem)

    async def _send_next(self) -> SipError | None:
        """Send to the next server that can be reached; None where it was sent, or needs not be any more."""
        problem: SipError = SipUnreachable(f"{self._draft.method}: there is no server to try")
        while (target := self._failover.next(self._stack.now())) is not None:
            try:
                request, hop = await self._stack.preparation.prepare(self._draft, target, self._contact)
            except SipUnreachable as error:
                problem = error
                if not isinstance(error, SipNoRoute):
                    self._stack.locator.standing.failed(target, self._stack.now())
                self._failover.failed(error.seen or error.what)
                continue
            if self._settled:
                return None
            if self._cancel is not None and self._failover.tried:
                self._settle()
                self._user.on_response(make_response(request, 487))
                return None
            self._send(target, request, hop)
            return None
        return self._explained(problem)

    def _send(self, target: Target, request: Request, hop: Hop) -> None:
        attempt = self._current = _Attempt(self, target)
        self.request, self.hop, self.target = request, hop, target
        self.key = attempt.key = self._stack.begin(request, hop, attempt)
        self._stack.clocks.changed(self)
        self._stack.pump()

    def _on_answer(self, attempt: _Attempt) -> None:
        """A phone answered; where that was through a server we had left, the present one is told."""
        current = self._current
        if current is not None and current is not attempt and not self._settled:
            self._stack.layer.cancel(current.key, self._stack.now())
        self._settle()

    def _fail(self, error: SipError) -> None:
        self._settle()
        self._user.on_failure(self._explained(error))

    def _explained(self, error: SipError) -> SipError:
        """The error, with the servers where there were several."""
        if len(self._failover.tried) < 2:
            return error
        what = f"no server took the {self._draft.method}: tried {self._failover.summary()}"
        kinds = (SipTimeout, SipNoRoute, SipUnreachable)
        kind = next(kind for kind in kinds if isinstance(error, kind))
        explained = kind(what, seen=error.seen, hint=error.hint)
        explained.__cause__ = error
        return explained

    def _settle(self) -> None:
        self._settled = True
        self._stack.clocks.discard(self)


class _Attempt:
    """The transaction with one server.

    Attributes:
        target: the server.
        key: the transaction.
        rang: true once there was more than a 100.
    """

    def __init__(self, sending: Sending, target: Target) -> None:
        self._sending = sending
        self.target = target
        self.key = ClientKey(branch="", method="")
        self.rang = False

    def on_response(self, response: Response) -> None:
        """A response came."""
        self._sending.on_response(self, response)

    def on_failure(self, error: SipError) -> None:
        """None will come."""
        self._sending.on_failure(self, error)

    def on_ended(self) -> None:
        """No response will come any more."""
        self._sending.on_ended(self)
