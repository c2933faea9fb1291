"""Preference modes and policies: the vectors of RFC 6544 appendix C, order, range, uniqueness."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.preference import Prefer, Priorities
from ice.candidates.priority import MAX_PRIORITY, local_priority, peer_reflexive_priority
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, CandidateType, Role, TcpType, Transport, TransportAddress
from tests.ice.sessions import CONFIG, connect, two

HOST, SRFLX, PRFLX, RELAY = (
    CandidateType.HOST,
    CandidateType.SRFLX,
    CandidateType.PRFLX,
    CandidateType.RELAY,
)
ACTIVE, PASSIVE, SO = TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO
KINDS = tuple(itertools.product((HOST, SRFLX, RELAY), (None, ACTIVE, PASSIVE, SO)))


def candidate(kind: CandidateType, tcptype: TcpType | None, rank: int = 0, component: int = 1) -> Candidate:
    return Candidate(
        foundation="1",
        component=component,
        transport=Transport.UDP if tcptype is None else Transport.TCP,
        priority=local_priority(kind, tcptype, rank, component),
        address=TransportAddress(host="192.0.2.1", port=4000),
        type=kind,
        tcptype=tcptype,
    )


def given_by(prefer: Prefer, kind: CandidateType, tcptype: TcpType | None) -> Candidate:
    return Priorities(prefer, mixed=True).give(candidate(kind, tcptype))


@pytest.mark.req("ICETCP-4.2-6", "ICETCP-4.2-7")
@pytest.mark.parametrize(
    ("kind", "tcptype", "priority"),
    [
        (HOST, ACTIVE, 2111832063),
        (HOST, PASSIVE, 2107637759),
        (SRFLX, ACTIVE, 1671430143),
        (SRFLX, PASSIVE, 1667235839),
        (HOST, None, 2130706431),
        (SRFLX, None, 1694498815),
        (RELAY, None, 16777215),
        (RELAY, PASSIVE, 10485759),
    ],
)
def test_type_first_gives_the_numbers_of_the_second_example(
    kind: CandidateType, tcptype: TcpType | None, priority: int
) -> None:
    assert given_by("type", kind, tcptype).priority == priority


@pytest.mark.req("ICETCP-4.2-1")
@pytest.mark.parametrize("prefer", ["type", "transport"])
def test_tcp_alone_has_the_numbers_of_the_first_example(prefer: Prefer) -> None:
    alone = Priorities(prefer, mixed=False)
    made = [alone.give(candidate(HOST, tcptype)) for tcptype in (ACTIVE, PASSIVE, SO)]
    assert [c.priority for c in made] == [2128609279, 2124414975, 2120220671]
    assert made[0].check_priority == 1855979519


@pytest.mark.req("ICETCP-4.2-8", "ICETCP-4.2-7")
def test_checks_carry_the_peer_reflexive_priority_of_the_mode() -> None:
    assert peer_reflexive_priority(given_by("type", HOST, ACTIVE)) == 1839202303
    assert peer_reflexive_priority(given_by("type", HOST, None)) == 1862270975
    transport_first = peer_reflexive_priority(given_by("transport", HOST, ACTIVE))
    assert transport_first == (83 << 24) + (4 << 13 | 8191) * 256 + 255


@pytest.mark.req("ICETCP-4.2-6")
def test_the_order_of_each_mode() -> None:
    relayed = [(RELAY, None), (RELAY, ACTIVE)]
    orders: dict[Prefer, list[tuple[CandidateType, TcpType | None]]] = {
        "type": [(HOST, None), (HOST, ACTIVE), (SRFLX, None), (SRFLX, SO), *relayed],
        "transport": [(HOST, None), (SRFLX, None), (HOST, ACTIVE), (SRFLX, SO), *relayed],
    }
    for prefer, order in orders.items():
        priorities = [given_by(prefer, kind, tcptype).priority for kind, tcptype in order]
        assert priorities == sorted(priorities, reverse=True), prefer


@pytest.mark.req("ICETCP-4.2-6", "ICETCP-4.2-7")
@pytest.mark.parametrize("prefer", ["type", "transport"])
@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    ranks=st.tuples(st.integers(0, 200), st.integers(0, 200)),
)
def test_whatever_the_addresses_each_mode_keeps_its_promise(
    prefer: Prefer,
    kinds: tuple[tuple[CandidateType, TcpType | None], tuple[CandidateType, TcpType | None]],
    ranks: tuple[int, int],
) -> None:
    priorities = Priorities(prefer, mixed=True)
    one, other = (
        priorities.give(candidate(*kind, rank=rank)) for kind, rank in zip(kinds, ranks, strict=True)
    )
    assert one.priority != other.priority
    assert all(1 <= c.priority <= MAX_PRIORITY for c in (one, other))
    if one.transport is Transport.UDP and other.transport is Transport.TCP:
        if prefer == "transport" and one.type is not RELAY:
            assert one.priority > other.priority
        if one.type is other.type:
            assert one.priority > other.priority
    if one.type is not RELAY and other.type is RELAY:
        assert one.priority > other.priority
    if one.transport is other.transport and (one.type, other.type) == (HOST, SRFLX):
        assert one.check_priority is not None
        assert other.priority < one.check_priority < one.priority, "prflx lies between host and srflx"


@pytest.mark.req("ICE-5.1.2-1")
def test_two_mappings_of_one_socket_at_one_server_get_two_priorities() -> None:
    priorities = Priorities("type", mixed=True)
    made = [priorities.give(candidate(SRFLX, None)) for _ in range(3)]
    assert [c.priority for c in made] == [1694498815, 1694498815 - 256, 1694498815 - 512]


@pytest.mark.req("USE-10")
def test_a_policy_of_the_application_decides() -> None:
    def relays_first(ours: Candidate) -> int:
        return ours.priority + (126 << 24 if ours.type is RELAY else 0)

    priorities = Priorities("type", mixed=True, policy=relays_first)
    relay, host = priorities.give(candidate(RELAY, None)), priorities.give(candidate(HOST, ACTIVE))
    assert relay.priority == 16777215 + (126 << 24)
    assert host.priority == 2128609279, "the mode is not asked"
    assert host.check_priority == 1855979519


@pytest.mark.req("USE-10")
@pytest.mark.parametrize("number", [0, -5, 2**31])
def test_a_policy_that_leaves_the_range_is_refused(number: int) -> None:
    priorities = Priorities("type", mixed=True, policy=lambda _: number)
    with pytest.raises(ValueError, match="outside 1 to"):
        priorities.give(candidate(HOST, None))


@pytest.mark.req("USE-10")
def test_a_policy_that_repeats_itself_is_refused() -> None:
    priorities = Priorities("type", mixed=True, policy=lambda _: 7)
    priorities.give(candidate(HOST, None))
    with pytest.raises(ValueError, match="that of another candidate"):
        priorities.give(candidate(HOST, ACTIVE))


# --- in a session ------------------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-4.2-6")
@pytest.mark.parametrize(("prefer", "kind"), [("type", 125), ("transport", 99)])
async def test_a_session_tells_the_priorities_of_its_mode(prefer: Prefer, kind: int) -> None:
    async with two(udp=False, config=replace(CONFIG, prefer=prefer)) as (left, right, _):
        kinds = {c.transport: c.priority >> 24 for c in left.description.candidates}
        assert kinds == {Transport.UDP: 126, Transport.TCP: kind}
        await connect(left, right)
        # What the peer learns from our check is what the mode gives a peer-reflexive candidate.
        pair = right.session.path(1).pair
        assert pair is not None
        learned = pair.remote if pair.remote.type is PRFLX else pair.local
        assert learned.priority >> 24 == kind - 126 + 110


@pytest.mark.req("USE-10")
async def test_a_policy_changes_priorities_and_nothing_else() -> None:
    plain = Session(network=HostNetwork(), config=CONFIG, role=Role.CONTROLLING)
    config = replace(CONFIG, prioritisation=lambda ours: ours.priority // 2)
    policy = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
    try:
        told = [(await session.gather()).candidates for session in (plain, policy)]
        usual, ours = ({(c.transport, c.tcptype, c.type): c for c in candidates} for candidates in told)
        assert usual.keys() == ours.keys()
        for key, candidate in ours.items():
            assert candidate.foundation == usual[key].foundation
            assert candidate.base == usual[key].base
            assert candidate.priority < 2**30 < usual[key].priority
    finally:
        await plain.close()
        await policy.close()


@pytest.mark.req("USE-10")
async def test_a_bad_policy_is_told_when_candidates_are_gathered() -> None:
    session = Session(
        network=HostNetwork(), config=replace(CONFIG, prioritisation=lambda _: 1), role=Role.CONTROLLING
    )
    with pytest.raises(ValueError, match="that of another candidate"):
        await session.gather()
    assert session.open_sockets == 0
