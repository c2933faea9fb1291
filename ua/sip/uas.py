"""The user agent server: what becomes of a new request (RFC 3261 §8.2, §11.2, §12.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ua.sip.dialog import Dialog, DialogId
from ua.sip.errors import SipParseError
from ua.sip.events.subscriptions import Subscriptions
from ua.sip.incoming_request import IncomingRequest
from ua.sip.inspection import accepts_session, capabilities, inspect
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.security import DOWNGRADED, answer_demands_sips, is_downgraded
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transaction.messages import RequestReceived

_AVAILABLE: Final = 200


class UserAgentServer:
    """Gives requests to their dialog; looks at the others, and hands them to the user of the endpoint.

    Args:
        stack: of the endpoint.
        subscriptions: take the first NOTIFYs of their dialogs.
        on_invite: takes calls; without it they get 480.
        on_request: takes other requests outside dialogs; without it they get 405.
        on_register: takes REGISTERs before they are looked at.

    Attributes:
        availability: gives the status that OPTIONS get, as an INVITE would now (RFC 3261 §11.2): 200, 486,
            480; may be set.
        session_capabilities: gives the session description for a 200 to OPTIONS (RFC 3264 §9), empty for
            none; may be set.
    """

    def __init__(
        self,
        stack: Stack,
        subscriptions: Subscriptions,
        *,
        on_invite: Callable[[IncomingInvite], object] | None,
        on_request: Callable[[IncomingRequest], object] | None,
        on_register: Callable[[IncomingRequest], object] | None,
    ) -> None:
        self._stack = stack
        self._subscriptions = subscriptions
        self._on_invite = on_invite
        self._on_request = on_request
        self._on_register = on_register
        self.availability: Callable[[], int] = lambda: _AVAILABLE
        self.session_capabilities: Callable[[], bytes] = bytes

    def receive(self, event: RequestReceived) -> None:
        """A new request, outside or inside a dialog."""
        request = event.request
        if request.method == "REGISTER" and self._on_register is not None:
            self._on_register(IncomingRequest(self._stack, event))
            return
        if "replaces" in request.headers and request.method != "INVITE":
            self._answer(event, 400, "Replaces outside an INVITE")
            return
        if request.to.tag is not None:
            key = DialogId(
                call_id=request.call_id, local_tag=request.to.tag, remote_tag=request.from_.tag or ""
            )
            user = self._stack.dialogs.get(key)
            if user is not None:
                user.receive_request(event)
                return
            if self._subscriptions.receive(event):
                return
            if request.method in self._stack.config.allow:
                self._answer(event, 481)
                return
        refusal = inspect(request, self._stack.config)
        if refusal is not None:
            self._answer(event, *refusal)
        elif request.method == "INVITE":
            self._offer(event)
        elif request.method == "OPTIONS":
            self._answer_options(event)
        elif request.method in ("BYE", "INFO", "NOTIFY"):
            self._answer(event, 481)
        elif self._on_request is None:
            self._answer(event, 405, "", capabilities(self._stack.config).only("allow"))
        else:
            self._on_request(IncomingRequest(self._stack, event))

    def _offer(self, event: RequestReceived) -> None:
        if is_downgraded(event.request):
            self._stack.report.note(DOWNGRADED)
        try:
            leg = Leg(self._stack, Dialog.of_callee(event.request, event.to_tag), None)
        except SipParseError as error:
            self._answer(event, 400, error.reason)
            return
        least = leg.session_timer.too_small(event.request)
        if least is not None:
            leg.finish("local", "session interval too small")
            self._answer(event, 422, "", Headers.of(("Min-SE", least)))
            return
        incoming = IncomingInvite(self._stack, event, leg, is_reinvite=False)
        leg.offered(incoming)
        if self._on_invite is None:
            incoming.reject(480)
            return
        try:
            self._on_invite(incoming)
        except Exception:
            if not incoming.is_answered:
                incoming.reject(500)
            raise

    def _answer_options(self, event: RequestReceived) -> None:
        """Say what an INVITE would get now, and what we can do (RFC 3261 §11.2)."""
        status = self.availability()
        features = tuple((feature, None) for feature in self._stack.config.features)
        sips = answer_demands_sips(event.request)
        contact = NameAddr(uri=self._stack.contact_uri(event.source, sips=sips), params=features)
        rows = capabilities(self._stack.config).with_added(("Contact", contact))
        body = self.session_capabilities() if status == _AVAILABLE and accepts_session(event.request) else b""
        if body:
            rows = rows.with_added(("Content-Type", SDP))
        response = make_response(event.request, status, to_tag=event.to_tag, headers=rows, body=body)
        self._stack.respond(event, response)

    def _answer(
        self, event: RequestReceived, status: int, reason: str = "", headers: Headers | None = None
    ) -> None:
        response = make_response(event.request, status, reason, to_tag=event.to_tag, headers=headers)
        self._stack.respond(event, response)
