"""Where the servers behind a name are: service records, then addresses (RFC 8489 §8, RFC 8656 §5)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ice.config import IceConfig
from ice.gathering.servers import StunServer, TurnServer
from ice.gathering.srv import ServiceRecord, in_order
from ice.types import TransportAddress

MAX_TARGETS = 4
"""Hosts of one domain that are tried."""

LOOKUP_S = 5.0
"""The longest that a name server is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One host to ask.

    Attributes:
        addresses: its IP addresses, one of each family, in the order of preference.
        port: where it listens.
    """

    addresses: tuple[str, ...]
    port: int


class ServerNames:
    """Finds the hosts behind the names of servers.

    Args:
        patience_s: seconds that service records are waited for where there are addresses already.
        name_servers: who is asked; empty: those of the system, and for addresses whatever the system knows.
    """

    def __init__(self, *, patience_s: float, name_servers: Sequence[TransportAddress] = ()) -> None:
        self._patience_s = patience_s
        self._name_servers = tuple(name_servers)

    async def targets(self, server: StunServer | TurnServer) -> tuple[Target, ...]:
        """The hosts to ask, in the order in which they are tried; at least one.

        A server whose URI names a port, or an address, is where it says. For others the domain tells by its
        service records; where there are none, the host of that name is asked at the default port.

        Raises:
            OSError: there is none; the text says why.
        """
        if not server.srv:
            return (Target(addresses=await self._addresses(server.host), port=server.port),)
        plain = asyncio.ensure_future(self._addresses(server.host))
        try:
            records = await self._records(server, plain)
            if records:
                return await self._located(server, records)
            return (Target(addresses=await plain, port=server.port),)
        finally:
            plain.cancel()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await plain

    async def _records(
        self, server: StunServer | TurnServer, plain: asyncio.Future[tuple[str, ...]]
    ) -> tuple[ServiceRecord, ...]:
        """The service records; none also where they are late and there are addresses."""
        protocol = "udp" if server.transport == "udp" else "tcp"
        lookup = asyncio.ensure_future(self._query(f"_{server.srv}._{protocol}.{server.host}", "SRV"))
        try:
            await asyncio.wait((lookup,), timeout=self._patience_s)
            if not lookup.done():
                await asyncio.wait((lookup, plain), return_when=asyncio.FIRST_COMPLETED)
            if not lookup.done() and plain.exception() is None:
                return ()
            found = await lookup
        finally:
            lookup.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lookup
        records = (
            ServiceRecord(
                priority=rdata.priority, weight=rdata.weight, port=rdata.port, target=rdata.target.to_text()
            )
            for rdata in found
        )
        return in_order(records, secrets.token_bytes)

    async def _located(
        self, server: StunServer | TurnServer, records: Sequence[ServiceRecord]
    ) -> tuple[Target, ...]:
        offered = [record for record in records if record.offered][:MAX_TARGETS]
        if not offered:
            raise OSError(f"{server.host} offers no such service")
        found = await asyncio.gather(
            *(self._addresses(record.target.rstrip(".")) for record in offered), return_exceptions=True
        )
        targets = []
        problems = []
        for record, addresses in zip(offered, found, strict=True):
            if isinstance(addresses, tuple):
                targets.append(Target(addresses=addresses, port=record.port))
            elif isinstance(addresses, OSError):
                problems.append(str(addresses))
            else:
                raise addresses
        if not targets:
            raise OSError("; ".join(problems))
        return tuple(targets)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        if not self._name_servers:
            return await addresses_of(host)
        with contextlib.suppress(ValueError):
            return (str(ipaddress.ip_address(host)),)
        found = await asyncio.gather(self._query(host, "AAAA"), self._query(host, "A"))
        addresses = tuple(answers[0].address for answers in found if answers)
        if not addresses:
            raise OSError(f"the name server knows no address of {host}")
        return addresses

    async def _query(self, name: str, kind: str) -> list[Any]:
        """The records of a name; none where there are none or nobody tells."""
        # Most sessions know their servers by address, and do without this.
        import dns.asyncresolver
        import dns.exception
        import dns.nameserver

        with contextlib.suppress(dns.exception.DNSException):
            resolver = dns.asyncresolver.Resolver(configure=not self._name_servers)
            if self._name_servers:
                resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(address.host, address.port)
                    for address in self._name_servers
                ]
            return list(await resolver.resolve(name, kind, search=False, lifetime=LOOKUP_S))
        return []


def server_names(config: IceConfig) -> ServerNames:
    """What finds the servers of a session: half of its deadline for service records, half to ask."""
    return ServerNames(patience_s=config.gather_timeout_s / 2, name_servers=config.name_servers)


async def addresses_of(host: str) -> tuple[str, ...]:
    """One IP address of each family, in the order of the system's preference; a literal is its own.

    Raises:
        OSError: the name has no address.
    """
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no host name") from error
    first: dict[int, str] = {}
    for family, _, _, _, name in found:
        if family in (socket.AF_INET, socket.AF_INET6):
            first.setdefault(family, str(name[0]).partition("%")[0])
    return tuple(first.values())
