"""A registration that keeps itself alive (RFC 3261 §10.2)."""

from __future__ import annotations

import asyncio
import contextlib

from ua import clock
from ua.call.outgoing import refused_credentials
from ua.errors import CallRejected, UaError
from ua.events import EventLog
from ua.sip.bindings import granted_expires
from ua.sip.errors import SipError, SipTimeout, SipUnreachable
from ua.sip.exchange import Exchange
from ua.sip.series import RequestSeries
from ua.sip.syntax.message import Response

REMOVE_S = 3.0
"""Seconds that a registrar gets to confirm the removal when the phone is switched off."""

FEATURES: tuple[tuple[str, str | None], ...] = (("+sip.ice", None),)
"""What our Contact tells of us (RFC 5768 §4)."""

RETRY_S = 5.0
"""Seconds between attempts to refresh a registration that still stands."""


def refresh_after(expires_s: float) -> float:
    """Seconds after which to refresh: half the time of short registrations, a minute early for long ones."""
    return max(expires_s / 2, expires_s - 60.0)


class Registration:
    """Our Contact at a registrar. `start` it, then `lost` tells when it has gone; `close` removes it.

    Args:
        series: the REGISTER requests of the account.
        expires: seconds to ask for.
        wants_password: true where no password is known.
        log: event log.
        party: our name in it.

    Attributes:
        contact: the URI that the registrar knows us by, empty before.
        expires_s: seconds that it granted last.
    """

    def __init__(
        self, series: RequestSeries, *, expires: int, wants_password: bool, log: EventLog, party: str
    ) -> None:
        self._series = series
        self._asked = expires
        self._wants_password = wants_password
        self._log = log
        self._party = party
        self.contact = ""
        self.expires_s = 0.0
        self._valid_until = 0.0
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Register for the first time; raises UaError where the registrar refuses or does not answer."""
        await self._register()
        self._tell("registered")
        self._task = asyncio.ensure_future(self._keep())

    async def lost(self) -> None:
        """Never return while the registration stands; raises the UaError that ended it."""
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Remove our Contact; a registrar that does not answer will forget it by itself."""
        if self._task is None:
            return
        self._closing.set()
        task, self._task = self._task, None
        await asyncio.wait({task}, timeout=REMOVE_S)
        if not task.done():
            # RFC 3261 §10.2: no REGISTER before the last one has its answer
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._tell("not removed", reason="the registrar has not answered the last request")
            self._lost.cancel()
            return
        if self._lost.done():
            return
        self._lost.cancel()
        with contextlib.suppress(SipError, TimeoutError):
            async with asyncio.timeout(REMOVE_S):
                await self._series.request("REGISTER", contact=(("expires", "0"),))
                self._tell("removed")

    async def _register(self) -> None:
        done = await self._send()
        minimum = done.response.seconds("min-expires")
        if done.response.status == 423 and minimum is not None and minimum > self._asked:
            # RFC 3261 §10.2.8: the registrar wants us to ask for longer.
            self._asked = minimum
            done = await self._send()
        if not done.response.is_success:
            raise self._explained(done.response, done.auth_problem)
        if granted_expires(done.request, done.response) == 0:
            raise CallRejected("the registrar granted no time", sip_code=done.response.status)
        self.contact = str(done.request.contacts[0].uri)
        # A registrar that lists our Contact rewritten, or not at all, is believed to grant what we asked for.
        seconds = granted_expires(done.request, done.response)
        self.expires_s = float(self._asked if seconds is None else seconds)
        self._valid_until = clock.now() + self.expires_s

    async def _send(self) -> Exchange:
        return await self._series.request("REGISTER", contact=(("expires", str(self._asked)), *FEATURES))

    def _explained(self, response: Response, problem: str) -> UaError:
        if response.status in (401, 407):
            return refused_credentials(response, problem, wanted=self._wants_password)
        if response.status == 403:
            return refused_credentials(response, "the registrar forbids it", wanted=False)
        return CallRejected(
            f"the registrar refused: {response.status} {response.reason}", sip_code=response.status
        )

    async def _keep(self) -> None:
        """Refresh until the registrar refuses, or stays silent until the time granted is over."""
        delay = refresh_after(self.expires_s)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._closing.wait()
                    return
            try:
                await self._register()
            except (SipTimeout, SipUnreachable) as error:
                if clock.now() >= self._valid_until:
                    self._end(error)
                    return
                self._tell("retrying", reason=error.what)
                delay = RETRY_S
            except UaError as error:
                self._end(error)
                return
            else:
                self._tell("refreshed")
                delay = refresh_after(self.expires_s)

    def _end(self, error: UaError) -> None:
        self._tell("lost", reason=error.what)
        if not self._lost.done():
            self._lost.set_exception(error)
            self._lost.exception()  # seen: nobody has to wait for it

    def _tell(self, state: str, *, reason: str = "") -> None:
        self._log.record(
            clock.now(),
            self._party,
            "sip",
            "registration",
            state=state,
            contact=self.contact,
            expires_s=self.expires_s,
            reason=reason,
        )
