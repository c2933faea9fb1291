"""The candidates of a lite agent, and the choice of addresses that nobody can try out."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.preference import Priorities
from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.servers import StunServer
from ice.lite.address_selection import precedence, rank
from ice.lite.candidates import LiteCandidates, lite_hosts, unfit
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, Role, TransportAddress

V4, V6, OTHER_V4, OTHER_V6 = "1.1.1.1", "2606:4700::1111", "8.8.8.8", "2001:4860:4860::8888"


def priority(kind: int, preference: int, component: int) -> int:
    """RFC 8445 §5.1.2.1, written out."""
    return 2**24 * kind + 2**8 * preference + 256 - component


def made(hosts: Sequence[str], components: int = 2) -> list[Candidate]:
    make = LiteCandidates(hosts)
    kinds: tuple[Callable[[TransportAddress, int], Candidate], ...] = (make.udp, make.passive)
    return [
        kind(TransportAddress(host=host, port=4000 + component), component)
        for host in hosts
        for component in range(1, components + 1)
        for kind in kinds
    ]


@pytest.mark.req("ICE-5.2-1", "ICE-5.2-2")
def test_one_address_of_each_family() -> None:
    assert lite_hosts([V6, V4, OTHER_V6, OTHER_V4]) == (V6, V4)
    assert lite_hosts([V4, OTHER_V4]) == (V4,)
    assert lite_hosts(["10.0.0.1", V4]) == (V4,), "a public one where there is any"
    assert lite_hosts(["10.0.0.1", "192.168.0.1"]) == ("10.0.0.1",)


@pytest.mark.req("ICE-5.2-2")
@pytest.mark.parametrize("hosts", [(V4,), (V6,), (V6, V4)])
def test_foundations_go_by_ip_address_and_priorities_are_unique(hosts: tuple[str, ...]) -> None:
    policy = Priorities("type", mixed=True)
    candidates = [policy.give(candidate) for candidate in made(hosts)]
    assert {c.foundation for c in candidates if c.address.host == hosts[0]} == {"1"}
    assert len({c.foundation for c in candidates}) == len(hosts)
    assert len({c.priority for c in candidates}) == len(candidates)
    for component in (1, 2):
        udp = [c.priority for c in candidates if c.component == component and c.tcptype is None]
        tcp = [c.priority for c in candidates if c.component == component and c.tcptype is not None]
        assert min(udp) > max(tcp), "RFC 6544 §4.2: for RTP, UDP is preferred"


@pytest.mark.req("ICE-5.2-2")
def test_local_preferences() -> None:
    """RFC 8445 §5.2: 65535 on IPv4 alone, else the precedence of RFC 6724."""
    udp, tcp = made([V4], components=1)
    assert udp.priority == priority(126, 65535, 1)
    assert tcp.priority == priority(126, 4 * 8192 + 8191, 1)
    v6, _, v4, _ = made([V6, V4], components=1)
    assert v6.priority == priority(126, 40, 1)
    assert v4.priority == priority(126, 35, 1)
    assert made([V6], components=1)[0].priority == priority(126, 40, 1)


@pytest.mark.req("ICETCP-12-6")
def test_private_addresses_are_warned_of() -> None:
    assert unfit([V4, V6]) == ()
    (warning,) = unfit([V4, "192.168.1.2"])
    assert "192.168.1.2, which is no public address" in warning


# --- RFC 6724 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("::1", 50),
        (V6, 40),
        (V4, 35),
        ("10.0.0.1", 35),
        ("2002:102:304::1", 30),
        ("2001:0:102::1", 5),
        ("fd00::1", 3),
        ("fec0::1", 1),
        ("3ffe::1", 1),
    ],
)
def test_precedence(host: str, expected: int) -> None:
    assert precedence(host) == expected


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        # The examples of RFC 6724 §10.2 that two addresses of a pair can decide.
        (("2001:db8:1::2", "2001:db8:1::1"), ("169.254.13.78", "198.51.100.121")),
        (("198.51.100.117", "198.51.100.121"), ("fe80::1", "2001:db8:1::1")),
        (("2001:db8:1::2", "2001:db8:1::1"), ("10.1.2.4", "10.1.2.3")),
        (("2001:db8:1::2", "2001:db8:1::1"), ("fe80::2", "fe80::1")),
        (("2002:c633:6401::2", "2002:c633:6401::1"), ("2002:c633:6401::2", "2001:db8:1::1")),
        (("10.1.2.4", "10.1.2.3"), ("2002:c633:6401::2", "2001:db8:1::1")),
        (("2001:db8:1::2", "2001:db8:1:5::1"), ("2001:db8:1::2", "2001:db8:8::1")),
        (("192.0.2.1", "192.0.2.9"), ("192.0.2.1", "198.51.100.9")),
    ],
)
def test_rank(better: tuple[str, str], worse: tuple[str, str]) -> None:
    if better[1].startswith("fe80") or worse[1].startswith("fe80"):
        # Rule 8: the smaller scope first.
        better, worse = worse, better
        if "fe80" not in better[1]:
            better, worse = worse, better
    assert rank(*better) < rank(*worse)


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(st.lists(st.tuples(addresses, addresses), min_size=1, max_size=8), st.integers())
def test_rank_is_an_order_for_any_addresses(pairs: list[tuple[str, str]], seed: int) -> None:
    shuffled = list(pairs)
    random.Random(seed).shuffle(shuffled)
    assert [rank(*p) for p in sorted(pairs, key=lambda p: rank(*p))] == [
        rank(*p) for p in sorted(shuffled, key=lambda p: rank(*p))
    ]


# --- gathering ----------------------------------------------------------------------------------------------


class DualStack(HostNetwork):
    """This host with one loopback address of each family, twice."""

    def host_addresses(self) -> list[HostAddress]:
        return [
            HostAddress(host=host, interface="lo", loopback=True)
            for host in ("127.0.0.1", "::1", "127.0.0.2")
        ]


def session(*, udp: bool = True, tcp: bool = True, ipv6: bool = False) -> Session:
    policy = IceConfig(loopback=True, interfaces=("lo",), lite=True, udp=udp, tcp=tcp, default_ipv6=ipv6)
    network = FirewallNetwork(DualStack(), FirewallPolicy(udp="open"))
    return Session(network=network, config=policy, role=Role.CONTROLLED, components=2)


@pytest.mark.req("ICE-5.2-1", "ICE-5.2-2", "ICETCP-4.4-1", "ICETCP-12-6")
async def test_gathering_on_real_sockets() -> None:
    lite = session()
    try:
        described = await lite.gather()
        assert described.lite
        assert described.pacing_ms is None
        kinds = {(c.address.host, c.component, c.tcptype and c.tcptype.value) for c in described.candidates}
        assert kinds == {
            (host, component, tcptype)
            for host in ("127.0.0.1", "::1")
            for component in (1, 2)
            for tcptype in (None, "passive")
        }
        assert len(described.candidates) == len(kinds)
        problems = lite.report().gathering_problems
        assert [problem.split(",")[0] for problem in problems] == [
            "ICE lite on ::1",
            "ICE lite on 127.0.0.1",
        ]
        # RFC 6544 §7.2: ready from now on.
        passive = next(c for c in described.candidates if c.tcptype is not None and ":" not in c.address.host)
        connection = await HostNetwork().connect_tcp("127.0.0.1", passive.address)
        connection.close()
    finally:
        await lite.close()


@pytest.mark.req("ICE-5.2-2")
@pytest.mark.parametrize(("ipv6", "expected"), [(False, "127.0.0.1"), (True, "::1")])
async def test_the_family_of_the_default_can_be_chosen(ipv6: bool, expected: str) -> None:
    lite = session(ipv6=ipv6)
    try:
        await lite.gather()
        assert lite.default_address(1).host == expected
    finally:
        await lite.close()


def test_servers_are_of_no_use_to_a_lite_agent() -> None:
    with pytest.raises(ValueError, match="host candidates alone"):
        IceConfig(lite=True, stun_servers=(StunServer(host="192.0.2.1", port=3478),))
    with pytest.raises(ValueError, match="host candidates alone"):
        IceConfig(lite=True, relay_only=True)


async def test_a_lite_agent_without_transport_says_so() -> None:
    lite = session(udp=False, tcp=False)
    with pytest.raises(GatheringFailed, match="neither UDP nor TCP"):
        await lite.gather()
