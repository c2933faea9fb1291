"""Where a message came from or goes to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from ice.types import TransportAddress
from ua.sip.syntax.grammar import is_address
from ua.sip.syntax.message import Request
from ua.sip.syntax.via import Via

SipTransport = Literal["udp", "tcp", "tls", "ws", "wss"]
"""How SIP messages travel: datagrams, streams, WebSockets (RFC 3261 §18, RFC 7118)."""

OVER_TLS: Final[frozenset[str]] = frozenset({"tls", "wss"})
OVER_WEBSOCKET: Final[frozenset[str]] = frozenset({"ws", "wss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One neighbour.

    Attributes:
        transport: "udp", "tcp", "tls", "ws" or "wss".
        remote: its address and port.
        connection: number of the connection, None for UDP.
    """

    transport: SipTransport
    remote: TransportAddress
    connection: int | None = None

    @property
    def reliable(self) -> bool:
        """True where the transport repeats what is lost."""
        return self.transport != "udp"

    @property
    def secure(self) -> bool:
        """True over TLS."""
        return self.transport in OVER_TLS

    def __str__(self) -> str:
        return f"{self.transport}:{self.remote}"


def note_source(request: Request, source: Hop) -> Request:
    """The request with received and rport written into its top Via (RFC 3261 §18.2.1, RFC 3581 §4)."""
    return request.with_via(request.via.with_source(source.remote.host, source.remote.port))


def response_hop(request: Request, source: Hop) -> Hop:
    """Where the responses to a request go (RFC 3261 §18.2.2, RFC 3581 §4).

    A stream: back on its connection. UDP: maddr where that is an address, else the source, at rport where the
    request asked for that, else at the sent-by port.
    """
    if source.reliable:
        return source
    via: Via = request.via
    maddr = (via.param("maddr") or "").strip("[]")
    if is_address(maddr):
        return replace(source, remote=TransportAddress(host=maddr, port=via.sent_by_port))
    port = via.sent_by_port if via.param("rport") is None else source.remote.port
    return replace(source, remote=TransportAddress(host=source.remote.host, port=port))
