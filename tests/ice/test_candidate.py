"""Local candidates: kinds, foundations, redundancy, the cap, the default; which addresses are targets."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.address import can_reach, normalised, target_refusal
from ice.candidates.candidate import (
    ACTIVE_PORT,
    Foundations,
    HostCandidates,
    ServerCandidates,
    base_of,
    capped,
    default_candidate,
    without_redundant,
)
from ice.candidates.priority import local_priority
from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress

HOSTS = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")


def make(
    kind: CandidateType = CandidateType.HOST,
    tcptype: TcpType | None = None,
    *,
    host: str = "192.0.2.1",
    port: int = 4000,
    component: int = 1,
    base: TransportAddress | None = None,
    rank: int = 0,
) -> Candidate:
    return Candidate(
        foundation="1",
        component=component,
        transport=Transport.UDP if tcptype is None else Transport.TCP,
        priority=local_priority(kind, tcptype, rank, component),
        address=TransportAddress(host=host, port=port),
        type=kind,
        tcptype=tcptype,
        base=base,
    )


def all_hosts(hosts: tuple[str, ...] = HOSTS, components: int = 2) -> list[Candidate]:
    made = HostCandidates(hosts)
    out: list[Candidate] = []
    ports = itertools.count(4000)
    for host, component in itertools.product(hosts, range(1, components + 1)):
        out.append(made.udp(TransportAddress(host=host, port=next(ports)), component))
        out.append(made.passive(TransportAddress(host=host, port=next(ports)), component))
        out.append(made.active(host, component))
    return out


@pytest.mark.req("ICETCP-3-1")
def test_a_tcp_candidate_without_a_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="tcptype"):
        replace(make(tcptype=TcpType.ACTIVE), tcptype=None)
    with pytest.raises(ValueError, match="tcptype"):
        replace(make(), tcptype=TcpType.PASSIVE)


@pytest.mark.req("ICETCP-4.5-3", "ICETCP-3-3", "ICETCP-F-3")
def test_an_active_candidate_has_the_address_and_port_nine() -> None:
    active = HostCandidates(HOSTS).active("2001:db8::2", 2)
    assert active.address == TransportAddress(host="2001:db8::2", port=ACTIVE_PORT)
    assert (active.transport, active.tcptype, active.component) == (Transport.TCP, TcpType.ACTIVE, 2)
    assert active.related is None
    assert base_of(active) == active.address


@pytest.mark.req("ICE-5.1.1.3-1", "ICETCP-F-1", "ICETCP-F-2")
def test_foundations_group_by_type_base_transport_and_direction() -> None:
    candidates = all_hosts()
    groups = {(c.transport, c.tcptype, c.address.host): set[str]() for c in candidates}
    for c in candidates:
        groups[c.transport, c.tcptype, c.address.host].add(c.foundation)
    assert all(len(foundations) == 1 for foundations in groups.values()), "components share a foundation"
    assert len({f for foundations in groups.values() for f in foundations}) == len(groups) == 12


@pytest.mark.req("ICE-5.1.1.3-1")
def test_foundations_tell_servers_and_types_apart() -> None:
    foundations = Foundations("x")
    srflx, udp = CandidateType.SRFLX, Transport.UDP
    first = foundations.of(srflx, "192.0.2.1", udp, server="198.51.100.1")
    assert foundations.of(srflx, "192.0.2.1", udp, server="198.51.100.2") != first
    assert foundations.of(CandidateType.RELAY, "192.0.2.1", udp, server="198.51.100.1") != first
    assert foundations.of(srflx, "192.0.2.1", udp, server="198.51.100.1") == first == "x1"


@pytest.mark.req("ICE-5.1.3-1", "ICETCP-F-4")
def test_the_better_of_two_with_one_address_and_base_stays() -> None:
    host = make()
    same = make(CandidateType.SRFLX, base=host.address)
    behind_nat = make(CandidateType.SRFLX, host="203.0.113.1", base=host.address)
    other_base = make(CandidateType.SRFLX, base=TransportAddress(host="192.0.2.9", port=1), rank=1)
    assert without_redundant([same, behind_nat, host, other_base]) == (host, behind_nat, other_base)


@pytest.mark.req("ICETCP-F-4")
def test_active_and_passive_are_never_redundant() -> None:
    active, passive = make(tcptype=TcpType.ACTIVE), make(tcptype=TcpType.PASSIVE)
    assert without_redundant([passive, active]) == (active, passive)


def test_the_cap_leaves_one_of_each_transport_direction_component_and_family() -> None:
    kept = capped(all_hosts(), 12)
    assert len(kept) == 12
    kinds = {(c.component, c.tcptype, ":" in c.address.host) for c in kept if c.tcptype is not TcpType.ACTIVE}
    assert len(kinds) == 8
    assert [c.priority for c in kept] == sorted((c.priority for c in kept), reverse=True)


def test_one_active_candidate_of_a_component_has_a_place_and_the_others_what_is_left() -> None:
    hosts = all_hosts()
    active = [c for c in capped(hosts, 12) if c.tcptype is TcpType.ACTIVE]
    assert sorted(c.component for c in active) == [1, 2]
    assert set(capped(hosts, len(hosts))) == set(hosts)


def test_relayed_tcp_takes_no_place_of_another() -> None:
    relayed = ServerCandidates(()).relayed_tcp(
        TransportAddress(host="203.0.113.1", port=50000), None, 1, "203.0.113.1", 0
    )
    hosts = all_hosts()
    kept = capped([*hosts, *relayed], 12)
    assert kept == capped(hosts, 12)
    first = [make(), make(tcptype=TcpType.PASSIVE), make(tcptype=TcpType.ACTIVE)]
    assert set(capped([*first, *relayed], 4)) == {*first, relayed[0]}
    assert set(capped([*first, *relayed], 5)) == {*first, *relayed}


@pytest.mark.req("ICETCP-4.2-1", "ICETCP-4.2-3", "ICETCP-4.1-4", "ICETCP-5.5-2", "ICETCP-12-7")
def test_relayed_tcp_candidates() -> None:
    place, seen = TransportAddress(host="203.0.113.1", port=50000), TransportAddress(host="192.0.2.1", port=7)
    passive, active = ServerCandidates(()).relayed_tcp(place, seen, 1, "203.0.113.1", 0)
    assert (active.priority, passive.priority) == (14680063, 10485759)
    assert active.address == TransportAddress(host="203.0.113.1", port=9)
    assert passive.address == place
    assert base_of(active) == base_of(passive) == place
    assert active.related == passive.related == seen
    assert active.foundation != passive.foundation
    for candidate in ServerCandidates((), hide_related=True).relayed_tcp(place, seen, 2, "203.0.113.1", 1):
        assert candidate.related is None


def test_where_even_that_does_not_fit_the_transports_come_before_the_second_family() -> None:
    kept = capped(all_hosts(), 6)
    assert {(c.component, c.tcptype) for c in kept} == {
        (component, tcptype) for component in (1, 2) for tcptype in (None, TcpType.ACTIVE, TcpType.PASSIVE)
    }


@pytest.mark.parametrize("kind", [CandidateType.SRFLX, CandidateType.RELAY])
def test_active_ones_that_nobody_pairs_give_way(kind: CandidateType) -> None:
    """We connect from the host candidate; who is told of the others learns only whom a relay may let in."""
    useful = [
        make(),
        make(tcptype=TcpType.ACTIVE, port=9),
        make(tcptype=TcpType.PASSIVE, port=1),
        make(tcptype=TcpType.SO, port=2),
        make(kind),
        make(kind, TcpType.PASSIVE, host="203.0.113.1", port=3),
        make(kind, TcpType.PASSIVE, host="203.0.113.2", port=3, rank=1),
    ]
    placeholder = make(kind, TcpType.ACTIVE, host="203.0.113.1", port=9)
    assert set(capped([*useful, placeholder], len(useful))) == set(useful)
    assert placeholder in capped([*useful, placeholder], len(useful) + 1)


@given(st.lists(st.sampled_from(all_hosts()), unique=True), st.integers(0, 30))
def test_the_cap_never_invents_or_loses_without_need(candidates: list[Candidate], limit: int) -> None:
    kept = capped(candidates, limit)
    assert len(kept) == min(limit, len(candidates))
    assert set(kept) <= set(candidates)


@pytest.mark.req("ICETCP-4.3-1")
def test_the_default_is_udp() -> None:
    default = default_candidate(all_hosts(), 2)
    assert default is not None
    assert (default.transport, default.component) == (Transport.UDP, 2)


@pytest.mark.req("ICETCP-4.3-1")
def test_the_default_is_the_one_most_likely_reached() -> None:
    host, srflx, relay = make(), make(CandidateType.SRFLX, port=2), make(CandidateType.RELAY, port=3)
    assert default_candidate([host, srflx, relay], 1) == relay
    assert default_candidate([host, srflx], 1) == srflx


@pytest.mark.req("ICETCP-4.3-3", "ICETCP-4.3-2")
def test_of_tcp_the_default_is_active_and_never_simultaneous_open() -> None:
    so, passive, active = (make(tcptype=t) for t in (TcpType.SO, TcpType.PASSIVE, TcpType.ACTIVE))
    assert default_candidate([so, passive, active], 1) == active
    assert default_candidate([so, passive], 1) == passive
    assert default_candidate([so], 1) is None
    assert default_candidate([], 1) is None


@pytest.mark.req("ICETCP-4.3-2")
@given(
    st.lists(
        st.tuples(st.sampled_from(CandidateType), st.none() | st.sampled_from(TcpType), st.integers(1, 9))
    )
)
def test_the_default_of_any_set_is_never_simultaneous_open(
    parts: list[tuple[CandidateType, TcpType | None, int]],
) -> None:
    default = default_candidate([make(kind, tcptype, port=port) for kind, tcptype, port in parts], 1)
    assert default is None or default.tcptype is not TcpType.SO
    if any(tcptype is None for _, tcptype, _ in parts):
        assert default is not None
        assert default.transport is Transport.UDP


@pytest.mark.req("ICETCP-6.2-7", "ICE-6.1.2.2-1")
@pytest.mark.parametrize(
    ("local", "remote", "possible"),
    [
        ("192.0.2.1", "198.51.100.1", True),
        ("192.0.2.1", "2001:db8::1", False),
        ("2001:db8::1", "192.0.2.1", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("fe80::1", "fe80::2", True),
        ("fe80::1", "2001:db8::2", False),
        ("2001:db8::1", "fe80::2", False),
    ],
)
def test_which_addresses_reach_each_other(local: str, remote: str, possible: bool) -> None:
    assert can_reach(local, remote) is possible


@pytest.mark.req("ICETCP-12-4", "SEC-2", "ICETCP-4.5-13")
@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("0.0.0.0", 4000, "unspecified address"),
        ("::", 4000, "unspecified address"),
        ("224.0.0.1", 4000, "multicast address"),
        ("ff02::1", 4000, "multicast address"),
        ("255.255.255.255", 4000, "broadcast address"),
        ("127.0.0.1", 4000, "loopback address"),
        ("::1", 4000, "loopback address"),
        ("192.0.2.1", 0, "port 0"),
        ("192.0.2.1", 65536, "port 65536"),
        ("host.example.com", 4000, "not an IP address"),
        ("1a2b.local", 4000, "not an IP address"),
        ("192.0.2.1", 4000, ""),
        ("2001:db8::1", 4000, ""),
    ],
)
def test_where_checks_are_never_sent(host: str, port: int, reason: str) -> None:
    address = TransportAddress(host=host, port=port)
    assert target_refusal(address, port_matters=True, loopback=False) == reason


@pytest.mark.req("ICETCP-3-3")
def test_the_port_of_an_active_candidate_and_wanted_loopback_do_not_matter() -> None:
    address = TransportAddress(host="127.0.0.1", port=0)
    assert target_refusal(address, port_matters=False, loopback=True) == ""


def test_one_address_has_one_spelling() -> None:
    long = TransportAddress(host="2001:DB8:0:0::1", port=1)
    assert normalised(long) == TransportAddress(host="2001:db8::1", port=1)
