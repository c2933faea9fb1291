"""What comes to a phone: calls, calls that replace others, transfers, messages, questions of strangers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ua.call import auto_answer
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.call.replacement import EndedCalls, may_replace
from ua.call.surroundings import CallSurroundings
from ua.call.transferred import Place, Transfers
from ua.messages import Messages
from ua.plan import MediaPlan
from ua.sip.dialog import Dialog
from ua.sip.digest.server import Proved, Unproved
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipParseError
from ua.sip.events.notifier import Refusal, judge
from ua.sip.events.replaces import Replaces, Standing, refusal, replaces_of
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.syntax.headers import Headers


class Reception:
    """Answers for a phone, and knows its calls.

    Args:
        around: what the phone lends to calls.
        place: places calls.

    Attributes:
        endpoint: the SIP side of the phone; to be set before anything can come.
        messages: the short messages that come.
        transfers: the calls that others ask us to make.
        do_not_disturb: nobody may ring.
        auto_plan: the media of calls that are answered without a person.
    """

    def __init__(self, around: CallSurroundings, place: Place) -> None:
        self._around = around
        self.endpoint: SipEndpoint | None = None
        self.messages = Messages(around.log, around.party)
        self.transfers = Transfers(around, place)
        self.do_not_disturb = around.account.calls.do_not_disturb
        self.auto_plan = MediaPlan()
        self._calls: set[Call] = set()
        self._ended = EndedCalls()
        self._waiting: asyncio.Queue[IncomingCall] | None = None

    async def close(self) -> None:
        """Hang up every call."""
        await self.transfers.close()
        await asyncio.gather(*(call.close() for call in tuple(self._calls)))

    def calls(self) -> AsyncIterator[IncomingCall]:
        """The calls that arrive from now on, ringing."""
        if self._waiting is None:
            self._waiting = asyncio.Queue(self._around.account.calls.max_calls)
        return _each(self._waiting)

    def keep(self, call: Call) -> None:
        """A call begins."""
        self._calls.add(call)
        call.on_request = self._take_in_call
        call.on_end(self._forget)

    def availability(self) -> int:
        """What an INVITE gets now: 200 rings."""
        calls = self._around.account.calls
        if self.do_not_disturb or (self._waiting is None and calls.auto_answer != "always"):
            return 480
        full = self._waiting is not None and self._waiting.full()
        return 486 if full or len(self._calls) >= calls.max_calls else 200

    def offered(self, incoming: IncomingInvite) -> None:
        """A call is offered."""
        try:
            replaces = replaces_of(incoming.request)
        except SipParseError as error:
            incoming.reject(400, error.reason)
            return
        if replaces is not None:
            self._replace(incoming, replaces)
            return
        status = self.availability()
        wish = auto_answer.asked(incoming.request)
        policy = self._around.account.calls.auto_answer
        after_s = auto_answer.granted(wish, policy, proved=self._is_proved(incoming))
        if status == 200 and auto_answer.refused(wish, after_s):
            status = 403
        if status != 200:
            incoming.reject(status)
            return
        call = IncomingCall(self._around, incoming)
        self.keep(call)
        if after_s is not None:
            call.answer_after(after_s, self.auto_plan)
        waiting = self._waiting
        if waiting is not None:
            call.announce(lambda: waiting.put_nowait(call) if not waiting.full() else call.reject(486))

    def _is_proved(self, incoming: IncomingInvite) -> bool:
        """True where the caller has proved to know our password."""
        if self._around.account.sip.challenge_callers:
            return True  # nobody else gets here
        if self.endpoint is None or "authorization" not in incoming.request.headers:
            return False
        return isinstance(self.endpoint.callers.authenticate(incoming.request), Proved)

    def take(self, request: IncomingRequest) -> None:
        """A request outside dialogs."""
        method = request.request.method
        if method == "MESSAGE":
            self.messages.receive(request, in_call=False)
        elif method == "REFER":
            self._take_refer(request)
        elif method == "SUBSCRIBE":
            self._refuse_subscription(request)
        else:
            allow = () if self.endpoint is None else self.endpoint.config.allow
            request.respond(405, headers=Headers.of(("Allow", ", ".join(allow))))

    def _take_in_call(self, call: Call, leg: Leg, request: IncomingRequest) -> bool:
        """A request in a call that is not about its media; false where it is none of ours."""
        if request.request.method == "REFER":
            self.transfers.receive(request, lambda: leg.usages, call)
        elif request.request.method == "MESSAGE":
            self.messages.receive(request, in_call=True)
        else:
            return False
        return True

    def _replace(self, incoming: IncomingInvite, replaces: Replaces) -> None:
        """A call that wants the place of another one gets it at once, or is refused (RFC 3891 §3)."""
        if self.endpoint is None:
            raise RuntimeError("a reception without an endpoint")
        standing, dialog = self.endpoint.subscriptions.standing(replaces)
        if standing is Standing.UNKNOWN and replaces.dialog_id in self._ended:
            standing = Standing.ENDED
        policy = self._around.account.sip.accept_transfers
        authorised = dialog is not None and may_replace(incoming.request, dialog, policy)
        status = refusal(replaces, standing, authorised=authorised)
        old = next((call for call in self._calls if dialog is not None and _has(call, dialog)), None)
        if status is not None or old is None:
            incoming.reject(481 if status is None else status)
            return
        call = IncomingCall(self._around, incoming, replaces=old)
        self.keep(call)
        call.take_over()

    def _take_refer(self, request: IncomingRequest) -> None:
        """Who asks outside a call must prove to have our own account (RFC 3515 §5.2, RFC 5589 §5)."""
        endpoint = self.endpoint
        verdict = None if endpoint is None else endpoint.callers.authenticate(request.request)
        if endpoint is None or verdict is None:
            request.respond(403)
        elif isinstance(verdict, Unproved):
            request.respond(verdict.status, headers=verdict.headers)
        else:
            self.transfers.receive(request, lambda: endpoint.subscriptions.open_dialog(request, None), None)

    def _refuse_subscription(self, request: IncomingRequest) -> None:
        if (request.request.headers.first("event") or "").partition(";")[0].strip() == "refer":
            request.respond(403)  # RFC 3515 §2.4.4: only a REFER makes such a subscription
            return
        verdict = judge(request.request, {})
        if isinstance(verdict, Refusal):
            request.respond(verdict.status, headers=verdict.headers)

    def _forget(self, call: Call) -> None:
        self._calls.discard(call)
        if call.dialog is not None:
            self._ended.add(call.dialog)


async def _each(waiting: asyncio.Queue[IncomingCall]) -> AsyncIterator[IncomingCall]:
    while True:
        yield await waiting.get()


def _has(call: Call, dialog: Dialog) -> bool:
    """True for the call of a dialog, also where its answer is still to come."""
    return call.dialog is dialog or (call.dialog is None and call.id == dialog.call_id)
