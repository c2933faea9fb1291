"""Sessions that ask STUN servers, on real loopback."""

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import replace
from typing import Any

import pytest

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.servers import StunServer, TurnServer
from ice.net.byte_stream import HostByteStream
from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import (
    Candidate,
    CandidateType,
    Description,
    Role,
    SessionState,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, Side, connect, exchange_packets, two
from tests.net.loopback_stun import fails, loopback_stun, old, sees, silence

PUBLIC = "203.0.113.7"
UDP = replace(CONFIG, tcp=False)


def asking(*servers: StunServer, base: IceConfig = UDP, timeout_s: float = 2.0) -> IceConfig:
    return replace(base, stun_servers=servers, gather_timeout_s=timeout_s)


async def gathered(config: IceConfig, components: int = 1) -> tuple[Description, tuple[str, ...]]:
    """What a session tells, and what it complains about."""
    session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING, components=components)
    try:
        description = await session.gather()
        return description, session.report().gathering_problems
    finally:
        await session.close()


def of(description: Description, kind: CandidateType) -> list[Candidate]:
    return [candidate for candidate in description.candidates if candidate.type is kind]


def seen(candidate: Candidate) -> bool:
    return candidate.address.host == HOST


# --- candidates ---


@pytest.mark.req("ICE-5.1.1.2-1", "ICE-5.1.1.3-1", "ICE-5.1.2-1", "ICETCP-F-3", "USE-6")
async def test_every_component_gets_a_server_reflexive_candidate_from_its_own_socket() -> None:
    async with loopback_stun(sees(PUBLIC, port_offset=7)) as stun:
        description, problems = await gathered(asking(stun.server, base=CONFIG), components=2)
    assert problems == ()
    hosts = {
        c.component: c
        for c in of(description, CandidateType.HOST)
        if c.transport is Transport.UDP and seen(c)
    }
    reflexive = of(description, CandidateType.SRFLX)
    assert sorted(candidate.component for candidate in reflexive) == [1, 2]
    for candidate in reflexive:
        host = hosts[candidate.component]
        assert candidate.address == TransportAddress(host=PUBLIC, port=host.address.port + 7)
        assert candidate.related == candidate.base == host.address
        assert candidate.transport is Transport.UDP
        assert candidate.priority >> 24 == 100
        assert candidate.foundation not in {host.foundation for host in hosts.values()}
    assert len({candidate.foundation for candidate in reflexive}) == 1
    priorities = [candidate.priority for candidate in description.candidates]
    assert len(set(priorities)) == len(priorities)
    assert priorities == sorted(priorities, reverse=True)
    assert sorted(stun.sources) == sorted(host.address for host in hosts.values())


@pytest.mark.req("ICE-5.1.3-1")
async def test_without_a_nat_nothing_is_repeated() -> None:
    async with loopback_stun() as stun:
        description, problems = await gathered(asking(stun.server))
    assert stun.requests
    assert of(description, CandidateType.SRFLX) == []
    assert of(description, CandidateType.HOST)
    assert problems == ()


@pytest.mark.req("ICE-5.1.1.3-1", "ICE-5.1.2-1")
async def test_two_servers_that_see_different_addresses_give_two_candidates() -> None:
    async with loopback_stun(sees(PUBLIC)) as first, loopback_stun(sees(PUBLIC, port_offset=1)) as second:
        description, _ = await gathered(asking(first.server, second.server))
    reflexive = of(description, CandidateType.SRFLX)
    assert len(reflexive) == 2
    assert len({candidate.priority for candidate in reflexive}) == 2
    # One IP address was asked, whatever its ports: one foundation.
    assert len({candidate.foundation for candidate in reflexive}) == 1
    better = max(reflexive, key=lambda candidate: candidate.priority)
    assert better.related is not None
    assert better.address.port == better.related.port


@pytest.mark.req("ICE-5.1.1.2-4")
async def test_an_old_server_does_as_well() -> None:
    async with loopback_stun(old(PUBLIC)) as stun:
        description, problems = await gathered(asking(stun.server))
    assert [candidate.address.host for candidate in of(description, CandidateType.SRFLX)] == [PUBLIC]
    assert problems == ()


async def test_a_server_may_be_a_name() -> None:
    async with loopback_stun(sees(PUBLIC)) as stun:
        server = replace(stun.server, host="localhost")
        description, _ = await gathered(asking(server))
    assert len(of(description, CandidateType.SRFLX)) == 1


class WatchedNetwork(HostNetwork):
    """Notes when a datagram leaves a socket for a new place, and when a connection begins."""

    def __init__(self) -> None:
        super().__init__()
        self.dialled: list[float] = []
        self.first_sent: dict[tuple[TransportAddress, TransportAddress], float] = {}

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        inner = await super().bind_udp(host, port, on_datagram)
        return _WatchedSocket(inner, self.first_sent)

    async def open_stream(self, *arguments: Any, **options: Any) -> HostByteStream:
        self.dialled.append(asyncio.get_running_loop().time())
        return await super().open_stream(*arguments, **options)


class _WatchedSocket:
    def __init__(
        self, inner: UdpSocket, first_sent: dict[tuple[TransportAddress, TransportAddress], float]
    ) -> None:
        self._inner = inner
        self._first_sent = first_sent

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        self._first_sent.setdefault((self.local, remote), asyncio.get_running_loop().time())
        return self._inner.send(data, remote)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.req("ICE-5.1.1.2-6", "USE-8", "ICETCP-4.1-7")
async def test_all_that_begins_at_servers_begins_one_per_ta() -> None:
    """STUN requests, allocations over UDP, and connections to a TURN server share one clock."""
    network = WatchedNetwork()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(accept, HOST, 0)
    port = listener.sockets[0].getsockname()[1]
    async with loopback_stun(sees(PUBLIC)) as first, loopback_stun(silence) as second:
        config = replace(
            asking(first.server, base=replace(UDP, pacing_ms=150)),
            turn_servers=(
                TurnServer(host=HOST, port=port, transport="tcp"),
                TurnServer(host=HOST, port=second.server.port, transport="udp"),
            ),
        )
        session = Session(network=network, config=config, role=Role.CONTROLLING, components=2)
        await session.gather()
        await session.close()
    listener.close()
    await listener.wait_closed()
    assert len(network.dialled) == 2
    # Two sockets ask both servers, for a TURN server answers too; two more ask it for a relay.
    assert len(network.first_sent) == 6
    times = sorted((*network.dialled, *network.first_sent.values()))
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.1


# --- what goes wrong ---


async def test_a_server_that_refuses_is_told_and_gathering_goes_on() -> None:
    async with loopback_stun(fails(500, "busy")) as bad, loopback_stun(sees(PUBLIC)) as good:
        description, problems = await gathered(asking(bad.server, good.server))
    assert len(of(description, CandidateType.SRFLX)) == 1
    (problem,) = problems
    assert problem.startswith(f"STUN server {bad.server}, asked from {HOST}:")
    assert problem.endswith(": 500 busy")


@pytest.mark.req("ICETCP-4.1-8")
async def test_a_silent_server_delays_the_description_by_the_deadline_alone() -> None:
    loop = asyncio.get_running_loop()
    async with loopback_stun(silence) as stun:
        began = loop.time()
        description, problems = await gathered(asking(stun.server, timeout_s=0.2))
        took = loop.time() - began
    assert 0.2 <= took < 2
    assert of(description, CandidateType.HOST)
    assert problems == (f"STUN server {stun.server}: no answer in time",)


async def test_one_that_answered_counts_though_another_is_silent() -> None:
    async with loopback_stun(silence) as bad, loopback_stun(sees(PUBLIC)) as good:
        description, problems = await gathered(asking(bad.server, good.server, timeout_s=0.3))
    assert len(of(description, CandidateType.SRFLX)) == 1
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (StunServer(host="stun.invalid"), "STUN server stun:stun.invalid: "),
        (StunServer(host="192.0.2.1"), "STUN server stun:192.0.2.1: no address of this host can reach it"),
        (
            StunServer(host="stun.example.com", port=5349, transport="tls"),
            "STUN server stuns:stun.example.com",
        ),
    ],
)
async def test_a_server_that_cannot_be_asked_is_told(server: StunServer, problem: str) -> None:
    description, problems = await gathered(asking(server, timeout_s=5.0))
    assert of(description, CandidateType.HOST)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


async def test_a_session_may_be_closed_while_it_waits_for_a_server() -> None:
    async with loopback_stun(silence) as stun:
        session = Session(
            network=HostNetwork(), config=asking(stun.server, timeout_s=30), role=Role.CONTROLLING
        )
        gathering = asyncio.ensure_future(session.gather())
        await until(lambda: bool(stun.requests))
        await session.close()
        with pytest.raises(GatheringFailed, match="closed while it gathered"):
            await gathering
        assert session.open_sockets == 0


async def test_nothing_is_left_where_gathering_is_cancelled() -> None:
    async with loopback_stun(silence) as stun:
        session = Session(
            network=HostNetwork(), config=asking(stun.server, timeout_s=30), role=Role.CONTROLLING
        )
        gathering = asyncio.ensure_future(session.gather())
        await until(lambda: bool(stun.requests))
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering
        assert session.open_sockets == 0
        assert session.state is SessionState.CLOSED


# --- the life of a mapping ---


@pytest.mark.req("ICE-5.1.1.4-1")
async def test_mappings_are_kept_until_ice_completes_and_no_longer() -> None:
    async with loopback_stun(sees(PUBLIC)) as stun:
        config = replace(asking(stun.server), keepalive_s=0.05)
        async with two(config=config) as (left, right, _):
            count = len(stun.requests)
            await until(lambda: len(stun.requests) >= count + 6)
            assert len(stun.sources) == len({c.related for s in (left, right) for c in _reflexive(s)}) == 2
            await connect(left, right)
            count = len(stun.requests)
            await asyncio.sleep(0.2)
            assert len(stun.requests) == count


def _reflexive(side: Side) -> list[Candidate]:
    return of(side.description, CandidateType.SRFLX)


# --- with a peer ---


@pytest.mark.req("ICE-6.1.2.4-1")
async def test_pairs_of_a_reflexive_candidate_are_those_of_its_base() -> None:
    async with (
        loopback_stun(sees(PUBLIC)) as stun,
        two(config=asking(stun.server)) as (left, right, _),
    ):
        assert _reflexive(left)
        await connect(left, right)
        await exchange_packets(left, right, 1, count=10)
        for side in (left, right):
            pairs = side.session.report().pairs
            assert all(pair.local.type is not CandidateType.SRFLX for pair in pairs)
            addresses = [(pair.local.base or pair.local.address, pair.remote.address) for pair in pairs]
            assert len(set(addresses)) == len(addresses)
            selected = side.session.report().selected
            assert selected is not None
            assert selected.remote.type is CandidateType.HOST


async def test_a_peer_without_ice_is_told_the_address_that_the_server_saw() -> None:
    """It is the default, and what arrives there comes out of the socket behind it."""
    async with loopback_stun(sees(PUBLIC, port_offset=1)) as stun:
        config = replace(asking(stun.server), keepalive_s=0.03)
        side = Side(Role.CONTROLLING, HostNetwork(), config, 2)
        await side.session.gather()
        base = {c.component: c.related for c in _reflexive(side)}
        for component in (1, 2):
            default = side.session.default_address(component)
            assert default.host == PUBLIC
            assert base[component] == TransportAddress(host=HOST, port=default.port - 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            remote = TransportAddress(host=HOST, port=peer.getsockname()[1])
            for component in (1, 2):
                side.session.plain_path(component, remote)
                target = base[component]
                assert target is not None
                peer.sendto(b"\x80" + bytes(20), (target.host, target.port))
            await until(lambda: bool(side.received[1] and side.received[2]))
        assert side.session.open_sockets == 2
        count = len(stun.requests)
        await asyncio.sleep(0.1)
        assert len(stun.requests) == count
        await side.session.close()
