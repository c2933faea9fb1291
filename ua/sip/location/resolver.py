"""Asks name servers and the system (RFC 3263 §4)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, assert_never

from ice.gathering.srv import ServiceRecord
from ice.types import TransportAddress
from ua.sip.location.cache import Cache
from ua.sip.location.records import AddressRecord, Answers, Kind, NaptrRecord, Question, Record

if TYPE_CHECKING:
    import dns.asyncresolver

LOOKUP_S: Final = 3.0
"""The longest that a name server is waited for."""

SYSTEM_TTL_S: Final = 10.0
"""Seconds for which addresses from the system are kept: it does not tell for how long they are good."""

NEGATIVE_TTL_S: Final = 30.0
"""Seconds for which it is kept that there are no records (RFC 2308 §5 allows up to hours)."""

SILENT_TTL_S: Final = 5.0
"""Seconds for which a name server that did not answer is not asked the same again."""

MAX_RECORDS: Final = 32
"""Records of one answer that are read."""


class Resolver:
    """Asks, and keeps the answers for as long as they say.

    Args:
        name_servers: who is asked; empty: those of the system, and for addresses whatever the system knows
            (the hosts file included).
        lookup_s: the longest that a name server is waited for.

    Attributes:
        cache: what was answered.
    """

    def __init__(self, name_servers: Sequence[TransportAddress] = (), *, lookup_s: float = LOOKUP_S) -> None:
        self._lookup_s = lookup_s
        self._name_servers = tuple(name_servers)
        self._resolver: dns.asyncresolver.Resolver | None = None
        self.cache = Cache()

    async def ask(self, questions: Iterable[Question], now: float) -> Answers:
        """The answers to questions, asked together; it takes two waits at most."""
        wanted = tuple(dict.fromkeys(questions))
        found = await asyncio.gather(*(self._one(question, now) for question in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _one(self, question: Question, now: float) -> tuple[Record, ...]:
        known = self.cache.get(question, now)
        if known is not None:
            return known
        match question.kind:
            case Kind.NAPTR | Kind.SRV:
                records, ttl = await self._query(question.name, question.kind.value)
            case Kind.ADDRESS:
                records, ttl = await self._addresses(question.name)
            case _:
                assert_never(question.kind)
        self.cache.put(question, records, ttl, now)
        return records

    async def _addresses(self, name: str) -> tuple[tuple[Record, ...], float]:
        if self._name_servers:
            found = await asyncio.gather(self._query(name, "AAAA"), self._query(name, "A"))
            records = tuple(record for answer, _ in found for record in answer)
            if records:
                return records, min(ttl for answer, ttl in found if answer)
        return await self._system(name), SYSTEM_TTL_S

    async def _system(self, name: str) -> tuple[Record, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._lookup_s):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # a timeout is an OSError
            return ()
        hosts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
        return tuple(AddressRecord(host=host) for host in hosts)[:MAX_RECORDS]

    async def _query(self, name: str, kind: str) -> tuple[tuple[Record, ...], float]:
        """The records of a name and the seconds that they are good."""
        # Calls to addresses do without this.
        import dns.exception
        import dns.resolver

        try:
            answer = await self._server().resolve(name, kind, search=False, lifetime=self._lookup_s)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return (), NEGATIVE_TTL_S
        except (dns.exception.DNSException, OSError):
            return (), SILENT_TTL_S
        records = tuple(_record(kind, rdata) for rdata in list(answer)[:MAX_RECORDS])
        return records, float(answer.rrset.ttl) if answer.rrset is not None else 0.0

    def _server(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            import dns.asyncresolver
            import dns.nameserver

            self._resolver = dns.asyncresolver.Resolver(configure=not self._name_servers)
            if self._name_servers:
                self._resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(address.host, address.port)
                    for address in self._name_servers
                ]
        return self._resolver


def _record(kind: str, rdata: Any) -> Record:
    if kind == "NAPTR":
        return NaptrRecord(
            order=rdata.order,
            preference=rdata.preference,
            flags=rdata.flags.decode("ascii", "replace"),
            service=rdata.service.decode("ascii", "replace"),
            regexp=rdata.regexp.decode("ascii", "replace"),
            replacement=rdata.replacement.to_text(),
        )
    if kind == "SRV":
        return ServiceRecord(
            priority=rdata.priority, weight=rdata.weight, port=rdata.port, target=rdata.target.to_text()
        )
    return AddressRecord(host=rdata.address)
