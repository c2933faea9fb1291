"""From a draft to what is sent: next hop, transport, Via, Contact (RFC 3261 §8.1.1, §18.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ua.sip.config import SipConfig
from ua.sip.dialog import next_hop
from ua.sip.errors import SipUnreachable
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, serialise
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via
from ua.sip.transport.hop import Hop
from ua.sip.transport.layer import TransportLayer
from ua.sip.transport.locate import Target

ContactParams = tuple[tuple[str, str | None], ...] | None
"""Header parameters of our Contact; None for a request without one."""


class Preparation:
    """Makes requests ready for a transport."""

    def __init__(self, config: SipConfig, transport: TransportLayer, new_branch: Callable[[], str]) -> None:
        self._config = config
        self._transport = transport
        self._new_branch = new_branch

    def contact_uri(self, hop: Hop) -> Uri:
        """Our Contact for a neighbour; raises SipUnreachable where there is no way."""
        local = self._transport.sent_by(hop)
        params = () if hop.transport == "udp" else (("transport", hop.transport),)
        return Uri(user=self._config.user or None, host=local.host, port=local.port, params=params)

    async def prepare(self, draft: Request, contact: ContactParams) -> tuple[Request, Hop]:
        """The request with Via and, where asked for, Contact, and the hop to send it by.

        The addresses of the next hop are tried in turn. Raises SipUnreachable.
        """
        failure = SipUnreachable("no address")
        for target in await self._transport.locate(next_hop(draft)):
            try:
                hop = await self._transport.open(target)
                request = self._finish(draft, hop, contact)
                if hop.transport == "udp" and len(serialise(request)) > self._config.udp_max_bytes:
                    request, hop = await self._enlarge(draft, request, hop, contact)
            except SipUnreachable as error:
                failure = error
            else:
                return request, hop
        raise failure

    async def _enlarge(
        self, draft: Request, request: Request, hop: Hop, contact: ContactParams
    ) -> tuple[Request, Hop]:
        """A request that is too long for UDP: by TCP, or by UDP after all where TCP is refused."""
        if "tcp" not in self._transport.local:
            return request, hop
        try:
            tcp = await self._transport.open(
                Target(transport="tcp", address=hop.remote, domain=hop.remote.host)
            )
        except SipUnreachable as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return self._finish(draft, hop, contact), hop
            raise
        return self._finish(draft, tcp, contact), tcp

    def _finish(self, draft: Request, hop: Hop, contact: ContactParams) -> Request:
        local = self._transport.sent_by(hop)
        via = Via(
            transport=hop.transport.upper(),
            host=local.host,
            port=local.port,
            params=(("branch", self._new_branch()), ("rport", None)),
        )
        headers = Headers.of(("Via", via), *draft.headers)
        if contact is not None:
            headers = headers.with_rows("contact", NameAddr(uri=self.contact_uri(hop), params=contact))
        if self._config.user_agent and "user-agent" not in headers:
            headers = headers.with_added(("User-Agent", self._config.user_agent))
        return replace(draft, headers=headers)
