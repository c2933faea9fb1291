"""A registration that keeps itself alive, over one flow or several (RFC 3261 §10.2, RFC 5626 §4.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ice.net.address_poll import watch_addresses
from ua import clock
from ua.errors import UaError
from ua.events import EventLog
from ua.registration.flow import Flow, RefusedError
from ua.registration.settings import RegistrationSettings
from ua.sip.endpoint import SipEndpoint
from ua.sip.requests.series import RequestSeries
from ua.sip.syntax.uri import Uri

if TYPE_CHECKING:
    from ice.net.network import Network

MAX_FLOWS = 4
"""Outbound proxies that are registered over (RFC 5626 §4.2.1: two at least, four are enough)."""


class Registration:
    """Our Contact at a registrar. `start` it, then `lost` tells when it has gone; `close` removes it.

    What may pass is tried again for as long as it takes; only a refusal ends it.

    Args:
        endpoint: what we register with.
        new_series: makes the REGISTER requests of one flow: one Call-ID (RFC 5626 §4.2.1).
        proxies: outbound proxies; one flow for each, one without a proxy where there is none.
        settings: what the registration is to be like.
        network: whose addresses are watched.
        random: random(n) gives n unpredictable bytes.
        log: event log.
        party: our name in it.
    """

    def __init__(
        self,
        endpoint: SipEndpoint,
        new_series: Callable[[Uri | None], RequestSeries],
        *,
        proxies: Sequence[Uri],
        settings: RegistrationSettings,
        network: Network,
        random: Callable[[int], bytes],
        log: EventLog,
        party: str,
    ) -> None:
        self._endpoint = endpoint
        self._network = network
        self._log = log
        self._party = party
        self._flows = [
            Flow(
                self,
                new_series(proxy),
                endpoint.flows,
                settings,
                number=number,
                proxy=proxy,
                random=random,
            )
            for number, proxy in enumerate(tuple(proxies)[:MAX_FLOWS] or (None,), start=1)
        ]
        self._current = self._flows[0]
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._refused: dict[int, UaError] = {}
        self._end_watch: Callable[[], None] = lambda: None
        self._running = False

    @property
    def contact(self) -> str:
        """The URI that the registrar knows us by, empty before."""
        return self._current.contact

    @property
    def expires_s(self) -> float:
        """Seconds that it granted last."""
        return self._current.expires_s

    @property
    def is_alive(self) -> bool:
        """True while calls can reach us."""
        return any(flow.is_alive for flow in self._flows)

    async def start(self) -> None:
        """Register for the first time; raises UaError where every registrar refuses or does not answer."""
        results = await asyncio.gather(*(flow.register() for flow in self._flows), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if not isinstance(error, UaError):
                raise error
        if len(errors) == len(self._flows):
            first = errors[0]
            raise first.error if isinstance(first, RefusedError) else first
        for flow, result in zip(self._flows, results, strict=True):
            if isinstance(result, UaError):
                self.changed(flow, "retrying", result.what)
            flow.keep()
        self._running = True
        self._end_watch = watch_addresses(self._network, self._on_address_gone)

    async def lost(self) -> None:
        """Never return while the registration may stand; raises the UaError that ended it."""
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Remove our Contact; a registrar that does not answer will forget it by itself."""
        if not self._running:
            return
        self._running = False
        self._end_watch()
        silent = [flow for flow, done in zip(self._flows, await self._close_flows(), strict=True) if not done]
        for flow in silent:
            self._tell(flow, "not removed", "the registrar has not answered the last request")
        self._lost.cancel()

    async def _close_flows(self) -> list[bool]:
        return await asyncio.gather(*(flow.close() for flow in self._flows))

    # what the flows say (FlowOwner)

    def some_alive(self, but: Flow) -> bool:
        """True where another flow stands."""
        return any(flow.is_alive for flow in self._flows if flow is not but)

    def changed(self, flow: Flow, state: str, reason: str = "") -> None:
        """Something happened to a flow: requests go by one that stands."""
        if not self._current.is_alive:
            self._current = next((each for each in self._flows if each.is_alive), self._current)
        if self._current.is_alive:
            self._endpoint.routing.use(
                self._current.proxy, self._current.service_route, outbound=self._current.is_outbound
            )
        self._tell(flow, state, reason)

    def ended(self, flow: Flow, error: UaError) -> None:
        """A registrar refused for good; the last one ends the registration."""
        self._refused[flow.number] = error
        self.changed(flow, "lost", error.what)
        if len(self._refused) == len(self._flows) and not self._lost.done():
            self._lost.set_exception(error)
            self._lost.exception()  # seen: nobody has to wait for it

    # inside

    def _on_address_gone(self, host: str) -> None:
        for flow in self._flows:
            if flow.contact and Uri.parse(flow.contact).host.strip("[]") == host:
                flow.move(f"the address {host} is gone")

    def _tell(self, flow: Flow, state: str, reason: str) -> None:
        self._log.record(
            clock.now(),
            self._party,
            "sip",
            "registration",
            state=state,
            contact=flow.contact,
            expires_s=flow.expires_s,
            flow=flow.number if len(self._flows) > 1 else 0,
            proxy="" if flow.proxy is None else str(flow.proxy),
            reason=reason,
        )
