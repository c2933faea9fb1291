"""From a draft to what is sent: next hop, transport, Via, Contact (RFC 3261 §8.1.1, §18.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.location.target import Target
from ua.sip.requests.routing import Routing
from ua.sip.security import demands_sips
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via
from ua.sip.syntax.wire_format import serialise
from ua.sip.transport.hop import Hop
from ua.sip.transport.layer import TransportLayer

ContactParams = tuple[tuple[str, str | None], ...] | None
"""Header parameters of our Contact; None for a request without one."""


class Preparation:
    """Makes requests ready for a transport."""

    def __init__(
        self, config: SipConfig, transport: TransportLayer, new_branch: Callable[[], str], routing: Routing
    ) -> None:
        self._config = config
        self._transport = transport
        self._new_branch = new_branch
        self._routing = routing

    def contact_uri(self, hop: Hop, *, sips: bool = False, flow: bool = True) -> Uri:
        """Our Contact for a neighbour, a sips one on demand; raises SipUnreachable where there is no way.

        What came in the clear asks in vain where nobody can connect to us by TLS. Where the servers keep our
        flows it asks them to send the requests of a dialog by the flow of its first one (RFC 5626 §4.3);
        `flow` is False for REGISTER.
        """
        if sips and not hop.secure:
            if "tls" in self._transport.local:
                hop = replace(hop, transport="tls", connection=None)
            else:
                sips = False
        local = self._transport.sent_by(hop)
        transport = "ws" if hop.transport == "wss" else hop.transport  # RFC 7118 §5.2
        leaves_open = transport == "udp" or (sips and transport == "tls")
        params: list[tuple[str, str | None]] = [] if leaves_open else [("transport", transport)]
        if self._routing.outbound and flow:
            params.append(("ob", None))
        return Uri(
            scheme="sips" if sips else "sip",
            user=self._config.user or None,
            host=local.host,
            port=local.port,
            params=tuple(params),
        )

    async def prepare(self, draft: Request, target: Target, contact: ContactParams) -> tuple[Request, Hop]:
        """The request with Via and, where asked for, Contact, and the hop to send it by.

        Raises SipUnreachable where this target cannot be reached.
        """
        hop = await self._transport.open(target)
        request = self._finish(draft, hop, contact)
        if hop.transport == "udp" and len(serialise(request)) > self._config.udp_max_bytes:
            return await self._enlarge(draft, request, target, hop, contact)
        return request, hop

    async def _enlarge(
        self, draft: Request, request: Request, target: Target, hop: Hop, contact: ContactParams
    ) -> tuple[Request, Hop]:
        """A request that is too long for UDP: by TCP, or by UDP after all where TCP is refused."""
        if "tcp" not in self._transport.spoken:
            return request, hop
        try:
            tcp = await self._transport.open(replace(target, transport="tcp"))
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
            uri = self.contact_uri(hop, sips=demands_sips(draft), flow=draft.method != "REGISTER")
            headers = headers.with_rows("contact", NameAddr(uri=uri, params=contact))
        if self._config.supported and "supported" not in headers and draft.method != "ACK":
            # session timers want to be named in every request (RFC 4028 §7.1)
            headers = headers.with_added(("Supported", ", ".join(self._config.supported)))
        if self._config.user_agent and "user-agent" not in headers:
            headers = headers.with_added(("User-Agent", self._config.user_agent))
        return replace(draft, headers=headers)
