"""Connecting from a port that is listened on: what this system does, and who gets such a port."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ice.checks.connection import DialFailure
from ice.config import IceConfig
from ice.gathering.hosts import opens_at_once
from ice.gathering.servers import StunServer
from ice.net.network import HostAddress, TcpConnection
from ice.net.port_sharing import EXISTS, dial_failure, holds, ports_are_shared
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, Role, SessionState, TcpType, TransportAddress
from tests.ice.gathering.test_gather import FakeNetwork, address, gather
from tests.ice.loopback import HOST, ignore_connection, until
from tests.ice.sessions import CONFIG, connect, two

ON = replace(CONFIG, udp=False, simultaneous_open="on")


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Sockets that are closed at the end."""
    made: list[socket.socket] = []
    yield made
    for sock in made:
        sock.close()


# --- the system ---


@pytest.mark.req("ICETCP-B-1")
async def test_connections_leave_from_a_port_that_is_listened_on() -> None:
    network = HostNetwork()
    assert network.shares_ports
    accepted: list[TcpConnection] = []
    shared = await network.listen_tcp(HOST, 0, accepted.append, shared=True)
    servers = [await network.listen_tcp(HOST, 0, ignore_connection) for _ in range(5)]
    # Bound after somebody listens there; as many as there are places to go to.
    outgoing = [
        await network.connect_tcp(HOST, server.local, local_port=shared.local.port) for server in servers
    ]
    assert {connection.local for connection in outgoing} == {shared.local}
    # A second one to the same place is told that there is one.
    with pytest.raises(OSError, match="address") as failure:
        await network.connect_tcp(HOST, servers[0].local, local_port=shared.local.port)
    assert failure.value.errno in EXISTS
    # The listener goes on accepting.
    incoming = await network.connect_tcp(HOST, shared.local)
    await until(lambda: bool(accepted))
    # And so is told who dials where a connection came from.
    with pytest.raises(OSError, match="address") as failure:
        await network.connect_tcp(HOST, incoming.local, local_port=shared.local.port)
    assert dial_failure(failure.value) is DialFailure.EXISTS
    for closing in (*outgoing, *servers, *accepted, incoming, shared):
        closing.close()


@pytest.mark.req("ICETCP-B-2")
async def test_a_port_has_one_listener() -> None:
    network = HostNetwork()
    first = await network.listen_tcp(HOST, 0, ignore_connection, shared=True)
    for shared in (True, False):
        with pytest.raises(OSError, match="in use"):
            await network.listen_tcp(HOST, first.local.port, ignore_connection, shared=shared)
    first.close()
    again = await network.listen_tcp(HOST, first.local.port, ignore_connection, shared=True)
    again.close()


async def test_a_listener_that_shares_nothing_keeps_its_port_to_itself() -> None:
    network = HostNetwork()
    listener = await network.listen_tcp(HOST, 0, ignore_connection)
    server = await network.listen_tcp(HOST, 0, ignore_connection)
    with pytest.raises(OSError, match="in use"):
        await network.connect_tcp(HOST, server.local, local_port=listener.local.port)
    listener.close()
    server.close()


@pytest.mark.req("ICETCP-B-5")
async def test_a_connection_to_itself_is_refused() -> None:
    network = HostNetwork()
    listener = await network.listen_tcp(HOST, 0, ignore_connection)
    free = listener.local.port
    listener.close()
    with pytest.raises(OSError, match="refused") as failure:
        await network.connect_tcp(HOST, TransportAddress(host=HOST, port=free), local_port=free)
    assert dial_failure(failure.value) is DialFailure.REFUSED


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (errno.ECONNREFUSED, DialFailure.REFUSED),
        (errno.EADDRNOTAVAIL, DialFailure.EXISTS),
        (errno.EADDRINUSE, DialFailure.EXISTS),
        (errno.EISCONN, DialFailure.EXISTS),
        (errno.ENETUNREACH, DialFailure.OTHER),
        (errno.ETIMEDOUT, DialFailure.OTHER),
    ],
)
@pytest.mark.req("ICETCP-B-3")
def test_what_a_failure_to_connect_means(number: int, meaning: DialFailure) -> None:
    assert dial_failure(OSError(number, "no")) is meaning


@pytest.mark.req("ICETCP-B-1", "ICETCP-A-2")
def test_the_system_is_tried_out_once() -> None:
    ports_are_shared.cache_clear()
    network = HostNetwork()
    assert network.shares_ports is network.shares_ports is True
    assert ports_are_shared.cache_info().misses == 1


@pytest.mark.parametrize("fault", [OSError("no"), AttributeError("SO_REUSEPORT")])
@pytest.mark.req("ICETCP-B-1", "ICETCP-A-2")
def test_a_system_where_the_trial_fails_cannot(fault: Exception) -> None:
    def trial() -> bool:
        raise fault

    assert not holds(trial)
    assert not holds(lambda: False)
    assert holds(lambda: True)


def test_the_trial_leaves_nothing_open(sockets: list[socket.socket]) -> None:
    ports_are_shared.cache_clear()
    before = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sockets.append(before)
    assert ports_are_shared()
    after = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sockets.append(after)
    assert after.fileno() == before.fileno() + 1


# --- who gets such a port ---


def directions(candidates: tuple[Candidate, ...]) -> list[TcpType | None]:
    return [candidate.tcptype for candidate in candidates]


@pytest.mark.req("ICETCP-4.1-2", "ICETCP-4.1-3", "ICETCP-5.1-1")
async def test_an_address_has_a_port_for_each_way_of_listening() -> None:
    network = FakeNetwork([address("192.0.2.1")])
    bound = await gather(network, IceConfig(udp=False, simultaneous_open="on"), components=2)
    candidates = tuple(item.candidate for item in bound.gathered)
    assert directions(candidates) == [TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO] * 2
    listening = [candidate for candidate in candidates if candidate.tcptype is not TcpType.ACTIVE]
    assert len({candidate.address for candidate in listening}) == 4
    # Connections leave from the ports for simultaneous open alone.
    assert network.shared == [False, True, False, True]
    assert [c.priority for c in candidates if c.component == 1] == [2128609279, 2124414975, 2120220671]


@pytest.mark.parametrize(
    ("config", "sharing"), [(IceConfig(simultaneous_open="off"), True), (ON, False)], ids=["off", "cannot"]
)
@pytest.mark.req("ICETCP-4.1-3", "ICETCP-A-2", "ICETCP-3-7")
async def test_without_it_there_are_the_other_two(config: IceConfig, sharing: bool) -> None:
    network = FakeNetwork([address("192.0.2.1")], sharing=sharing)
    bound = await gather(network, replace(config, udp=False, loopback=False, interfaces=()))
    assert directions(tuple(item.candidate for item in bound.gathered)) == [TcpType.ACTIVE, TcpType.PASSIVE]


@pytest.mark.parametrize(
    ("host", "asks", "wanted"),
    [
        ("203.0.114.1", False, True),
        ("2a00::1", False, True),
        ("192.168.1.10", False, False),
        ("192.168.1.10", True, True),
        ("100.64.0.1", False, False),
        ("fd00::1", True, True),
        ("127.0.0.1", True, False),
        ("::1", True, False),
    ],
)
@pytest.mark.req("ICETCP-A-2")
def test_by_itself_it_is_gathered_where_it_can_be_of_use(host: str, asks: bool, wanted: bool) -> None:
    assert opens_at_once(host, IceConfig(), asks=asks) is wanted
    assert opens_at_once(host, IceConfig(simultaneous_open="on"), asks=asks)
    assert not opens_at_once(host, IceConfig(simultaneous_open="off"), asks=asks)


async def test_ports_are_shared_where_a_server_is_asked_over_tcp() -> None:
    stun = StunServer(host="198.51.100.1", transport="tcp")
    config = IceConfig(udp=False, stun_servers=(stun,), simultaneous_open="off")
    network = FakeNetwork([address("192.168.1.10")])
    await gather(network, config)
    assert network.shared == [True]
    alone = FakeNetwork([address("192.168.1.10")])
    await gather(alone, replace(config, stun_servers=()))
    assert alone.shared == [False]


class _Apart(HostNetwork):
    @property
    def shares_ports(self) -> bool:
        return False

    def host_addresses(self) -> list[HostAddress]:
        return [HostAddress(host=HOST, interface="lo", loopback=True)]


@pytest.mark.req("ICETCP-A-2")
async def test_where_the_trial_fails_a_call_completes_all_the_same() -> None:
    sessions = [Session(network=_Apart(), config=replace(ON, interfaces=("lo",)), role=role) for role in Role]
    descriptions = [await session.gather() for session in sessions]
    for description in descriptions:
        assert TcpType.SO not in directions(description.candidates)
    sessions[0].set_remote(descriptions[1])
    sessions[1].set_remote(descriptions[0])
    async with asyncio.timeout(10):
        for session in sessions:
            await session.completed()
    assert {session.state for session in sessions} == {SessionState.COMPLETED}
    for session in sessions:
        await session.close()


@pytest.mark.req("ICETCP-A-1")
async def test_it_is_never_relied_on_alone() -> None:
    async with two(config=ON) as (left, right, _):
        assert {TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO} == set(directions(left.description.candidates))
        await connect(left, right)
