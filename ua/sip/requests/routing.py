"""By which way requests leave that belong to no dialog (core; RFC 3261 §8.1.2, RFC 3608, RFC 5626 §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import Hop


class Routing:
    """The preset route set.

    Args:
        proxy: outbound proxy as a loose route, until a registration says something else.

    Attributes:
        preset: the route set of every request outside a dialog, but REGISTER.
        outbound: true while a registration stands whose flows the servers keep for us: our Contact then says
            that all requests of a dialog shall come by the flow of its first one (RFC 5626 §4.3).
        flow_to: gives the flow that leads to a URI, None where its host says the way; a registrar knows flows
            (RFC 5626 §5.3). May be set.
    """

    def __init__(self, proxy: Uri | None) -> None:
        self.preset: tuple[NameAddr, ...] = () if proxy is None else (NameAddr(uri=proxy),)
        self.outbound = False
        self.flow_to: Callable[[Uri], Hop | None] = lambda _: None

    def use(self, proxy: Uri | None, service_route: Sequence[NameAddr], *, outbound: bool) -> None:
        """Go by this proxy and what the registrar told; it may have named the proxy itself."""
        rest = tuple(service_route)
        named = bool(rest) and proxy is not None and _same_place(rest[0].uri, proxy)
        first = () if proxy is None or named else (NameAddr(uri=proxy),)
        self.preset = first + rest
        self.outbound = outbound


def service_route(response: Response) -> tuple[NameAddr, ...]:
    """The Service-Route of a 2xx to REGISTER; none where it cannot be read (RFC 3608 §5)."""
    try:
        return response.addresses("service-route")
    except SipParseError:
        return ()


def _same_place(one: Uri, other: Uri) -> bool:
    ours = one.host.lower(), one.port, one.transport
    return one.scheme == other.scheme and ours == (other.host.lower(), other.port, other.transport)
