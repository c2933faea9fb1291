"""The SIP endpoint: what the phone is built on.

Placing a call::

    endpoint = SipEndpoint(SipConfig(user="alice"), on_invite=offered, on_log=log)
    await endpoint.start()
    invite = endpoint.invite(
        Uri.parse("sip:bob@example.com"),
        from_=NameAddr.parse("Alice <sip:alice@example.com>"),
        body=offer,                                    # b"" lets the other side offer; then pass make_answer
        credentials=(Credentials(username="alice", password="..."),),
    )
    async for response in invite.provisional():        # 180, 183 ...; ends with the final response
        ...
    response = await invite.answered()                 # SipRejected, SipTimeout, SipUnreachable
    answer = session_of(response)                      # the ACK is sent by the stack
    leg = invite.leg
    leg.on_reinvite = lambda again: again.accept(new_answer)
    end = await leg.ended                              # or: await leg.bye()
    await endpoint.close()

Being called::

    def offered(incoming: IncomingInvite) -> None:     # called in the event loop; must not block
        offer = session_of(incoming.request)
        incoming.ring()                                # 180; or: incoming.reject(486)
        incoming.on_cancel = ...                       # the caller gave up; 487 was sent
        leg = incoming.accept(answer)                  # 200, repeated until the ACK
        # await incoming.acknowledged()                # SipTimeout: no ACK, the stack has said BYE

    # Early descriptions; reliable where the caller has 100rel (RFC 3262): repeated until the PRACK.
    incoming.ring(183, body=answer)                    # then accept() without a body; it waits for the PRACK
    incoming.ring(183, body=offer)                     # the INVITE had none: on_early_answer gets the answer
    incoming.on_early_answer = ...                     # from the PRACK
    incoming.on_prack_offer = lambda offer: offer.accept(answer)
    if not incoming.can_ring_reliably:                 # an answer may get lost; a STUN check says it has come
        incoming.ring(183, body=answer, sends=None)    # at T1 and doubling (4 with ICE lite), until
        incoming.stop_repeating()                      # the first check; accept() has the same body then

Within a call, early or confirmed, `Leg` says which offers may go now (SipStateError otherwise)::

    invite.on_early = ...                              # the leg of each phone that rings; it sends PRACKs
    leg.on_update = lambda offer: offer.accept(answer) # soon: 504 after 8 s; or offer.reject(488)
    if leg.peer.allows("UPDATE"):
        done = await leg.update(offer)                 # 491 and 500 are waited out, once
    done = await leg.reinvite(offer)                   # b"" asks for an offer: pass make_answer
    leg.current_offer = ...                            # the description for a session refresh by re-INVITE
    await leg.bye(reason="no media", cause=503)        # with a Reason header (RFC 3326)

Session timers (RFC 4028) are agreed and served by the stack: `SipConfig.session_expires`, 0 to ask for none.
100rel, UPDATE and the timer are switched off by leaving them out of `SipConfig.supported` and `allow`.

Registering::

    series = endpoint.series(target=registrar, from_=aor, to=aor, credentials=credentials)
    done = await series.request("REGISTER", contact=(("expires", "300"),))
    # done.response.status; done.request.contacts[0] is ours: look for it in done.response.contacts
    # (Uri.same_as); 423: done.response.seconds("min-expires"). Refresh and remove with the same series:
    # contact=(("expires", "0"),).

OPTIONS are answered by the endpoint: 200, or what `server.availability` says. Every message in and out goes
to `on_log`.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from ice.types import TransportAddress
from ua.sip.callers import Callers
from ua.sip.config import SipConfig
from ua.sip.digest.client import DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.errors import SipStateError
from ua.sip.events.subscriber import SubscriptionEnded
from ua.sip.events.subscription import Notification, Subscription
from ua.sip.events.subscriptions import Subscriptions
from ua.sip.incoming_request import IncomingRequest
from ua.sip.inspection import call_capabilities
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.invite.session_timer import SessionTimer
from ua.sip.log import SipLogEntry
from ua.sip.requests.exchange import Exchange
from ua.sip.requests.routing import Routing
from ua.sip.requests.series import RequestSeries
from ua.sip.security import is_sips
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.uri_headers import headers_of
from ua.sip.syntax.wire_format import serialise
from ua.sip.transport.flows import Flows
from ua.sip.transport.hop import SipTransport
from ua.sip.uas import UserAgentServer

_ADDED_LATER: Final = 190
_CREDENTIALS: Final = 260


class SipEndpoint:
    """Sockets, transactions and dialogs of one phone.

    After `start` you must call `close`. Callbacks run in the event loop and must not block; an exception in
    one is reported to the loop's exception handler, and the request gets 500.

    Attributes:
        server: takes requests; knows what OPTIONS are answered.
        subscriptions: ours, and the dialogs without calls.
        callers: who may send us requests, and proves it.
    """

    def __init__(
        self,
        config: SipConfig,
        *,
        on_invite: Callable[[IncomingInvite], object] | None = None,
        on_request: Callable[[IncomingRequest], object] | None = None,
        on_register: Callable[[IncomingRequest], object] | None = None,
        on_log: Callable[[SipLogEntry], None] | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Take settings and callbacks; nothing is opened yet. Must be called in a running event loop.

        Args:
            config: settings.
            on_invite: takes calls; without it they get 480.
            on_request: takes other requests outside dialogs that `config.allow` names; without it they get
                405.
            on_register: takes REGISTERs as they come: a registrar has its own order of checks (RFC 3261
                §10.3).
            on_log: gets every message, refusal and connection.
            random: n unpredictable bytes, for tags, branches, Call-IDs and client nonces.
        """
        self._config = config
        self._random = random
        self._stack = Stack(
            config,
            random=random,
            on_log=on_log or (lambda _: None),
            on_request=lambda event: self.server.receive(event),
        )
        self.subscriptions = Subscriptions(self._stack)
        self.server = UserAgentServer(
            self._stack,
            self.subscriptions,
            on_invite=on_invite,
            on_request=on_request,
            on_register=on_register,
        )
        self.callers = Callers(self._stack)

    async def start(self) -> None:
        """Bind the sockets; raises SipUnreachable where the address or port is not to be had."""
        await self._stack.start()

    async def close(self) -> None:
        """Close all sockets and end all tasks; say BYE and unregister before."""
        await self._stack.close()

    @property
    def config(self) -> SipConfig:
        """The settings."""
        return self._config

    @property
    def local_addresses(self) -> Mapping[SipTransport, TransportAddress]:
        """Bound address and port by transport."""
        return dict(self._stack.transport.local)

    @property
    def alive(self) -> Mapping[str, int]:
        """Transactions, dialogs, timers and tasks that there are, by kind; empty where all is long over."""
        return self._stack.alive

    @property
    def counters(self) -> Counter[str]:
        """How often what happened: "received", "sent", "refused" ..."""
        return Counter(self._stack.report.counters)

    @property
    def routing(self) -> Routing:
        """By which way requests leave that belong to no dialog."""
        return self._stack.routing

    @property
    def flows(self) -> Flows:
        """What passes between us and our neighbours beside SIP."""
        return self._stack.flows

    async def contact_uri(self, target: Uri) -> Uri:
        """Our Contact as `target` would see it (the kernel's choice of address); raises SipUnreachable."""
        preset = self._stack.routing.preset
        hop = preset[0].uri if preset else target
        return await self._stack.contact_towards(hop, sips=is_sips(target))

    def series(
        self,
        *,
        target: Uri,
        from_: NameAddr,
        to: NameAddr | None = None,
        credentials: tuple[Credentials, ...] = (),
        routes: tuple[NameAddr, ...] | None = None,
    ) -> RequestSeries:
        """Requests outside dialogs that share Call-ID and From tag, e.g. all REGISTERs of an account.

        They leave by `routes`; None takes the way of the time when they leave (`routing`).
        """
        return RequestSeries(
            self._stack,
            target=target,
            from_=NameAddr(uri=from_.uri.as_identity(), name=from_.name),
            to=NameAddr(uri=to.uri.as_identity(), name=to.name) if to else NameAddr(uri=target.as_identity()),
            digest=self._digest(credentials),
            routes=routes,
        )

    async def request(
        self,
        method: str,
        target: Uri,
        *,
        from_: NameAddr,
        to: NameAddr | None = None,
        credentials: tuple[Credentials, ...] = (),
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
    ) -> Exchange:
        """One request outside dialogs, e.g. OPTIONS; its final response, whatever the status.

        Raises SipTimeout or SipUnreachable.
        """
        if method in ("INVITE", "ACK", "CANCEL"):
            raise SipStateError(f"{method} is not sent this way")
        series = self.series(target=target, from_=from_, to=to, credentials=credentials)
        return await series.request(method, headers=headers, body=body, content_type=content_type)

    def invite(
        self,
        target: Uri,
        *,
        from_: NameAddr,
        to: NameAddr | None = None,
        body: bytes = b"",
        content_type: str = SDP,
        headers: Headers | None = None,
        credentials: tuple[Credentials, ...] = (),
        make_answer: MakeAnswer | None = None,
        series: RequestSeries | None = None,
    ) -> OutgoingInvite:
        """Place a call; see `OutgoingInvite`.

        `make_answer` gives the SDP for the ACK or the PRACK where `body` was empty and a response brought the
        offer; it may be a coroutine function. Headers that the URI asks for (?Subject=...) are taken over
        where that does no harm. An INVITE that follows a refused one has the same `series`: one Call-ID, the
        next CSeq (RFC 3261 §8.1.3.5). Raises SipParseError where the URI asks for another method.
        """
        asked = headers_of(target, "INVITE")
        digest = self._digest(credentials)
        numbered = series or self.series(target=target, from_=from_, to=to, credentials=())
        timer = SessionTimer.of(self._config).ask()
        wanted = headers or Headers()
        rows = call_capabilities(self._config).without(*wanted.values).with_added(*timer, *asked, *wanted)

        def draft() -> Request:
            return numbered.draft("INVITE", rows, body, content_type)

        return OutgoingInvite(self._stack, draft, digest=digest, make_answer=make_answer)

    def bytes_without_body(
        self, target: Uri, *, from_: NameAddr, headers: Headers | None = None, authenticated: bool = False
    ) -> int:
        """How long an INVITE is before its body, about: Via, Contact and credentials are estimated."""
        series = self.series(target=target, from_=from_)
        rows = call_capabilities(self._config).with_added(*(headers or ()))
        draft = series.draft("INVITE", rows, b" ")
        return len(serialise(draft)) + _ADDED_LATER + (_CREDENTIALS if authenticated else 0)

    def subscribe(
        self,
        package: str,
        target: Uri,
        *,
        from_: NameAddr,
        accept: tuple[str, ...],
        expires: int,
        on_notify: Callable[[Notification], object],
        on_end: Callable[[SubscriptionEnded], object],
        credentials: tuple[Credentials, ...] = (),
    ) -> Subscription:
        """Subscribe to what `target` does; see `Subscriptions.subscribe`."""
        series = self.series(target=target, from_=from_)
        return self.subscriptions.subscribe(
            package,
            series,
            self._digest(credentials),
            accept=accept,
            expires=expires,
            on_notify=on_notify,
            on_end=on_end,
        )

    def size_of(self, draft: Request) -> int:
        """Bytes of a request outside dialogs, about: Via and credentials are estimated."""
        return len(serialise(draft)) + _ADDED_LATER

    def _digest(self, credentials: tuple[Credentials, ...]) -> DigestClient | None:
        return DigestClient(credentials, self._random) if credentials else None
