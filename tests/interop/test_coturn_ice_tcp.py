"""ICE over TCP relayed by coturn (RFC 6544 §5.5): active and passive, with addresses hidden or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.sockets import HostNetwork
from ice.types import CandidateType, Description, Role, TcpType, Transport
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, Side, exchange_packets
from tests.peers.coturn import coturn
from tests.peers.process import Programs

pytestmark = pytest.mark.peer("coturn")

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


def by_tcp(server: TurnServer, *, only: bool = True) -> IceConfig:
    """TCP by relay, and nothing else where `only`."""
    return replace(CONFIG, turn_servers=(server,), udp_relay=False, relay_only=only, gather_timeout_s=3)


@asynccontextmanager
async def sides(left: IceConfig, right: IceConfig) -> AsyncIterator[tuple[Side, Side]]:
    """An offerer and an answerer, gathered; closed at the end."""
    one = Side(Role.CONTROLLING, HostNetwork(), left, 1)
    two = Side(Role.CONTROLLED, HostNetwork(), right, 1)
    try:
        await one.session.gather()
        await two.session.gather()
        yield one, two
    finally:
        await one.session.close()
        await two.session.close()


def kept(side: Side, *tcptypes: TcpType) -> Description:
    """The description with TCP candidates of these directions alone."""
    candidates = tuple(c for c in side.description.candidates if c.tcptype in tcptypes)
    return replace(side.description, candidates=candidates)


@TRANSPORTS
@pytest.mark.req("ICETCP-4.1-4", "ICETCP-5.5-2", "ICETCP-12-7")
async def test_a_relay_gives_two_candidates_with_one_address(
    programs: Programs, transport: ServerTransport
) -> None:
    async with coturn(programs) as server, sides(by_tcp(server.server(transport)), CONFIG) as (left, _):
        active, passive = left.description.candidates
        assert (active.tcptype, passive.tcptype) == (TcpType.ACTIVE, TcpType.PASSIVE)
        assert active.type is passive.type is CandidateType.RELAY
        assert active.transport is passive.transport is Transport.TCP
        assert active.address == replace(passive.address, port=9)
        assert (active.priority, passive.priority) == (14680063, 10485759)
        assert active.related is passive.related is None


@TRANSPORTS
@pytest.mark.req("ICETCP-5.5-2", "ICETCP-T-1", "ICETCP-T-3", "6062-3")
async def test_we_dial_from_the_relay(programs: Programs, transport: ServerTransport) -> None:
    other = replace(CONFIG, udp=False)
    async with coturn(programs) as server, sides(by_tcp(server.server(transport)), other) as (left, right):
        right.session.set_remote(kept(left, TcpType.ACTIVE))
        left.session.set_remote(kept(right, TcpType.PASSIVE))
        await left.session.completed()
        await right.session.completed()
        ours, theirs = left.session.report().selected, right.session.report().selected
        assert ours is not None and theirs is not None
        assert ours.local.type is theirs.remote.type is CandidateType.RELAY
        assert ours.local.address == theirs.remote.address
        assert ours.local.address.host == HOST
        await exchange_packets(left, right, 1)


@TRANSPORTS
@pytest.mark.req("ICETCP-5.5-1", "ICETCP-T-4", "ICETCP-5.2-6", "6062-5")
async def test_the_peer_dials_the_relay(programs: Programs, transport: ServerTransport) -> None:
    other = replace(CONFIG, udp=False)
    async with coturn(programs) as server, sides(by_tcp(server.server(transport)), other) as (left, right):
        # No candidate of the peer could be paired here; what it dials from must be let in all the same.
        left.session.set_remote(kept(right, TcpType.ACTIVE))
        await server.program.wrote("CREATE_PERMISSION processed, success")
        right.session.set_remote(kept(left, TcpType.PASSIVE))
        await left.session.completed()
        await right.session.completed()
        ours, theirs = left.session.report().selected, right.session.report().selected
        assert ours is not None and theirs is not None
        assert (ours.local.type, ours.local.tcptype) == (CandidateType.RELAY, TcpType.PASSIVE)
        assert theirs.remote.type is CandidateType.RELAY
        assert ours.remote.address == theirs.local.address
        await exchange_packets(left, right, 1)
        # The relay stays for as long as its connection carries the call.
        await until(lambda: len(left.session.report().pairs) > 0)
