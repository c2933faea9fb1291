"""Where a request may be sent."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import TransportAddress
from ua.sip.transport.hop import SipTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server to try.

    Attributes:
        transport: how.
        address: where.
        domain: the host of the URI before any step through the domain name system: what a certificate must
            name and what the server is told in the TLS handshake (RFC 5922 §4, RFC 3263 §4.1).
    """

    transport: SipTransport
    address: TransportAddress
    domain: str = ""

    def __str__(self) -> str:
        return f"{self.transport} {self.address}"
