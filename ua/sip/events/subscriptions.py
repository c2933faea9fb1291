"""The subscriptions of an endpoint, and the dialogs that they and REFERs make without a call (RFC 6665)."""

from __future__ import annotations

from collections.abc import Callable

from ua.sip.dialog import Dialog
from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipParseError
from ua.sip.events.event import Event
from ua.sip.events.replaces import Replaces, Standing
from ua.sip.events.subscriber import SubscriptionEnded
from ua.sip.events.subscription import Notification, Subscription
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.leg import Leg
from ua.sip.requests.series import RequestSeries
from ua.sip.stack import Stack
from ua.sip.transaction.messages import RequestReceived
from ua.sip.usages import UsageDialog, Usages


class Subscriptions:
    """Ours until their dialogs are there, and dialogs without a call.

    Args:
        stack: of the endpoint.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._waiting: dict[tuple[str, str], Subscription] = {}

    def subscribe(
        self,
        package: str,
        series: RequestSeries,
        digest: DigestClient | None,
        *,
        accept: tuple[str, ...],
        expires: int,
        on_notify: Callable[[Notification], object],
        on_end: Callable[[SubscriptionEnded], object],
    ) -> Subscription:
        """Subscribe to what the target of `series` does; the subscription refreshes itself until it ends.

        `accept` names the body types that are taken, `expires` the seconds to ask for.
        """
        subscription = Subscription(
            self._stack,
            self._waiting,
            series,
            digest,
            event=Event(package=package),
            accept=accept,
            expires=expires,
            on_notify=on_notify,
            on_end=on_end,
        )
        subscription.start()
        return subscription

    def receive(self, event: RequestReceived) -> bool:
        """A request with a tag of ours and no dialog; false where it is no NOTIFY for a subscription here."""
        request = event.request
        subscription = self._waiting.get((request.call_id, request.to.tag or ""))
        if subscription is None or request.method != "NOTIFY":
            return False
        subscription.receive_first(event)
        return True

    def open_dialog(self, incoming: IncomingRequest, digest: DigestClient | None) -> Usages | None:
        """The dialog that a 2xx to a REFER or SUBSCRIBE outside dialogs makes; None where Contact is bad."""
        try:
            dialog = Dialog.of_callee(incoming.request, incoming.to_tag)
        except SipParseError:
            return None
        dialog.confirmed = True
        return UsageDialog(self._stack, dialog, digest).usages

    def standing(self, replaces: Replaces) -> tuple[Standing, Dialog | None]:
        """What stands behind the dialog that a Replaces names (RFC 3891 §3)."""
        user = self._stack.dialogs.get(replaces.dialog_id)
        if user is None:
            return Standing.UNKNOWN, None
        if not isinstance(user, Leg):
            return Standing.NO_CALL, None
        if user.is_over:
            return Standing.ENDED, user.dialog
        if user.dialog.confirmed:
            return Standing.CONFIRMED, user.dialog
        return (Standing.OUR_EARLY if user.dialog.is_caller else Standing.THEIR_EARLY), user.dialog
