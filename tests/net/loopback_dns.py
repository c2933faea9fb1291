"""A name server on real loopback that knows what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.net.loopback_stun import HOST

TTL_S = 60


class LoopbackDns:
    """The running server.

    Attributes:
        address: where it answers.
        asked: all questions, in order: name and type.
        silent: types that are not answered at all.
    """

    def __init__(self, zone: dict[tuple[str, str], list[str]]) -> None:
        self.address = TransportAddress(host=HOST, port=0)
        self.asked: list[tuple[str, str]] = []
        self.silent: set[str] = set()
        self._zone = zone

    def change(self, entry: tuple[str, str], records: list[str]) -> None:
        """Give a name other records of a type from now on."""
        self._zone[entry] = records

    def answer(self, data: bytes) -> bytes | None:
        """The answer to a query; a name that is in no record does not exist."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if kind in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        records = self._zone.get((name, kind))
        if records:
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", kind, *records))
        elif name not in {known for known, _ in self._zone}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@asynccontextmanager
async def loopback_dns(zone: dict[tuple[str, str], list[str]]) -> AsyncIterator[LoopbackDns]:
    """Run a server on a free port. `zone` has the records of a name and a type, as text."""
    running = LoopbackDns(zone)

    def receive(data: bytes, source: TransportAddress) -> None:
        reply = running.answer(data)
        if reply is not None:
            socket.send(reply, source)

    socket = await HostNetwork().bind_udp(HOST, 0, receive)
    running.address = socket.local
    try:
        yield running
    finally:
        socket.close()
