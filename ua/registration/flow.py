"""One registration over one flow, kept up (RFC 5626 §4.2, §4.4, §4.5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from ice.stun.message import StunMessage
from ua import clock
from ua.call.outgoing import refused_credentials
from ua.errors import AuthenticationError, CallRejected, UaError
from ua.registration.backoff import uniform
from ua.registration.bindings import granted_expires
from ua.registration.keepalive import Keepalive, between_registers
from ua.registration.outcome import FIRST_HOP_LACKS_OUTBOUND, granted, may_pass
from ua.registration.settings import FEATURES, RegistrationSettings
from ua.registration.upkeep import Upkeep
from ua.sip.errors import SipError, SipTimeout, SipUnreachable
from ua.sip.requests.exchange import Exchange
from ua.sip.requests.preparation import ContactParams
from ua.sip.requests.routing import service_route
from ua.sip.requests.series import RequestSeries
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transport.flows import Flows
from ua.sip.transport.hop import Hop

REMOVE_S = 3.0
"""Seconds that a registrar gets to confirm the removal when the phone is switched off."""


class FlowOwner(Protocol):
    """The registration that the flow belongs to."""

    def some_alive(self, but: Flow) -> bool:
        """True where another flow stands."""

    def changed(self, flow: Flow, state: str, reason: str = "") -> None:
        """Something happened to the flow."""

    def ended(self, flow: Flow, error: UaError) -> None:
        """The registrar refused for good."""


class Flow:
    """Our Contact at a registrar by one way.

    Args:
        owner: hears what happens.
        series: the REGISTER requests of this flow.
        flows: of the endpoint.
        settings: of the registration.
        number: reg-id, the same after each start (RFC 5626 §4.2.1).
        proxy: outbound proxy, None for none.
        random: random(n) gives n unpredictable bytes.

    Attributes:
        proxy: outbound proxy, None for none.
        number: reg-id.
        contact: the URI that the registrar knows us by, empty before.
        expires_s: seconds that it granted last.
        is_alive: True while we are registered and the flow stands.
        is_outbound: True where the servers keep the flow for us.
        service_route: what the registrar told of the way out.
    """

    def __init__(
        self,
        owner: FlowOwner,
        series: RequestSeries,
        flows: Flows,
        settings: RegistrationSettings,
        *,
        number: int,
        proxy: Uri | None,
        random: Callable[[int], bytes],
    ) -> None:
        self._owner = owner
        self._series = series
        self._flows = flows
        self._settings = settings
        self._random = random
        self._asked_s = settings.expires_s
        self._asks_outbound = bool(settings.instance)
        self._upkeep = Upkeep(settings.backoff, random)
        self._keepalive: Keepalive | None = None
        self._is_deaf = False  # the server answered no keep-alive
        self._hop: Hop | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._busy = False
        self._is_refused = False
        self.proxy = proxy
        self.number = number
        self.contact = ""
        self.expires_s = 0.0
        self.is_alive = False
        self.is_outbound = False
        self.service_route: tuple[NameAddr, ...] = ()

    async def register(self) -> None:
        """Register for the first time; raises UaError."""
        try:
            await self._register()
        except UaError:
            self._upkeep.failed(clock.now(), some_alive=False)
            raise
        self._owner.changed(self, "registered")

    def keep(self) -> None:
        """Keep it up from now on, until `close`."""
        self._task = asyncio.ensure_future(self._keep())

    def move(self, reason: str) -> None:
        """Register anew now: this host has another address."""
        if self._task is not None and not self._task.done():
            self._leave(reason)
            self._upkeep.moved(clock.now())
            self._owner.changed(self, "flow failed", reason)
            self._wake.set()

    async def close(self) -> bool:
        """Remove our Contact; False where a request has no answer yet, so that none may follow it."""
        self._closing = True
        self._wake.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait({task}, timeout=REMOVE_S)
            if not task.done():
                # RFC 3261 §10.2: no REGISTER before the last one has its answer
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self._leave("")
                return False
        known = not self._is_refused and clock.now() < self._upkeep.valid_until
        self._stop_watching()
        if task is not None and known:
            with contextlib.suppress(SipError, TimeoutError):
                async with asyncio.timeout(REMOVE_S):
                    await self._series.request(
                        "REGISTER", headers=self._headers(), contact=self._contact_params(0)
                    )
                    self._owner.changed(self, "removed")
        return True

    # what the flow says (FlowWatcher)

    def on_flow_lost(self, reason: str) -> None:
        """The connection is gone, or nobody listens there."""
        if not self._busy and self.is_alive:
            self._fail(reason)

    def on_pong(self) -> None:
        """CRLF came."""
        if self._keepalive is not None:
            self._keepalive.pong(clock.now())
            self._after_keepalive(self._keepalive)
            self._wake.set()

    def on_stun(self, message: StunMessage) -> None:
        """A STUN response came."""
        if self._keepalive is not None:
            self._keepalive.stun(message, clock.now())
            self._after_keepalive(self._keepalive)
            self._wake.set()

    # inside

    async def _keep(self) -> None:
        while await self._wait():
            now = clock.now()
            if self._keepalive is not None:
                self._keepalive.handle_timer(now)
                self._after_keepalive(self._keepalive)
            due = self._upkeep.next_timer()
            if due is not None and due <= now and not await self._try():
                return

    async def _wait(self) -> bool:
        """Until something is due, or somebody wakes us; False where that is to close."""
        if self._closing:
            return False
        timers = [self._upkeep.next_timer()]
        if self._keepalive is not None:
            timers.append(self._keepalive.next_timer())
        until = min((at for at in timers if at is not None), default=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        self._wake.clear()
        return not self._closing

    async def _try(self) -> bool:
        """Register; False where the registrar refuses for good."""
        again = self.is_alive
        try:
            await self._register()
        except (SipTimeout, SipUnreachable) as error:
            self._leave(error.what)
            self._delay(error.seen or error.what, None)
        except RefusedError as refused:
            if not may_pass(refused.response):
                return self._end(refused.error)
            self._delay(refused.error.what, refused.response.seconds("retry-after"))
        except UaError as error:
            return self._end(error)
        else:
            self._owner.changed(self, "refreshed" if again else "registered")
        return True

    def _end(self, error: UaError) -> bool:
        self._is_refused = True
        self._leave(error.what)
        self._owner.ended(self, error)
        return False

    def _delay(self, reason: str, retry_after_s: int | None) -> None:
        now = clock.now()
        self._upkeep.failed(now, some_alive=self._owner.some_alive(self), retry_after_s=retry_after_s)
        if now >= self._upkeep.valid_until:
            self.is_alive = False
        due = self._upkeep.next_timer() or now
        self._owner.changed(self, "retrying", f"{reason}; again in {due - now:.1f} s")

    async def _register(self) -> None:
        """Raises SipTimeout, SipUnreachable, RefusedError, or another UaError."""
        self._busy = True
        try:
            done = await self._send()
            if done.response.status == FIRST_HOP_LACKS_OUTBOUND and self._asks_outbound:
                self._asks_outbound = False
                done = await self._send()
            minimum = done.response.seconds("min-expires")
            if done.response.status == 423 and minimum is not None and minimum > self._asked_s:
                # RFC 3261 §10.2.8: the registrar wants us to ask for longer.
                self._asked_s = minimum
                done = await self._send()
        finally:
            self._busy = False
        if not done.response.is_success:
            raise RefusedError(self._explained(done), done.response)
        # A registrar that lists our Contact rewritten, or not at all, is believed to grant what we asked for.
        seconds = granted_expires(done.request, done.response)
        if seconds == 0:
            raise CallRejected("the registrar granted no time", sip_code=done.response.status)
        self.contact = str(done.request.contacts[0].uri)
        self.expires_s = float(self._asked_s if seconds is None else seconds)
        self.service_route = service_route(done.response)
        self._upkeep.granted(self.expires_s, clock.now())
        self.is_alive = True
        self._use(done)

    async def _send(self) -> Exchange:
        return await self._series.request(
            "REGISTER", headers=self._headers(), contact=self._contact_params(self._asked_s)
        )

    def _headers(self) -> Headers:
        """RFC 5626 §4.2.1: path always, outbound where we ask for it."""
        return Headers.of(("Supported", "outbound, path" if self._asks_outbound else "path"))

    def _contact_params(self, expires_s: int) -> ContactParams:
        params = (("expires", str(expires_s)), *FEATURES)
        if self._settings.instance:
            params += (("+sip.instance", f'"<{self._settings.instance}>"'),)
        if self._asks_outbound:
            params += (("reg-id", str(self.number)),)
        return params

    def _use(self, done: Exchange) -> None:
        """Watch the flow that the REGISTER took."""
        told = granted(done.response)
        self.is_outbound = told.outbound
        if done.hop != self._hop:
            self._stop_watching()
            self._stop_watching = self._flows.watch(done.hop, self)
            self._hop = done.hop
            self._keepalive = None
            self._is_deaf = False
        longest_s = told.flow_timer_s or self._settings.keepalive_s or None
        if self._is_deaf or not told.wants_keepalive(self._settings.keepalive):
            self._keepalive = None
            self._keep_by_register(done.hop, longest_s)
        elif self._keepalive is None:
            self._keepalive = Keepalive(
                reliable=done.hop.reliable, now=clock.now(), random=self._random, longest_s=longest_s
            )
        self._wake.set()
        if not self._flows.is_open(done.hop):
            self._fail("the connection is closed")

    def _keep_by_register(self, hop: Hop, longest_s: float | None) -> None:
        """Over UDP every registrar takes REGISTER for a sign of life, and knows us again if it forgot us."""
        if hop.reliable or self._settings.keepalive in ("outbound", "off"):
            return
        wait = uniform(*between_registers(hop.remote.host, longest_s), self._random)
        self._upkeep.refresh_within(wait, clock.now())

    def _after_keepalive(self, keepalive: Keepalive) -> None:
        for data in keepalive.take_bytes():
            problem = self._flows.keep_alive(self._hop, data) if self._hop is not None else ""
            if problem:
                self._fail(problem)
                return
        if keepalive.answered:
            self._upkeep.proved()
        if not keepalive.failure:
            return
        if keepalive.answered or self.is_outbound:
            self._fail(keepalive.failure)
        else:
            # A server that never took them, and did not say it would: the setting was wrong.
            self._keepalive = None
            self._is_deaf = True
            if self._hop is not None:
                self._keep_by_register(self._hop, self._settings.keepalive_s or None)
            self._owner.changed(self, "no keep-alive", keepalive.failure)

    def _fail(self, reason: str) -> None:
        self._leave(reason)
        self._upkeep.flow_failed(clock.now(), some_alive=self._owner.some_alive(self))
        self._owner.changed(self, "flow failed", reason)
        self._wake.set()

    def _leave(self, reason: str) -> None:
        """Use this flow no more."""
        self.is_alive = False
        self._stop_watching()
        self._keepalive = None
        hop, self._hop = self._hop, None
        if hop is not None and hop.reliable:
            self._flows.drop(hop, reason)

    def _explained(self, done: Exchange) -> UaError:
        response, headers = done.response, done.request.headers
        if response.status in (401, 407):
            return refused_credentials(response, done.auth_problem, wanted=self._settings.wants_password)
        said = f"{response.status} {response.reason}"
        if response.status == 403 and (
            headers.first("authorization") or headers.first("proxy-authorization")
        ):
            # RFC 3261 §21.4.4: understood, and refused for good; many say so to a wrong password as well.
            return AuthenticationError(
                "the registrar refused this user or the password",
                seen=said,
                hint="check auth_user and the password; where they are right, this user may not register "
                "here, or not from this address: the log of the server says which",
            )
        if response.status == 403:
            return CallRejected(
                "the registrar forbids it, without having asked for a password",
                sip_code=403,
                seen=said,
                hint="does it know this user, and take registrations from this address and transport?",
            )
        return CallRejected(f"the registrar refused: {said}", sip_code=response.status)


class RefusedError(UaError):
    """A final response that is no success."""

    def __init__(self, error: UaError, response: Response) -> None:
        super().__init__(error.what)
        self.error = error
        self.response = response
