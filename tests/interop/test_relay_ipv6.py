"""A host without IPv6 and a peer without IPv4: coturn, which has both, relays."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import Candidate, CandidateType, Description, Role
from tests.ice.sessions import CONFIG, LOOPBACK, Side, connect, exchange_packets
from tests.peers.coturn import coturn
from tests.peers.process import Programs

pytestmark = pytest.mark.peer("coturn")


class OneFamily(HostNetwork):
    """Loopback with one address."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def host_addresses(self) -> Sequence[HostAddress]:
        return [HostAddress(host=self._host, interface=LOOPBACK, loopback=True)]


def relayed(description: Description) -> list[Candidate]:
    return [candidate for candidate in description.candidates if candidate.type is CandidateType.RELAY]


@pytest.mark.req("ICETCP-5-2", "TURN-34")
async def test_a_peer_without_ipv4_is_reached(programs: Programs) -> None:
    async with coturn(programs, more=["relay-ip=::1"]) as server:
        config = replace(
            CONFIG, turn_servers=(server.server(),), relay_ipv6=True, tcp_relay=False, gather_timeout_s=3.0
        )
        left = Side(Role.CONTROLLING, OneFamily("127.0.0.1"), config, 1)
        right = Side(Role.CONTROLLED, OneFamily("::1"), CONFIG, 1)
        try:
            await asyncio.gather(left.session.gather(), right.session.gather())
            assert left.session.report().gathering_problems == ()
            hosts = [candidate.address.host for candidate in relayed(left.description)]
            assert sorted(hosts) == ["127.0.0.1", "::1"]
            priorities = [candidate.priority for candidate in left.description.candidates]
            assert len(set(priorities)) == len(priorities)
            await connect(left, right)
            await exchange_packets(left, right, 1, count=20)
            selected = left.session.report().selected
            assert selected is not None
            assert (selected.local.type, selected.local.address.host) == (CandidateType.RELAY, "::1")
        finally:
            await left.session.close()
            await right.session.close()


@pytest.mark.parametrize(
    ("host", "wanted"), [("127.0.0.1", False), ("::1", True)], ids=["not wanted", "not needed"]
)
@pytest.mark.req("ICETCP-5-2")
async def test_it_is_asked_for_only_where_it_is_wanted_and_needed(
    programs: Programs, host: str, wanted: bool
) -> None:
    async with coturn(programs, more=["listening-ip=::1", "relay-ip=::1"]) as server:
        at = replace(server.server(), host=host)
        config = replace(CONFIG, turn_servers=(at,), relay_ipv6=wanted, tcp_relay=False, gather_timeout_s=3.0)
        side = Side(Role.CONTROLLING, OneFamily(host), config, 1)
        try:
            await side.session.gather()
            assert [candidate.address.host for candidate in relayed(side.description)] == [host]
        finally:
            await side.session.close()


async def test_a_server_without_ipv6_is_told(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = replace(
            CONFIG, turn_servers=(server.server(),), relay_ipv6=True, tcp_relay=False, gather_timeout_s=3.0
        )
        side = Side(Role.CONTROLLING, OneFamily("127.0.0.1"), config, 1)
        try:
            await side.session.gather()
            assert [candidate.address.host for candidate in relayed(side.description)] == ["127.0.0.1"]
            (problem,) = side.session.report().gathering_problems
            assert problem.startswith("TURN server turn:127.0.0.1")
            assert problem.endswith("over IPv6: it relays from IPv4 alone")
        finally:
            await side.session.close()
