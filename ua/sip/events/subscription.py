"""A subscription of ours on the wire: SUBSCRIBEs, and the dialog of a NOTIFY (RFC 6665 §4.1, §4.4.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ua.sip.dialog import Dialog
from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipParseError
from ua.sip.events.event import Event, SubscriptionState
from ua.sip.events.subscriber import Phase, SendSubscribe, Subscriber, SubscriptionChanged, SubscriptionEnded
from ua.sip.incoming_request import IncomingRequest
from ua.sip.requests.exchange import Exchange, exchange
from ua.sip.requests.series import RequestSeries
from ua.sip.stack import Stack
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.transaction.messages import RequestReceived
from ua.sip.usages import UsageDialog, Usages


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a NOTIFY told.

    Attributes:
        body: state of the package, may be empty.
        content_type: of the body, in lower case.
        state: of the subscription.
    """

    body: bytes
    content_type: str
    state: SubscriptionState


class SubscriberClock:
    """Runs a `Subscriber`: sends what it wants with `send`, keeps its timers, tells `on_end`.

    Attributes:
        core: the subscription.
    """

    def __init__(
        self,
        stack: Stack,
        core: Subscriber,
        *,
        send: Callable[[int], Awaitable[Exchange]],
        on_end: Callable[[SubscriptionEnded], object],
    ) -> None:
        self._stack = stack
        self.core = core
        self._send = send
        self._on_end = on_end
        stack.clocks.add(self)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        return self.core.next_timer()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.core.handle_timer(now)
        self.pump()

    def abandon(self) -> None:
        """The endpoint is closed."""
        self._stack.clocks.discard(self)
        if self.core.phase is not Phase.ENDED:
            self._on_end(SubscriptionEnded(reason="the endpoint was closed"))

    def pump(self) -> None:
        """Carry out what the core wants; to be called after each of its inputs."""
        for command in self.core.take_commands():
            self._stack.spawn(self._subscribe(command))
        for event in self.core.take_events():
            match event:
                case SubscriptionEnded():
                    self._stack.clocks.discard(self)
                    self._on_end(event)
                case SubscriptionChanged():
                    self._stack.report.note(f"the subscription is {event.state}")
        self._stack.clocks.changed(self)
        self._stack.pump()

    def answered(self, done: Exchange) -> None:
        """A final response for the core."""
        response = done.response
        self.core.answered(
            response.status,
            expires=response.seconds("expires"),
            min_expires=response.seconds("min-expires"),
            now=self._stack.now(),
        )
        self.pump()

    def failed(self, error: SipError) -> None:
        """No response came."""
        self.core.failed(error.what, self._stack.now())
        self.pump()

    async def _subscribe(self, command: SendSubscribe) -> None:
        try:
            done = await self._send(command.expires)
        except SipError as error:
            self.failed(error)
        else:
            self.answered(done)


class Subscription:
    """A subscription to an event package of somebody else.

    Args:
        stack: of the endpoint.
        waiting: where subscriptions are found by Call-ID and our tag until their dialog is there.
        series: makes the SUBSCRIBEs outside the dialog.
        digest: answers challenges.
        event: what is subscribed to.
        accept: body types that are taken.
        expires: seconds to ask for.
        on_notify: called with what each NOTIFY tells.
        on_end: called once, when it is over.
    """

    def __init__(
        self,
        stack: Stack,
        waiting: dict[tuple[str, str], Subscription],
        series: RequestSeries,
        digest: DigestClient | None,
        *,
        event: Event,
        accept: tuple[str, ...],
        expires: int,
        on_notify: Callable[[Notification], object],
        on_end: Callable[[SubscriptionEnded], object],
    ) -> None:
        self._stack = stack
        self._waiting = waiting
        self._series = series
        self._digest = digest
        self._event = event
        self._accept = accept
        self._on_notify = on_notify
        self._on_end = on_end
        self._key: tuple[str, str] | None = None
        self._cseq = 0
        self._usages: Usages | None = None
        core = Subscriber(expires=expires, timers=stack.config.timers)
        self._clock = SubscriberClock(stack, core, send=self._send, on_end=self._ended)

    def start(self) -> None:
        """Send the first SUBSCRIBE."""
        self._clock.core.start(self._stack.now())
        self._clock.pump()

    def refresh(self) -> None:
        """Ask for the whole state: a part of it was missed."""
        self._clock.core.refresh()
        self._clock.pump()

    def end(self) -> None:
        """Unsubscribe; `on_end` is called once that is settled."""
        self._clock.core.unsubscribe(self._stack.now())
        self._clock.pump()

    def receive_first(self, event: RequestReceived) -> None:
        """A NOTIFY outside any dialog that we know: the first one makes ours, others are forks of it."""
        request = event.request
        if self._usages is not None or not self.takes(request):
            self._stack.respond(event, make_response(request, 481, to_tag=event.to_tag))
            return
        try:
            dialog = Dialog.of_callee(request, request.to.tag or "")
        except SipParseError as error:
            self._stack.respond(event, make_response(request, 400, error.reason, to_tag=event.to_tag))
            return
        dialog.local_cseq, dialog.is_caller, dialog.confirmed = self._cseq, True, True
        ours = UsageDialog(self._stack, dialog, self._digest)
        self._usages = ours.usages
        ours.usages.add(self)
        ours.receive_request(event)

    # as a usage of its dialog

    def takes(self, request: Request) -> bool:
        """True for a NOTIFY of our package and id."""
        try:
            return request.method == "NOTIFY" and Event.of(request) == self._event
        except SipParseError:
            return False

    def receive(self, request: IncomingRequest) -> None:
        """Answer a NOTIFY without asking anybody, then tell what it says."""
        message = request.request
        try:
            state = SubscriptionState.of(message)
        except SipParseError as error:
            request.respond(400, error.reason)
            return
        if message.body and message.content_type not in self._accept:
            request.respond(415, headers=Headers.of(("Accept", ", ".join(self._accept))))
            return
        request.respond(200)
        note = Notification(body=message.body, content_type=message.content_type, state=state)
        self._on_notify(note)
        self._clock.core.notified(state, self._stack.now())
        self._clock.pump()

    def abandon(self) -> None:
        """The endpoint is closed; our clock hears of it too."""

    # inside

    async def _send(self, expires: int) -> Exchange:
        headers = Headers.of(
            ("Event", self._event), ("Expires", expires), ("Accept", ", ".join(self._accept))
        )
        if self._usages is not None:
            return await self._usages.request("SUBSCRIBE", headers=headers)

        def draft() -> Request:
            request = self._series.draft("SUBSCRIBE", headers)
            self._cseq = request.cseq.number
            self._key = (request.call_id, request.from_.tag or "")
            self._waiting[self._key] = self
            return request

        return await exchange(self._stack, draft, digest=self._digest, contact=())

    def _ended(self, end: SubscriptionEnded) -> None:
        if self._key is not None:
            self._waiting.pop(self._key, None)
        if self._usages is not None:
            self._usages.remove(self)
        self._on_end(end)
