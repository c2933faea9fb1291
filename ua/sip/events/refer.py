"""REFER in both roles on the wire (RFC 3515): asking a peer to call somebody, and being asked."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.sip.errors import SipError, SipParseError, SipTimeout
from ua.sip.events.event import Event, SubscriptionState
from ua.sip.events.notification import Notifying
from ua.sip.events.notifier import Notifier, Package
from ua.sip.events.refer_to import Referral, ReferTo
from ua.sip.events.sipfrag import CONTENT_TYPE, SipFrag
from ua.sip.events.subscriber import Subscriber, SubscriptionEnded
from ua.sip.events.subscription import SubscriberClock
from ua.sip.incoming_request import IncomingRequest
from ua.sip.rejection import SipRejected
from ua.sip.requests.exchange import Exchange
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.usages import Usages

REFER: Final = "refer"

PACKAGE: Final = Package(name=REFER, content_type=CONTENT_TYPE, min_expires=1, default_expires=300)
"""Five minutes: longer than an INVITE may ring (RFC 3261 §16.6 timer C is three)."""


class OutgoingRefer:
    """A REFER of ours in a dialog, with the subscription that it makes.

    Args:
        usages: of the dialog.
        refer_to: whom the peer shall call.
        referred_by: who asks.

    Attributes:
        outcome: what became of the call that the peer was asked for: the last status it told. Raises
            SipRejected where the REFER was refused, SipTimeout or another SipError where nothing was told.
        progress: the last status told, None before.
    """

    def __init__(self, usages: Usages, refer_to: ReferTo, *, referred_by: NameAddr) -> None:
        self._usages = usages
        self._stack = usages.stack
        self._refer_to = refer_to
        self._referred_by = referred_by
        self._numbers: set[str] = set()
        self.progress: SipFrag | None = None
        self.outcome: asyncio.Future[SipFrag] = asyncio.get_running_loop().create_future()
        core = Subscriber(expires=PACKAGE.default_expires, timers=self._stack.config.timers, implicit=True)
        self._clock = SubscriberClock(self._stack, core, send=self._refresh, on_end=self._ended)
        usages.add(self)

    async def send(self) -> None:
        """Send it and wait for the answer; raises SipRejected, SipTimeout, SipUnreachable."""
        headers = Headers.of(
            ("Refer-To", self._refer_to), ("Referred-By", self._referred_by), ("Supported", "norefersub")
        )
        self._clock.core.start(self._stack.now())
        self._clock.pump()
        try:
            done = await self._usages.request("REFER", headers=headers, on_draft=self._drafted)
        except SipError as error:
            self._fail(error)
            self._clock.failed(error)
            raise
        if not done.response.is_success:
            rejection = SipRejected(done.response)
            self._fail(rejection)
            self._clock.answered(done)
            raise rejection
        if (done.response.headers.first("refer-sub") or "").strip().lower() == "false":
            self._fail(SipTimeout("the other side does not tell what becomes of the call"))
        self._clock.answered(done)

    # as a usage of its dialog

    def takes(self, request: Request) -> bool:
        """True for a NOTIFY of this REFER; one without an id is taken by the oldest (RFC 3515 §2.4.6)."""
        try:
            event = Event.of(request)
        except SipParseError:
            return False
        known = event.id is None or event.id in self._numbers
        return request.method == "NOTIFY" and event.package == REFER and known

    def receive(self, request: IncomingRequest) -> None:
        """Answer a NOTIFY; it may come before the 202."""
        message = request.request
        try:
            state = SubscriptionState.of(message)
            told = SipFrag.parse(message.body) if message.body else None
        except SipParseError as error:
            request.respond(400, error.reason)
            return
        if message.body and message.content_type != CONTENT_TYPE:
            request.respond(415, headers=Headers.of(("Accept", CONTENT_TYPE)))
            return
        request.respond(200)
        self.progress = told or self.progress
        if told is not None and told.is_final and not self.outcome.done():
            self.outcome.set_result(told)
        self._clock.core.notified(state, self._stack.now())
        self._clock.pump()

    def abandon(self) -> None:
        """The endpoint is closed; our clock hears of it too."""

    # inside

    def _drafted(self, request: Request) -> None:
        self._numbers.add(str(request.cseq.number))

    async def _refresh(self, expires: int) -> Exchange:
        """The call takes longer than the time that the subscription has."""
        number = max(self._numbers, key=int)
        headers = Headers.of(("Event", Event(package=REFER, id=number)), ("Expires", expires))
        return await self._usages.request("SUBSCRIBE", headers=headers)

    def _fail(self, error: SipError) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # seen: nobody has to wait for it

    def _ended(self, end: SubscriptionEnded) -> None:
        self._usages.remove(self)
        self._fail(SipTimeout(f"the other side did not tell what became of the call: {end.reason}"))


class IncomingRefer:
    """A REFER of a peer that can be acted on. Answer it at once with `accept` or `refuse`.

    Args:
        usages: of its dialog.
        request: the REFER.
        referral: what it asks for.

    Attributes:
        referral: what it asks for.
        request: the REFER.
    """

    def __init__(self, usages: Usages, request: IncomingRequest, referral: Referral) -> None:
        self._usages = usages
        self._incoming = request
        self.request: Request = request.request
        self.referral = referral
        self._notifying: Notifying | None = None
        usages.referred += 1
        number = str(self.request.cseq.number)
        is_first = usages.referred == 1
        self._event = Event(package=REFER, id=None if is_first else number)
        self._ids: frozenset[str | None] = frozenset({None, number} if is_first else {number})

    def refuse(self, status: int) -> None:
        """Answer with a final response of 300 to 699: there is no subscription then."""
        self._incoming.respond(status)

    def accept(self) -> None:
        """Answer 202 and tell that it is being tried; or 200 without any NOTIFY, where that is wished."""
        stack = self._usages.stack
        self._usages.dialog.refresh_target(self.request)
        headers = Headers.of(("Contact", NameAddr(uri=stack.contact_uri(self._incoming.source))))
        if not self.referral.wants_subscription:
            self._incoming.respond(200, headers=headers.with_added(("Refer-Sub", "false")))
            return
        self._incoming.respond(202, headers=headers)
        core = Notifier(expires=PACKAGE.default_expires, body=bytes(SipFrag.of(100)), now=stack.now())
        self._notifying = Notifying(
            self._usages, event=self._event, package=PACKAGE, core=core, ids=self._ids
        )
        self._notifying.start()

    def tell(self, status: int, reason: str = "") -> None:
        """Tell how the call goes; a final status is the last that is told."""
        if self._notifying is None:
            return
        body = bytes(SipFrag.of(status, reason))
        if status < 200:
            self._notifying.publish(body)
        else:
            self._notifying.finish(body)
