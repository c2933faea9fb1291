"""Sessions that ask STUN servers over TCP from their listening ports, on real loopback."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest

from ice.config import IceConfig
from ice.gathering.servers import StunServer, TurnServer
from ice.net.byte_stream import HostByteStream
from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, CandidateType, Description, Role, TcpType, Transport, TransportAddress
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, connect, exchange_packets, only, two
from tests.net.loopback_stun import fails, sees, silence
from tests.net.loopback_stun_tcp import loopback_stun_tcp

PUBLIC = "203.0.113.7"
TCP = replace(CONFIG, udp=False)


def asking(*servers: StunServer, base: IceConfig = TCP, timeout_s: float = 2.0) -> IceConfig:
    return replace(base, stun_servers=servers, gather_timeout_s=timeout_s)


async def gathered(
    config: IceConfig, components: int = 1, network: HostNetwork | None = None
) -> tuple[Description, tuple[str, ...]]:
    """What a session tells, and what it complains about."""
    session = Session(
        network=network or HostNetwork(), config=config, role=Role.CONTROLLING, components=components
    )
    try:
        description = await session.gather()
        return description, session.report().gathering_problems
    finally:
        await session.close()


def of(description: Description, kind: CandidateType, tcptype: TcpType) -> list[Candidate]:
    found = (c for c in description.candidates if c.type is kind and c.tcptype is tcptype)
    return sorted(found, key=lambda candidate: candidate.component)


def here(candidates: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.address.host == HOST]


@pytest.mark.req("ICETCP-5.2-1", "ICETCP-5.2-2", "ICETCP-5.2-5", "ICETCP-F-3")
async def test_every_listener_gets_the_address_that_the_server_saw_it_come_from() -> None:
    async with loopback_stun_tcp(sees(PUBLIC, port_offset=7)) as stun:
        description, problems = await gathered(asking(stun.server), components=2)
    assert problems == ()
    hosts = here(of(description, CandidateType.HOST, TcpType.PASSIVE))
    reflexive = of(description, CandidateType.SRFLX, TcpType.PASSIVE)
    # What the server saw and nothing that somebody made of it, the next port of a NAT, say.
    assert len(hosts) == len(reflexive) == 2
    for host, candidate in zip(hosts, reflexive, strict=True):
        # From the very port that is listened on.
        assert candidate.address == TransportAddress(host=PUBLIC, port=host.address.port + 7)
        assert candidate.related == candidate.base == host.address
        assert candidate.transport is Transport.TCP
        assert candidate.component == host.component
        assert (candidate.priority >> 24, candidate.priority >> 21 & 7) == (100, 2)
    assert sorted(stun.sources) == sorted(host.address for host in hosts)
    # STUN without frames: no length stands before the first message.
    assert all(visit.raw[:2] == b"\x00\x01" for visit in stun.visits)
    priorities = [candidate.priority for candidate in description.candidates]
    assert len(set(priorities)) == len(priorities)


@pytest.mark.req("ICETCP-5.2-3")
async def test_an_active_candidate_follows_without_asking() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun:
        description, _ = await gathered(asking(stun.server))
        (active,) = of(description, CandidateType.SRFLX, TcpType.ACTIVE)
        assert active.address == TransportAddress(host=PUBLIC, port=9)
        assert active.related == TransportAddress(host=HOST, port=9)
        assert (active.priority >> 24, active.priority >> 21 & 7) == (100, 4)
        assert len(stun.visits) == 1


@pytest.mark.req("ICETCP-F-4")
async def test_without_a_nat_nothing_is_repeated() -> None:
    async with loopback_stun_tcp() as stun:
        description, problems = await gathered(asking(stun.server))
        assert stun.visits
    assert problems == ()
    assert {candidate.type for candidate in description.candidates} == {CandidateType.HOST}


@pytest.mark.req("ICETCP-4.1-5", "ICETCP-11.2-1", "ICETCP-5.2-4")
async def test_the_connection_is_kept_until_ice_completes_and_no_longer() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun:
        config = replace(asking(stun.server), keepalive_s=0.05)
        async with two(config=config) as (left, right, _):
            await until(lambda: all(len(visit.requests) >= 3 for visit in stun.visits))
            assert len(stun.visits) == 2
            assert not any(visit.ended for visit in stun.visits)
            await connect(left, right)
            await until(lambda: all(visit.ended for visit in stun.visits))
            await exchange_packets(left, right, 1, count=10)


@pytest.mark.req("ICETCP-4.1-9")
async def test_one_server_under_two_names_is_dialled_once() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun, loopback_stun_tcp(sees(PUBLIC)) as other:
        name = replace(stun.server, host="localhost")
        turn = TurnServer(host=HOST, port=stun.server.port, transport="tcp")
        config = replace(asking(stun.server, name, other.server), turn_servers=(turn,), udp=False)
        description, _ = await gathered(config)
        (host,) = here(of(description, CandidateType.HOST, TcpType.PASSIVE))
        # The allocation comes from a port of its own.
        assert stun.sources.count(host.address) == 1
        # Another port of that host is another server.
        assert other.sources == [host.address]


async def test_a_turn_server_over_tcp_answers_as_well() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun:
        turn = TurnServer(host=HOST, port=stun.server.port, transport="tcp")
        config = replace(TCP, turn_servers=(turn,), gather_timeout_s=0.3)
        description, _ = await gathered(config)
    assert len(of(description, CandidateType.SRFLX, TcpType.PASSIVE)) == 1


class _Watched(HostNetwork):
    """Notes when connections to servers begin."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[float] = []

    async def open_stream(self, *arguments: Any, **options: Any) -> HostByteStream:
        self.began.append(asyncio.get_running_loop().time())
        return await super().open_stream(*arguments, **options)


@pytest.mark.req("ICETCP-4.1-7")
async def test_connections_begin_one_per_ta() -> None:
    network = _Watched()
    async with loopback_stun_tcp(sees(PUBLIC)) as first, loopback_stun_tcp(sees(PUBLIC)) as second:
        config = asking(first.server, second.server, base=replace(TCP, pacing_ms=100))
        await gathered(config, components=2, network=network)
    times = network.began
    assert len(times) == 4
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.09


@pytest.mark.req("ICETCP-7.2-10")
async def test_a_peer_that_comes_through_the_mapping_lands_on_the_listener() -> None:
    """The address that the server tells leads to the listener, as a NAT would lead it there."""
    async with (
        loopback_stun_tcp(sees(PUBLIC)) as stun,
        two(config=asking(stun.server)) as (left, right, _),
    ):
        passive = only(right.description, TcpType.PASSIVE)
        (reflexive,) = [c for c in passive.candidates if c.type is CandidateType.SRFLX]
        assert reflexive.related is not None
        through = replace(reflexive, address=reflexive.related)
        left.session.set_remote(replace(passive, candidates=(through,)))
        right.session.set_remote(only(left.description, TcpType.ACTIVE))
        async with asyncio.timeout(10):
            await left.session.completed()
            await right.session.completed()
        await exchange_packets(left, right, 1, count=10)


# --- what goes wrong ---


@pytest.mark.req("ICETCP-4.1-8")
async def test_a_server_that_never_answers_delays_the_description_by_the_deadline_alone() -> None:
    loop = asyncio.get_running_loop()
    async with loopback_stun_tcp(silence) as stun:
        began = loop.time()
        description, problems = await gathered(asking(stun.server, timeout_s=0.2))
        took = loop.time() - began
        await until(lambda: all(visit.ended for visit in stun.visits))
    assert 0.2 <= took < 2
    assert problems == (f"STUN server {stun.server}: no answer in time",)
    assert {candidate.type for candidate in description.candidates} == {CandidateType.HOST}


async def test_refusals_are_told() -> None:
    async with loopback_stun_tcp(fails(500, "busy")) as stun:
        closed = replace(stun.server, port=1)
        _, problems = await gathered(asking(stun.server, closed))
    told = sorted(problem.rpartition(": ")[2] for problem in problems)
    assert told == ["500 busy", "connection refused"]


async def test_what_is_no_stun_server_is_told() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-server\r\n")
        writer.close()

    listener = await asyncio.start_server(serve, HOST, 0)
    server = StunServer(host=HOST, port=listener.sockets[0].getsockname()[1], transport="tcp")
    _, problems = await gathered(asking(server))
    listener.close()
    await listener.wait_closed()
    assert [problem.rpartition(": ")[2] for problem in problems] == ["it does not speak STUN"]


async def test_a_connection_that_the_server_ends_later_is_told_and_nothing_else_ends() -> None:
    async with (
        loopback_stun_tcp(sees(PUBLIC)) as stun,
        two(config=asking(stun.server)) as (left, right, _),
    ):
        for visit in stun.visits:
            visit.writer.close()
        await until(lambda: bool(left.session.report().gathering_problems))
        assert left.session.report().gathering_problems[0].endswith("closed by the server")
        await connect(left, right)


class _Apart(HostNetwork):
    """A system that cannot connect from a port that is listened on."""

    @property
    def shares_ports(self) -> bool:
        return False


@pytest.mark.req("ICETCP-B-1")
async def test_a_system_that_cannot_share_ports_does_without() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun:
        description, problems = await gathered(asking(stun.server), network=_Apart())
        assert stun.visits == []
    assert problems == ("STUN over TCP: this system cannot connect from a port that is listened on",)
    assert {candidate.type for candidate in description.candidates} == {CandidateType.HOST}


async def test_without_tcp_a_server_over_tcp_is_of_no_use() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as stun:
        _, problems = await gathered(asking(stun.server, base=replace(CONFIG, tcp=False)))
        assert stun.visits == []
    (problem,) = problems
    assert problem.endswith("over TCP it tells TCP addresses, and there is no TCP candidate")


async def test_nothing_is_left_where_gathering_is_cancelled() -> None:
    async with loopback_stun_tcp(silence) as stun:
        session = Session(
            network=HostNetwork(), config=asking(stun.server, timeout_s=30), role=Role.CONTROLLING
        )
        gathering = asyncio.ensure_future(session.gather())
        await until(lambda: bool(stun.visits))
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering
        assert session.open_sockets == 0
        await until(lambda: all(visit.ended for visit in stun.visits))


async def test_attempts_that_hang_are_given_up() -> None:
    class Hanging(HostNetwork):
        async def open_stream(self, *_arguments: object, **_options: object) -> TcpConnection:  # type: ignore[override]
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    server = StunServer(host=HOST, port=3478, transport="tcp")
    _, problems = await gathered(asking(server, timeout_s=0.1), network=Hanging())
    assert problems == (f"STUN server {server}: no answer in time",)
