"""From a SIP URI to addresses (RFC 3263 §4 without NAPTR and SRV)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from ice.types import TransportAddress
from ua.sip.errors import SipUnreachable
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport

DEFAULT_PORTS: Final[dict[SipTransport, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""RFC 3261 §19.1.2, RFC 7118 §5.5."""

MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A transport and an address to try.

    Attributes:
        transport: how to go there.
        address: where to.
        domain: host of the URI that was located, before any step in the DNS; a certificate must name it
            (RFC 5922 §4).
    """

    transport: SipTransport
    address: TransportAddress
    domain: str


async def locate(
    uri: Uri, *, transports: tuple[SipTransport, ...], family: socket.AddressFamily
) -> tuple[Target, ...]:
    """Where to send a request for this URI, best first.

    The transport parameter decides, else the first of `transports`; maddr replaces the host (RFC 3263 §4.1).
    Raises SipUnreachable where the name has no address of `family` or the transport is not ours.
    """
    if not uri.is_sip:
        raise SipUnreachable(f"{uri.scheme} URIs cannot be called", hint="use sip:user@host")
    wanted = uri.transport or transports[0]
    if uri.scheme == "sips":
        wanted = {"udp": "", "tcp": "tls", "ws": "wss"}.get(wanted, wanted) if uri.transport else "tls"
        if not wanted:
            raise SipUnreachable("a sips URI cannot be reached over UDP", hint="leave out transport=udp")
    transport = next((known for known in transports if known == wanted), None)
    if transport is None:
        raise SipUnreachable(f"transport {wanted} is not in use here")
    host = (uri.param("maddr") or uri.host).strip("[]")
    port = uri.port or DEFAULT_PORTS[transport]
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        hosts = await _resolve(host, port, family)
    else:
        hosts = [str(literal)]
        if (literal.version == 6) != (family == socket.AF_INET6):
            raise SipUnreachable(f"no IPv{literal.version} socket to reach {host}")
    return tuple(
        Target(transport=transport, address=TransportAddress(host=address, port=port), domain=host)
        for address in hosts
    )


async def _resolve(host: str, port: int, family: socket.AddressFamily) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SipUnreachable(f"the name {host} has no address", seen=error.strerror or str(error)) from error
    hosts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not hosts:
        raise SipUnreachable(f"the name {host} has no address")
    return hosts[:MAX_ADDRESSES]
