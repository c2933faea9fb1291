"""Priorities: the vectors of RFC 6544 appendix C, the formulas, uniqueness, mixing of families."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.candidate import HostCandidates
from ice.candidates.priority import (
    MAX_PRIORITY,
    TYPE_PREFERENCE,
    candidate_priority,
    interleaved,
    local_priority,
    pair_priority,
    peer_reflexive_priority,
    tcp_local_preference,
)
from ice.types import CandidateType, TcpType, TransportAddress

HOST, SRFLX, PRFLX, RELAY = (
    CandidateType.HOST,
    CandidateType.SRFLX,
    CandidateType.PRFLX,
    CandidateType.RELAY,
)
ACTIVE, PASSIVE, SO = TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO


@pytest.mark.req(
    "ICE-5.1.2.1-1", "ICETCP-4.2-1", "ICETCP-4.2-2", "ICETCP-4.2-3", "ICE-5.1.2-1", "ICETCP-4.2-7"
)
@pytest.mark.parametrize(
    ("kind", "tcptype", "priority"),
    [
        (HOST, None, 2130706431),
        (HOST, ACTIVE, 2128609279),
        (HOST, PASSIVE, 2124414975),
        (HOST, SO, 2120220671),
        (PRFLX, None, 1862270975),
        (PRFLX, ACTIVE, 1855979519),
        (PRFLX, PASSIVE, 1851785215),
        (SRFLX, None, 1694498815),
        (SRFLX, SO, 1692401663),
        (SRFLX, ACTIVE, 1688207359),
        (SRFLX, PASSIVE, 1684013055),
        (RELAY, ACTIVE, 14680063),
        (RELAY, PASSIVE, 10485759),
        (RELAY, SO, 6291455),
        (RELAY, None, 16777215),
    ],
)
def test_vectors(kind: CandidateType, tcptype: TcpType | None, priority: int) -> None:
    assert local_priority(kind, tcptype, 0, 1) == priority
    assert local_priority(kind, tcptype, 0, 2) == priority - 1


@pytest.mark.req("ICETCP-4.2-6")
def test_udp_is_preferred_over_tcp_and_type_over_transport() -> None:
    order = [(HOST, None), (HOST, ACTIVE), (SRFLX, None), (SRFLX, SO), (RELAY, None), (RELAY, ACTIVE)]
    priorities = [local_priority(kind, tcptype, 0, 1) for kind, tcptype in order]
    assert priorities == sorted(priorities, reverse=True)


@pytest.mark.req("ICETCP-4.2-6", "ICETCP-4.2-7")
@given(st.sampled_from(TcpType), st.sampled_from(CandidateType), st.integers(0, 8191), st.integers(0, 8191))
def test_no_tcp_candidate_beats_a_udp_one_of_its_type(
    tcptype: TcpType, kind: CandidateType, tcp_rank: int, udp_rank: int
) -> None:
    assert local_priority(kind, tcptype, tcp_rank, 1) < local_priority(kind, None, udp_rank, 1)


@pytest.mark.req("ICETCP-4.2-2")
@given(st.sampled_from(CandidateType), st.sampled_from(TcpType), st.integers(0, 8191))
def test_local_preference_holds_direction_and_address(
    kind: CandidateType, tcptype: TcpType, other: int
) -> None:
    preference = tcp_local_preference(kind, tcptype, other)
    assert 0 <= preference <= 65535
    assert preference & 0x1FFF == other
    assert preference >> 13 in (2, 4, 6)


@pytest.mark.req("ICE-5.1.2-1")
@given(st.integers(0, 126), st.integers(0, 65535), st.integers(1, 256))
def test_formula_is_reversible_and_in_range(kind: int, local: int, component: int) -> None:
    priority = candidate_priority(kind, local, component)
    assert 0 <= priority <= MAX_PRIORITY
    assert (priority >> 24, priority >> 8 & 0xFFFF, 256 - (priority & 0xFF)) == (kind, local, component)


@pytest.mark.parametrize(
    ("kind", "local", "component"),
    [(127, 0, 1), (-1, 0, 1), (0, 65536, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)],
)
def test_formula_refuses_values_out_of_range(kind: int, local: int, component: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        candidate_priority(kind, local, component)


@pytest.mark.parametrize("tcptype", [None, PASSIVE])
@pytest.mark.parametrize("rank", [-1, 8192])
def test_ranks_out_of_range_are_refused(tcptype: TcpType | None, rank: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        local_priority(HOST, tcptype, rank, 1)


def test_prflx_lies_between_host_and_srflx() -> None:
    assert TYPE_PREFERENCE[HOST] > TYPE_PREFERENCE[PRFLX] > TYPE_PREFERENCE[SRFLX] > TYPE_PREFERENCE[RELAY]


@pytest.mark.req("ICETCP-4.2-4", "ICE-5.1.2-1")
def test_all_priorities_of_a_stream_differ() -> None:
    hosts = [f"192.0.2.{n}" for n in range(1, 4)] + [f"2001:db8::{n}" for n in range(1, 4)]
    make = HostCandidates(hosts)
    candidates = []
    for host, component in itertools.product(hosts, (1, 2)):
        address = TransportAddress(host=host, port=4000 + component)
        candidates += [make.udp(address, component), make.passive(address, component)]
        candidates.append(make.active(host, component))
    priorities = {candidate.priority for candidate in candidates}
    assert len(priorities) == len(candidates) == 36
    assert all(1 <= priority <= MAX_PRIORITY for priority in priorities)


@pytest.mark.req("ICETCP-4.2-8")
def test_a_check_never_carries_the_priority_of_its_candidate() -> None:
    make = HostCandidates(["192.0.2.1", "192.0.2.2"])
    assert peer_reflexive_priority(make.active("192.0.2.1", 1)) == 1855979519
    assert peer_reflexive_priority(make.active("192.0.2.2", 1)) == 1855979519 - 256
    udp = make.udp(TransportAddress(host="192.0.2.1", port=4000), 2)
    assert peer_reflexive_priority(udp) == 1862270975 - 1


@pytest.mark.req("ICE-6.1.2.3-1")
def test_pair_priority_vectors() -> None:
    assert pair_priority(2128609279, 2124414975) == 9124292845014876159
    assert pair_priority(2124414975, 2128609279) == 9124292845014876158


@pytest.mark.req("ICE-6.1.2.3-1")
@given(st.integers(1, MAX_PRIORITY), st.integers(1, MAX_PRIORITY))
def test_pair_priority_is_the_formula_and_fits_64_bits(controlling: int, controlled: int) -> None:
    expected = (
        2**32 * min(controlling, controlled)
        + 2 * max(controlling, controlled)
        + (1 if controlling > controlled else 0)
    )
    assert pair_priority(controlling, controlled) == expected < 2**64


@pytest.mark.req("ICE-8421-1", "ICETCP-4.2-5")
def test_an_ipv4_address_follows_after_four_of_six_ipv6_ones() -> None:
    v6 = [f"2001:db8::{n}" for n in range(1, 7)]
    v4 = ["192.0.2.1", "192.0.2.2"]
    assert interleaved(v4 + v6) == (*v6[:4], v4[0], *v6[4:], v4[1])
    make = HostCandidates(interleaved(v4 + v6))
    candidates = [make.active(host, 1) for host in v4 + v6]
    ranked = [c.address.host for c in sorted(candidates, key=lambda c: -c.priority)]
    assert ranked == list(interleaved(v4 + v6))


@given(st.lists(st.ip_addresses().map(str), unique=True, max_size=12))
def test_interleaving_keeps_every_address_and_the_order_within_a_family(hosts: list[str]) -> None:
    mixed = interleaved(hosts)
    assert sorted(mixed) == sorted(hosts)
    for family in (":", "."):
        assert [h for h in mixed if family in h] == [h for h in hosts if family in h]
