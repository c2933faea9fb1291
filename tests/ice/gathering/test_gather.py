"""Bound: which addresses are used, what is bound, what is freed."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.hosts import (
    PORT_PAIR_ATTEMPTS,
    Bound,
    Receivers,
    gather_hosts,
    release,
    usable_hosts,
    within_limit,
)
from ice.net.network import ByteStream, DatagramReceiver, Gateway, HostAddress, TcpConnection
from ice.net.sockets import HostNetwork
from ice.types import CandidateType, FlowId, TcpType, Transport, TransportAddress
from tests.ice.loopback import ignore_connection, ignore_datagram


@dataclass
class FakeSocket:
    """A UDP socket or listener that exists only in the table of its network."""

    local: TransportAddress
    open: list[FakeSocket]

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        return False

    def close(self) -> None:
        self.open.remove(self)


def _refuse_nothing(_kind: str, _host: str, _port: int) -> bool:
    return False


@dataclass
class FakeNetwork:
    """Hands out ports in order; refuses what `refuse` names."""

    addresses: Sequence[HostAddress]
    ports: list[int] = field(default_factory=lambda: list(range(40_000, 40_400)))
    refuse: Callable[[str, str, int], bool] = _refuse_nothing
    open: list[FakeSocket] = field(default_factory=list)
    pause: bool = False
    sharing: bool = True
    shared: list[bool] = field(default_factory=list)

    def host_addresses(self) -> Sequence[HostAddress]:
        return self.addresses

    def gateways(self) -> Sequence[Gateway]:
        return ()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> FakeSocket:
        return await self._bind("udp", host, port)

    @property
    def shares_ports(self) -> bool:
        return self.sharing

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> FakeSocket:
        self.shared.append(shared)
        return await self._bind("tcp", host, port)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        raise AssertionError("gathering dials nobody")

    async def open_stream(self, *_arguments: object, **_options: object) -> ByteStream:
        raise AssertionError("gathering dials nobody")

    async def _bind(self, kind: str, host: str, port: int) -> FakeSocket:
        if self.pause:
            await asyncio.sleep(3600)
        if self.refuse(kind, host, port):
            raise OSError(errno.EADDRNOTAVAIL, "no")
        if port and any(sock.local == TransportAddress(host=host, port=port) for sock in self.open):
            raise OSError(errno.EADDRINUSE, "in use")
        found = FakeSocket(TransportAddress(host=host, port=port or self.ports.pop(0)), self.open)
        self.open.append(found)
        return found


def address(host: str, interface: str = "eth0", *, loopback: bool = False) -> HostAddress:
    return HostAddress(host=host, interface=interface, loopback=loopback)


LOOPBACK = [address("127.0.0.1", "lo", loopback=True), address("::1", "lo", loopback=True)]


def receivers() -> Receivers:
    numbers = iter(range(1, 1000))
    return Receivers(
        new_flow=lambda: FlowId(next(numbers)),
        datagrams=lambda _flow: ignore_datagram,
        connections=lambda _flow: ignore_connection,
    )


async def gather(
    network: FakeNetwork | HostNetwork, config: IceConfig | None = None, components: int = 1
) -> Bound:
    return await gather_hosts(network, config or IceConfig(), components, receivers())


# --- addresses ---


@pytest.mark.parametrize(
    ("found", "config", "expected"),
    [
        ([*LOOPBACK, address("192.0.2.1")], IceConfig(), ("192.0.2.1",)),
        ([*LOOPBACK, address("192.0.2.1")], IceConfig(loopback=True), ("::1", "192.0.2.1", "127.0.0.1")),
        (LOOPBACK, IceConfig(loopback=True, interfaces=("lo",)), ("::1", "127.0.0.1")),
        (LOOPBACK, IceConfig(interfaces=("lo",)), ()),
        ([address("169.254.1.1"), address("fe80::1"), address("192.0.2.1")], IceConfig(), ("192.0.2.1",)),
        ([address("fec0::1"), address("::192.0.2.9"), address("::ffff:192.0.2.9")], IceConfig(), ()),
        ([address("0.0.0.0"), address("224.0.0.1"), address("ff02::1")], IceConfig(), ()),
        ([address("172.17.0.1", "docker0"), address("192.0.2.1")], IceConfig(), ("192.0.2.1",)),
        ([address("172.17.0.1", "br-1234"), address("192.0.2.7", "br0")], IceConfig(), ("192.0.2.7",)),
        ([address("192.0.2.1", "veth12"), address("192.0.2.2", "virbr0")], IceConfig(), ()),
        ([address("172.17.0.1", "docker0")], IceConfig(interfaces=("docker0",)), ("172.17.0.1",)),
        (
            [address("192.0.2.1", "eth0"), address("192.0.2.2", "wlan0")],
            IceConfig(interfaces=("wlan0",)),
            ("192.0.2.2",),
        ),
        (
            [address("192.0.2.1"), address("2001:db8::1")],
            IceConfig(),
            ("2001:db8::1", "192.0.2.1"),
        ),
        ([address("192.0.2.1"), address("192.0.2.1", "eth1")], IceConfig(), ("192.0.2.1",)),
        ([address("10.0.0.1", "tun0")], IceConfig(), ("10.0.0.1",)),
    ],
)
@pytest.mark.req("ICE-5.1.1.1-1", "ICETCP-5.1-2", "ICE-5.1.1.1-5")
def test_which_addresses_are_used(
    found: list[HostAddress], config: IceConfig, expected: tuple[str, ...]
) -> None:
    assert usable_hosts(found, config) == expected


@pytest.mark.req("ICE-8421-1", "ICETCP-5.5-4")
async def test_unreliable_interfaces_come_behind_all_others() -> None:
    network = FakeNetwork(
        [
            address("10.8.0.2", "tun0"),
            address("2001:db8:8::2", "wg0"),
            address("192.0.2.1"),
            address("2001:db8::1"),
            address("2001:db8::2"),
        ]
    )
    expected = ("2001:db8::1", "2001:db8::2", "192.0.2.1", "2001:db8:8::2", "10.8.0.2")
    assert usable_hosts(network.addresses, IceConfig()) == expected
    gathered = (await gather(network, IceConfig(max_candidates=20))).gathered
    for tcptype in (None, TcpType.ACTIVE, TcpType.PASSIVE):
        ours = [item.candidate for item in gathered if item.candidate.tcptype is tcptype]
        ranked = sorted(ours, key=lambda candidate: -candidate.priority)
        assert tuple(candidate.address.host for candidate in ranked) == expected
        assert len({candidate.priority >> 21 for candidate in ours}) == 1, "type and direction stay"
    trusted = IceConfig(unreliable_interfaces=())
    assert usable_hosts(network.addresses, trusted)[0] == "2001:db8:8::2"
    chosen = IceConfig(interfaces=("docker0", "eth0"))
    found = [address("172.17.0.1", "docker0"), address("192.0.2.1")]
    assert usable_hosts(found, chosen) == ("192.0.2.1", "172.17.0.1")


# --- candidates and sockets ---


@pytest.mark.req("ICE-5.1.1.1-1", "ICE-5.1.1.1-4", "ICETCP-4.1-2", "ICETCP-3-3")
async def test_candidates_of_one_address() -> None:
    network = FakeNetwork([address("192.0.2.1")])
    gathering = await gather(network, components=2)
    kinds = [(g.candidate.component, g.candidate.transport, g.candidate.tcptype) for g in gathering.gathered]
    assert sorted(kinds, key=str) == sorted(
        [
            (component, transport, tcptype)
            for component in (1, 2)
            for transport, tcptype in (
                (Transport.UDP, None),
                (Transport.TCP, TcpType.ACTIVE),
                (Transport.TCP, TcpType.PASSIVE),
            )
        ],
        key=str,
    )
    # An active candidate has no socket; each of the others has its own.
    assert len(network.open) == 4
    assert len({g.flow for g in gathering.gathered if g.flow is not None}) == 4
    for item in gathering.gathered:
        candidate = item.candidate
        assert candidate.type is CandidateType.HOST
        assert candidate.address.host == "192.0.2.1"
        if candidate.tcptype is TcpType.ACTIVE:
            assert (candidate.address.port, item.flow, item.udp, item.listener) == (9, None, None, None)
        else:
            bound = item.udp or item.listener
            assert bound is not None
            assert bound.local == candidate.address
            assert (item.udp is None) is (candidate.tcptype is TcpType.PASSIVE)
    assert len({g.candidate.priority for g in gathering.gathered}) == 6
    release(gathering.gathered)
    assert network.open == []


@pytest.mark.parametrize("first", [40_000, 40_001])
async def test_rtp_has_the_even_port_and_rtcp_the_next(first: int) -> None:
    network = FakeNetwork([address("192.0.2.1")], ports=[first, 50_000])
    gathering = await gather(network, IceConfig(tcp=False), components=2)
    ports = {g.candidate.component: g.candidate.address.port for g in gathering.gathered}
    assert ports == {1: 40_000, 2: 40_001}
    release(gathering.gathered)


async def test_another_port_is_tried_where_the_neighbour_is_taken() -> None:
    network = FakeNetwork(
        [address("192.0.2.1")],
        ports=[40_000, 40_010, 40_020],
        refuse=lambda _kind, _host, port: port in (40_001, 40_011),
    )
    gathering = await gather(network, IceConfig(tcp=False), components=2)
    ports = {g.candidate.component: g.candidate.address.port for g in gathering.gathered}
    assert ports == {1: 40_020, 2: 40_021}
    assert len(network.open) == 2
    release(gathering.gathered)


async def test_without_neighbours_any_ports_do() -> None:
    network = FakeNetwork([address("192.0.2.1")], refuse=lambda _kind, _host, port: port != 0)
    gathering = await gather(network, IceConfig(tcp=False), components=2)
    assert len(gathering.gathered) == 2
    assert len(network.open) == 2
    assert PORT_PAIR_ATTEMPTS > 1
    release(gathering.gathered)


@pytest.mark.req("ICETCP-4.1-1")
async def test_udp_or_tcp_can_be_left_out() -> None:
    network = FakeNetwork([address("192.0.2.1")])
    only_udp = await gather(network, IceConfig(tcp=False))
    assert {g.candidate.transport for g in only_udp.gathered} == {Transport.UDP}
    assert all(g.listener is None for g in only_udp.gathered)
    only_tcp = await gather(network, IceConfig(udp=False))
    assert {g.candidate.transport for g in only_tcp.gathered} == {Transport.TCP}
    release(only_udp.gathered + only_tcp.gathered)
    with pytest.raises(GatheringFailed, match="neither UDP nor TCP"):
        await gather(network, IceConfig(udp=False, tcp=False))


@pytest.mark.parametrize(("components", "most"), [(1, 12), (2, 12), (1, 5), (2, 1)])
async def test_no_more_sockets_than_candidates_that_are_told(components: int, most: int) -> None:
    hosts = [address(f"192.0.2.{number}") for number in range(1, 30)]
    network = FakeNetwork(hosts)
    gathering = await gather(network, IceConfig(max_candidates=most), components)
    used = {g.candidate.address.host for g in gathering.gathered}
    assert len(used) == max(1, most // (3 * components))
    assert "192.0.2.1" in used
    release(gathering.gathered)


async def test_both_families_are_used_where_only_two_addresses_fit() -> None:
    network = FakeNetwork(
        [address("192.0.2.1"), address("192.0.2.2"), address("2001:db8::1"), address("2001:db8::2")]
    )
    gathering = await gather(network, components=2)
    assert {g.candidate.address.host for g in gathering.gathered} == {"192.0.2.1", "2001:db8::1"}
    release(gathering.gathered)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, ("192.0.2.1",)),
        (2, ("2001:db8::1", "192.0.2.1")),
        (3, ("2001:db8::1", "2001:db8::2", "192.0.2.1")),
        (9, ("2001:db8::1", "2001:db8::2", "192.0.2.1")),
    ],
)
def test_which_addresses_fit(limit: int, expected: tuple[str, ...]) -> None:
    assert within_limit(("2001:db8::1", "2001:db8::2", "192.0.2.1"), limit) == expected


# --- what goes wrong ---


async def test_no_usable_address() -> None:
    with pytest.raises(GatheringFailed, match=r"no usable network address.*127\.0\.0\.1 \(lo\)"):
        await gather(FakeNetwork(LOOPBACK))
    with pytest.raises(GatheringFailed, match="none"):
        await gather(FakeNetwork([]))


async def test_an_address_that_cannot_be_bound_is_told_and_left_out() -> None:
    network = FakeNetwork(
        [address("192.0.2.1"), address("2001:db8::1")], refuse=lambda _kind, host, _port: ":" in host
    )
    gathering = await gather(network, components=2)
    assert {g.candidate.address.host for g in gathering.gathered if g.flow is not None} == {"192.0.2.1"}
    assert len(gathering.problems) == 3
    assert gathering.problems[0].startswith("UDP on 2001:db8::1: cannot assign requested address")
    release(gathering.gathered)


async def test_udp_of_an_address_is_all_components_or_none() -> None:
    calls = 0

    def refuse(kind: str, host: str, port: int) -> bool:
        nonlocal calls
        calls += kind == "udp"
        return kind == "udp" and calls > 1

    network = FakeNetwork([address("192.0.2.1")], refuse=refuse)
    gathering = await gather(network, components=2)
    assert all(g.candidate.transport is Transport.TCP for g in gathering.gathered)
    assert len(network.open) == 2
    release(gathering.gathered)


async def test_nothing_can_be_bound() -> None:
    network = FakeNetwork([address("192.0.2.1")], refuse=lambda _kind, _host, _port: True)
    with pytest.raises(GatheringFailed, match=r"no socket could be bound: UDP on 192\.0\.2\.1"):
        await gather(network, IceConfig(tcp=False))


async def test_nothing_is_left_when_gathering_is_cancelled() -> None:
    network = FakeNetwork([address("192.0.2.1")])

    def refuse(kind: str, host: str, port: int) -> bool:
        network.pause = kind == "tcp" or len(network.open) == 1
        return False

    network.refuse = refuse
    task = asyncio.ensure_future(gather(network, components=2))
    for _ in range(5):
        await asyncio.sleep(0)
    assert network.open
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert network.open == []


# --- on this host ---


@pytest.mark.req("ICETCP-5.1-1", "ICE-5.3-1")
async def test_the_listener_listens_before_anybody_knows_its_candidate() -> None:
    config = IceConfig(loopback=True, interfaces=(_loopback_interface(),))
    gathering = await gather(HostNetwork(), config)
    passive = [g.candidate for g in gathering.gathered if g.candidate.tcptype is TcpType.PASSIVE]
    assert passive
    for candidate in passive:
        socket.create_connection((candidate.address.host, candidate.address.port), timeout=1).close()
    release(gathering.gathered)


def _loopback_interface() -> str:
    return next(a.interface for a in HostNetwork().host_addresses() if a.host == "127.0.0.1")
