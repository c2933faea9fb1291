"""A subscription of somebody else on the wire (RFC 6665 §4.2): NOTIFYs, refreshes, the end."""

from __future__ import annotations

from collections.abc import Callable

from ua.sip.errors import SipError, SipParseError
from ua.sip.events.event import Event
from ua.sip.events.notifier import Grant, Notifier, Package, SendNotify, judge
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.usages import Usages


class Notifying:
    """One subscription to us, as a usage of its dialog. The first NOTIFY goes out with `start`.

    Args:
        usages: of the dialog.
        event: what is subscribed to; the NOTIFYs repeat it.
        package: its package.
        core: the subscription.
        ids: values of the id parameter that mean this one, None for a missing one.
        on_end: called when it is over.
    """

    def __init__(
        self,
        usages: Usages,
        *,
        event: Event,
        package: Package,
        core: Notifier,
        ids: frozenset[str | None] | None = None,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self._usages = usages
        self._stack = usages.stack
        self._event = event
        self._package = package
        self._core = core
        self._ids = frozenset({event.id}) if ids is None else ids
        self._on_end = on_end
        usages.add(self)
        self._stack.clocks.add(self)

    def start(self) -> None:
        """Send what the core has to say."""
        for command in self._core.take_commands():
            self._stack.spawn(self._notify(command))
        if self._core.ended:
            self._forget()
        self._stack.clocks.changed(self)
        self._stack.pump()

    def publish(self, body: bytes) -> None:
        """The state has changed."""
        self._core.publish(body, self._stack.now())
        self.start()

    def finish(self, body: bytes) -> None:
        """The state will not change any more."""
        self._core.finish(body, self._stack.now())
        self.start()

    # as a usage of its dialog

    def takes(self, request: Request) -> bool:
        """True for a SUBSCRIBE that refreshes this one."""
        try:
            event = Event.of(request)
        except SipParseError:
            return False
        return (
            request.method == "SUBSCRIBE" and event.package == self._event.package and event.id in self._ids
        )

    def receive(self, request: IncomingRequest) -> None:
        """Refresh it, or end it."""
        verdict = judge(request.request, {self._package.name: self._package})
        if not isinstance(verdict, Grant):
            request.respond(verdict.status, headers=verdict.headers)
            return
        if self._core.is_ending:
            request.respond(481)
            return
        contact = NameAddr(uri=self._stack.contact_uri(request.source))
        request.respond(200, headers=Headers.of(("Expires", verdict.expires), ("Contact", contact)))
        self._core.refresh(verdict.expires, self._stack.now())
        self.start()

    def abandon(self) -> None:
        """The endpoint is closed."""
        self._stack.clocks.discard(self)

    # as a clock of the stack

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        return self._core.next_timer()

    def handle_timer(self, now: float) -> None:
        """Tell what is due."""
        self._core.handle_timer(now)
        self.start()

    async def _notify(self, command: SendNotify) -> None:
        headers = Headers.of(("Event", self._event), ("Subscription-State", command.state))
        try:
            done = await self._usages.request(
                "NOTIFY", headers=headers, body=command.body, content_type=self._package.content_type
            )
        except SipError as error:
            self._stack.report.note(f"NOTIFY was not answered: {error.what}")
            status = 408
        else:
            status = done.response.status
        self._core.answered(status, self._stack.now())
        self.start()

    def _forget(self) -> None:
        if self in self._stack.clocks:
            self._stack.clocks.discard(self)
            self._usages.remove(self)
            self._on_end()
