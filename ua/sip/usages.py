"""What shares a dialog with a call, or has one for itself: subscriptions (RFC 6665 §4.5.2, RFC 5057).

A `Leg` is the call of a dialog; its `Usages` are the subscriptions in it. BYE ends the call alone: the dialog
lives until the last usage has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ua.sip.dialog import Dialog
from ua.sip.digest.client import DigestClient
from ua.sip.incoming_request import IncomingRequest
from ua.sip.requests.exchange import Exchange, exchange
from ua.sip.requests.preparation import ContactParams
from ua.sip.stack import Stack
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.transaction.messages import RequestReceived


class Usage(Protocol):
    """A subscription in a dialog."""

    def takes(self, request: Request) -> bool:
        """True for a request of this usage."""

    def receive(self, request: IncomingRequest) -> None:
        """Answer one."""

    def abandon(self) -> None:
        """The endpoint is closed."""


class Usages:
    """The subscriptions of one dialog.

    Args:
        stack: of the endpoint.
        dialog: theirs, and that of the call where there is one.
        digest: answers challenges in the dialog.
        on_empty: called when the last one has ended.
    """

    def __init__(
        self, stack: Stack, dialog: Dialog, digest: DigestClient | None, on_empty: Callable[[], object]
    ) -> None:
        self.stack = stack
        self.dialog = dialog
        self._digest = digest
        self._on_empty = on_empty
        self._usages: list[Usage] = []
        self.referred = 0

    def __bool__(self) -> bool:
        return bool(self._usages)

    def add(self, usage: Usage) -> None:
        """A subscription begins."""
        self._usages.append(usage)

    def remove(self, usage: Usage) -> None:
        """A subscription has ended; the second time nothing happens."""
        if usage in self._usages:
            self._usages.remove(usage)
            if not self._usages:
                self._on_empty()

    def receive(self, event: RequestReceived) -> bool:
        """Hand a request to its usage; false where none takes it. What nobody knows is refused."""
        request = event.request
        for usage in tuple(self._usages):
            if usage.takes(request):
                self.dialog.refresh_target(request)
                usage.receive(IncomingRequest(self.stack, event))
                return True
        status = _unmatched(request)
        if status is not None:
            self.stack.respond(event, make_response(request, status, to_tag=event.to_tag))
        return status is not None

    async def request(
        self,
        method: str,
        *,
        headers: Headers,
        body: bytes = b"",
        content_type: str = "",
        on_draft: Callable[[Request], None] | None = None,
    ) -> Exchange:
        """Send a request in the dialog, with our Contact; what becomes of it does not touch the call.

        `on_draft` sees each attempt before it goes out: its CSeq differs after a challenge. Raises
        SipTimeout, SipUnreachable.
        """

        def draft() -> Request:
            rows = headers.with_rows("content-type", content_type) if body else headers
            request = self.dialog.make_request(method, rows, body)
            if on_draft is not None:
                on_draft(request)
            return request

        contact: ContactParams = ()
        done = await exchange(self.stack, draft, digest=self._digest, contact=contact)
        if done.response.is_success:
            self.dialog.refresh_target(done.response)
        return done

    def abandon(self) -> None:
        """The endpoint is closed."""
        for usage in tuple(self._usages):
            usage.abandon()
        self._usages.clear()


def _unmatched(request: Request) -> int | None:
    """The status for a request of a subscription that is not here, None for other requests.

    A NOTIFY gets 481 (RFC 6665 §4.1.3), a SUBSCRIBE to a REFER that is not known 403 (RFC 3515 §2.4.4).
    """
    if request.method == "NOTIFY":
        return 481
    if request.method != "SUBSCRIBE":
        return None
    package = (request.headers.first("event") or "").partition(";")[0].strip()
    return 403 if package == "refer" else 489


class UsageDialog:
    """A dialog without a call: it lives as long as its subscriptions.

    Attributes:
        dialog: the dialog.
        usages: its subscriptions.
    """

    def __init__(self, stack: Stack, dialog: Dialog, digest: DigestClient | None) -> None:
        self._stack = stack
        self.dialog = dialog
        self.usages = Usages(stack, dialog, digest, self._forget)
        stack.dialogs[dialog.id] = self

    def receive_request(self, event: RequestReceived) -> None:
        """A request of the peer in this dialog."""
        status = 481 if self.dialog.accepts(event.request) else 500
        if status == 500 or not self.usages.receive(event):
            self._stack.respond(event, make_response(event.request, status, to_tag=event.to_tag))

    def receive_ack(self, _: Request, /) -> None:
        """An ACK without an INVITE: nothing to do."""
        self._stack.report.counters["ACK to nothing"] += 1

    def abandon(self) -> None:
        """The endpoint is closed."""
        self.usages.abandon()
        self._forget()

    def _forget(self) -> None:
        self._stack.dialogs.pop(self.dialog.id, None)
