"""Checks over UDP and over connections that we dial: requests, answers, failures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.candidates.priority import peer_reflexive_priority
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.config import IceConfig
from ice.messages import CandidateAdded, CheckAnswered, CheckSent, PacketRefused, PairStateChanged, SendFrame
from ice.outbox import Outbox
from ice.stun.attributes import (
    Attribute,
    IceControlled,
    IceControlling,
    MappedAddress,
    Priority,
    UnknownAttribute,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from ice.stun.message import MessageClass, Method, StunMessage, serialise, short_term_key
from ice.types import CandidateType, FlowId, PairState, Role, TcpType, Transport, TransportAddress
from tests.ice.single import (
    HOST,
    OURS,
    PEER,
    TCP_PEER,
    THEIRS,
    UDP_PEER,
    Single,
    remote_tcp,
    remote_udp,
)
from tests.ice.test_candidate import make

THEIR_KEY = short_term_key(THEIRS.password)


# --- what a check looks like -----------------------------------------------------------------------------


@pytest.mark.req("ICE-7.2-1", "ICETCP-4.2-8", "USE-13", "STUN-27", "ICE-7.1.2-1")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("tcp", [False, True])
def test_the_request(role: Role, tcp: bool) -> None:
    one = Single(role)
    one.remote(remote_tcp() if tcp else remote_udp())
    if tcp:
        one.opened(one.dials()[0].flow)
    (request,) = one.requests()
    local = one.pair(Transport.TCP if tcp else Transport.UDP).local
    assert request.method == Method.BINDING
    assert request.get(Username) == Username(value="them:ours")
    assert request.get(Priority) == Priority(value=peer_reflexive_priority(local))
    if tcp:
        assert request.get(Priority) == Priority(value=1855979519)
    kinds = {IceControlling: Role.CONTROLLING, IceControlled: Role.CONTROLLED}
    for kind, claimed in kinds.items():
        found = request.get(kind)
        assert (found is not None) is (claimed is role)
        assert found is None or found.tie_breaker == 1000
    assert request.get(UseCandidate) is None
    assert request.verifies(THEIR_KEY)
    assert not request.verifies(short_term_key(OURS.password))
    assert request.fingerprint
    assert request.integrity_algorithm is not None
    assert request.integrity_algorithm.name == "SHA1"


@pytest.mark.req("STUN-15", "SEC-5", "STUN-7")
def test_retransmissions_are_byte_identical_and_new_checks_have_new_ids() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp(5000), remote_udp(5002))
    one.wait(40)
    data = [command.data for command in one.commands if hasattr(command, "data")]
    assert len(data) == 14
    assert len(set(data)) == 2
    assert len({request.transaction_id for request in one.requests()}) == 2
    sent = one.said(CheckSent)
    assert [e.transmission for e in sent if e.pair_id == 1] == [1, 2, 3, 4, 5, 6, 7]
    assert [round(e.at - 100, 3) for e in sent if e.pair_id == 1] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


# --- answers over UDP ------------------------------------------------------------------------------------


@pytest.mark.req("ICE-7.2.5.3-1", "ICE-12.1-4")
def test_the_pair_itself_becomes_valid_where_the_peer_saw_our_address() -> None:
    one = Single()
    one.remote(remote_udp())
    one.now += 0.04
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    pair = one.pair()
    assert pair.state is PairState.SUCCEEDED
    assert pair.local.type is CandidateType.HOST
    (answered,) = one.said(CheckAnswered)
    assert answered.rtt_ms == pytest.approx(40)
    assert one.agent.accepts_data(one.udp, UDP_PEER) == 1


@pytest.mark.req("ICE-7.2.5.3-1", "ICE-7.2.5.3.2-1", "ICE-7.2.5.3.1-2", "ICE-7.3.1.4-3")
def test_behind_a_nat_a_peer_reflexive_candidate_is_found_and_not_paired() -> None:
    one = Single()
    one.remote(remote_udp(), remote_udp(5002, priority=1))
    before = len(one.agent.pairs)
    public = TransportAddress(host="203.0.113.7", port=61000)
    one.answer(one.requests()[0], one.udp, UDP_PEER, mapped=public)
    pair = one.agent.pairs[0]
    assert (pair.local.type, pair.local.address) == (CandidateType.PRFLX, public)
    assert pair.local.priority == 1862270975
    assert pair.local.base == TransportAddress(host=HOST, port=4010)
    assert len(one.agent.pairs) == before
    found = one.said(CandidateAdded)[-1]
    assert found.local
    assert found.candidate == pair.local


@pytest.mark.req("ICE-7.2.5.3-1")
def test_the_peer_may_have_seen_another_known_address_of_ours() -> None:
    one = Single(hosts=(HOST, "192.0.2.2"))
    one.remote(remote_udp())
    other = TransportAddress(host="192.0.2.2", port=4010)
    one.answer(one.requests()[0], one.udp, UDP_PEER, mapped=other)
    succeeded = [pair for pair in one.agent.pairs if pair.state is PairState.SUCCEEDED]
    assert [pair.local.type for pair in succeeded] == [CandidateType.HOST]
    assert succeeded[0].local.address == other


@pytest.mark.req("ICE-7.2.5.2-1")
def test_an_answer_from_elsewhere_fails_the_pair() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, TransportAddress(host=PEER, port=5999))
    assert one.pair().state is PairState.FAILED
    assert "5999" in one.pair().reason


@pytest.mark.req("STUN-30", "ICE-7.2-1")
def test_over_udp_a_forged_answer_is_dropped_and_the_true_one_still_counts() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    request = one.requests()[0]
    one.answer(request, one.udp, UDP_PEER, password="somebody else's password")
    assert one.pair().state is PairState.IN_PROGRESS
    assert one.agent.counters["unauthenticated_answers"] == 1
    one.wait(0.6)
    assert len(one.requests()) == 2
    one.answer(request, one.udp, UDP_PEER)
    assert one.pair().state is PairState.SUCCEEDED


@pytest.mark.req("STUN-25", "ICE-7.2.5.2-1")
@pytest.mark.parametrize("code", [400, 401, 420, 500, 699])
def test_an_authenticated_refusal_fails_the_pair(code: int) -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER, error=code)
    assert one.pair().state is PairState.FAILED
    assert str(code) in one.pair().reason


@pytest.mark.req("STUN-24")
@pytest.mark.parametrize("attributes", [(), (MappedAddress(address=UDP_PEER),)])
def test_an_answer_without_an_xor_mapped_address_fails_the_pair(attributes: tuple[Attribute, ...]) -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    answer = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.SUCCESS,
        transaction_id=one.requests()[0].transaction_id,
        attributes=attributes,
    )
    one.feed(one.udp, UDP_PEER, serialise(answer, integrity_key=THEIR_KEY, fingerprint=True))
    assert one.pair().state is PairState.FAILED
    assert one.pair().reason == "the answer has no mapped address"


@pytest.mark.req("STUN-6")
def test_an_answer_that_we_cannot_understand_fails_the_pair() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    answer = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.SUCCESS,
        transaction_id=one.requests()[0].transaction_id,
        attributes=(XorMappedAddress(address=UDP_PEER), UnknownAttribute(number=0x7F00, value=b"")),
    )
    one.feed(one.udp, UDP_PEER, serialise(answer, integrity_key=THEIR_KEY, fingerprint=True))
    assert one.pair().state is PairState.FAILED


@pytest.mark.req("STUN-14")
def test_an_answer_to_no_request_leaves_a_count_and_nothing_else() -> None:
    one = Single()
    one.remote(remote_udp())
    request = one.requests()[0]
    one.answer(request, one.udp, UDP_PEER)
    state = one.agent.pairs
    one.answer(request, one.udp, UDP_PEER)
    assert one.agent.pairs == state
    assert one.agent.counters["stray_answers"] == 1
    assert one.said(PacketRefused)[-1].reason == "answer to no request of ours"


@pytest.mark.req("ICE-7.2.5.1-1", "ICE-7.1.3-1", "ICETCP-7.1-12")
@pytest.mark.parametrize("tcp", [False, True])
def test_a_487_changes_the_role_and_repeats_the_check(tcp: bool) -> None:
    one = Single()
    one.remote(remote_tcp() if tcp else remote_udp())
    flow, remote = one.udp, UDP_PEER
    if tcp:
        flow, remote = one.dials()[0].flow, TCP_PEER
        one.opened(flow)
    one.answer(one.requests()[0], flow, remote, error=487)
    assert one.agent.role is Role.CONTROLLED
    one.wait(0.1)
    first, second = one.requests()
    assert first.get(IceControlling) is not None
    again = second.get(IceControlled)
    assert again is not None
    assert again.tie_breaker != 1000
    assert len(one.dials()) == (1 if tcp else 0), "on the same connection"


@pytest.mark.req("ICE-7.2.5.1-1")
def test_a_487_from_elsewhere_changes_the_role_too() -> None:
    """A NAT gives the answer another source; the peer ignores our checks until the roles are right."""
    one = Single(tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, replace(UDP_PEER, port=UDP_PEER.port + 1), error=487)
    assert one.agent.role is Role.CONTROLLED
    one.wait(0.1)
    assert one.requests()[-1].get(IceControlled) is not None


@pytest.mark.req("ICE-7.3.1.4-1", "ICE-8.1.2-4")
def test_a_check_cancelled_by_a_triggered_one_may_still_be_answered() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.wait(0.1)
    one.check(one.udp, UDP_PEER)
    one.wait(0.45)
    first, second = one.requests()
    assert first.transaction_id != second.transaction_id, "the first one is not retransmitted any more"
    one.answer(first, one.udp, UDP_PEER)
    assert one.pair().state is PairState.SUCCEEDED
    one.answer(second, one.udp, UDP_PEER, error=500)
    assert one.pair().state is PairState.SUCCEEDED, "nor does what the second one brings"
    one.wait(40)
    assert one.pair().state is PairState.SUCCEEDED
    assert len(one.requests()) == 2


# --- over TCP --------------------------------------------------------------------------------------------


def dialled(one: Single, *, connect_s: float = 0.05) -> FlowId:
    """Set a passive TCP candidate as the only one, dial, connect."""
    one.remote(remote_tcp())
    (dial,) = one.dials()
    one.wait(connect_s)
    one.opened(dial.flow)
    return dial.flow


@pytest.mark.req("ICETCP-7.1-1", "ICETCP-7.1-2", "ICETCP-3-3", "ICETCP-7.1-5")
def test_dial_from_the_interface_any_port_then_one_request() -> None:
    one = Single()
    flow = dialled(one)
    (dial,) = one.dials()
    assert dial.local == TransportAddress(host=HOST, port=0)
    assert dial.remote == TCP_PEER
    assert one.pair(Transport.TCP).state is PairState.IN_PROGRESS
    one.wait(10)
    assert len(one.requests(flow)) == 1
    assert len(one.dials()) == 1


@pytest.mark.req("ICETCP-7.1-9", "ICETCP-7.1-10", "ICETCP-P-1", "ICETCP-F-3", "ICE-7.2.5.3.2-1")
def test_the_valid_pair_has_the_real_port() -> None:
    one = Single(Role.CONTROLLED)
    flow = dialled(one)
    before = len(one.agent.pairs)
    mapped = TransportAddress(host=HOST, port=50000)
    one.answer(one.requests()[0], flow, TCP_PEER, mapped=mapped)
    pair = one.pair(Transport.TCP)
    assert (pair.state, pair.local.type, pair.local.tcptype) == (
        PairState.SUCCEEDED,
        CandidateType.PRFLX,
        TcpType.ACTIVE,
    )
    assert pair.local.address == mapped
    assert pair.local.priority == 1855979519
    assert pair.local.base == TransportAddress(host=HOST, port=9)
    assert len(one.agent.pairs) == before
    assert one.agent.accepts_data(flow, TCP_PEER) == 1


@pytest.mark.req("ICETCP-7.1-4", "STUN-21")
def test_a_refused_connection_fails_its_pair_at_once() -> None:
    one = Single()
    one.remote(remote_tcp())
    one.refuse(one.dials()[0].flow)
    assert one.pair(Transport.TCP).state is PairState.FAILED
    assert one.pair(Transport.TCP).reason == "connection refused"
    assert one.said(PairStateChanged)[-1].at == one.now == 100.0


@pytest.mark.req("ICETCP-7.1-4", "STUN-21", "ICETCP-8-4")
def test_a_connection_that_ends_during_the_check_fails_its_pair_at_once() -> None:
    one = Single()
    flow = dialled(one)
    one.lost(flow)
    assert one.pair(Transport.TCP).state is PairState.FAILED


@pytest.mark.req("ICETCP-7.1-6")
def test_the_time_limit_counts_from_dialling() -> None:
    one = Single()
    flow = dialled(one, connect_s=30)
    one.wait(9.4)
    assert one.pair(Transport.TCP).state is PairState.IN_PROGRESS
    one.wait(0.2)
    assert one.pair(Transport.TCP).state is PairState.FAILED
    assert flow in one.closed()
    never = Single()
    never.remote(remote_tcp())
    never.wait(39.6)
    assert never.pair(Transport.TCP).state is PairState.FAILED
    assert never.closed() == {never.dials()[0].flow: "the connection could not be opened in time"}


@pytest.mark.req("ICETCP-7.1-8")
def test_an_answer_on_another_connection_is_dropped() -> None:
    one = Single(hosts=(HOST, "192.0.2.2"), udp=False)
    one.remote(remote_tcp())
    one.wait(0.1)
    first, second = one.dials()
    one.opened(first.flow)
    one.opened(second.flow)
    request = one.requests(first.flow)[0]
    one.answer(request, second.flow, TCP_PEER)
    assert {pair.state for pair in one.agent.pairs} == {PairState.IN_PROGRESS}
    assert one.agent.counters["misplaced_answers"] == 1
    one.answer(request, first.flow, TCP_PEER)
    assert PairState.SUCCEEDED in {pair.state for pair in one.agent.pairs}


@pytest.mark.req("STUN-30")
def test_over_tcp_a_forged_answer_ends_the_check() -> None:
    one = Single()
    flow = dialled(one)
    one.answer(one.requests()[0], flow, TCP_PEER, password="somebody else's password")
    assert one.pair(Transport.TCP).state is PairState.FAILED
    assert flow in one.closed()


@pytest.mark.req("ICETCP-7.1-14")
@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 400 Bad Request\r\n", b"\x80\x00" + bytes(170), b"", b"SSH-2.0-x"]
)
def test_somebody_else_listens_there(first: bytes) -> None:
    one = Single(hosts=(HOST, "192.0.2.2"), udp=False)
    one.remote(remote_tcp(), remote_tcp(5005, priority=5))
    one.wait(0.1)
    there = [dial for dial in one.dials() if dial.remote == TCP_PEER]
    one.opened(there[0].flow)
    one.feed(there[0].flow, TCP_PEER, first)
    by_port = {(pair.remote.address.port, pair.state) for pair in one.agent.pairs}
    assert by_port == {(5001, PairState.FAILED), (5005, PairState.IN_PROGRESS)}
    assert {dial.flow for dial in there} <= set(one.closed())
    one.wait(38)
    assert len(one.dials()) == 4, "nobody dials there again"


def test_garbage_on_a_connection_that_is_not_needed_any_more_costs_nothing_else() -> None:
    one = Single(Role.CONTROLLED, hosts=(HOST, "192.0.2.2"), udp=False)
    one.remote(remote_tcp())
    one.wait(0.1)
    first, second = (dial.flow for dial in one.dials())
    one.opened(first)
    one.opened(second)
    one.check(first, TCP_PEER, use_candidate=True)
    one.answer(one.requests(first)[0], first, TCP_PEER, mapped=TransportAddress(host=HOST, port=50000))
    one.feed(second, TCP_PEER, b"HTTP/1.1 400 Bad Request")
    assert set(one.closed()) == {second}
    selected = one.agent.selected(1)
    assert selected is not None
    assert selected.state is PairState.SUCCEEDED


@pytest.mark.req("ICETCP-7.1-14")
def test_a_check_of_the_peer_may_come_before_its_answer() -> None:
    one = Single(Role.CONTROLLED)
    flow = dialled(one)
    one.check(flow, TCP_PEER)
    assert flow not in one.closed()
    assert len(one.requests(flow)) == 1, "the request that is out is not repeated over TCP"
    one.feed(flow, TCP_PEER, b"\x80\x00" + bytes(20))
    assert flow not in one.closed()
    one.answer(one.requests()[0], flow, TCP_PEER)
    assert one.pair(Transport.TCP).state is PairState.SUCCEEDED


@pytest.mark.req("ICETCP-12-2", "ICETCP-12-9")
def test_five_attempts_at_most_to_one_address_and_others_do_not_wait() -> None:
    one = Single(udp=False)
    one.remote(
        *(remote_tcp(5000 + n, priority=2_000_000_000 - n) for n in range(12)),
        *(remote_tcp(6000 + n, host="198.51.100.2", priority=1000 - n) for n in range(2)),
    )
    one.wait(1)
    hosts = [dial.remote.host for dial in one.dials()]
    assert hosts.count(PEER) == 5
    assert hosts.count("198.51.100.2") == 2
    assert one.agent.next_timer() is not None
    one.refuse(one.dials()[0].flow)
    one.wait(0.02)
    assert [dial.remote.host for dial in one.dials()].count(PEER) == 6
    waiting = [pair for pair in one.agent.pairs if pair.state is PairState.WAITING]
    assert len(waiting) == 6


@pytest.mark.req("ICETCP-3-1")
def test_a_passive_candidate_never_dials() -> None:
    pair = Pair(
        number=1,
        local=make(tcptype=TcpType.PASSIVE),
        remote=remote_tcp(9, TcpType.ACTIVE),
        role=Role.CONTROLLING,
        flow=None,
    )
    outbox = Outbox()
    with pytest.raises(ValueError, match="active"):
        ConnectionTable(config=IceConfig(), outbox=outbox).dial(pair, 0.0)
    assert outbox.take_commands() == []


@pytest.mark.req("ICETCP-6.2-4", "ICETCP-6.2-2")
def test_nobody_dials_an_active_candidate() -> None:
    one = Single()
    one.remote(
        remote_tcp(9, TcpType.ACTIVE), remote_tcp(1, TcpType.ACTIVE), remote_tcp(65535, TcpType.ACTIVE)
    )
    one.wait(30)
    assert one.dials() == []
    assert one.agent.pairs == ()


@pytest.mark.req("ICETCP-4.2-9")
@pytest.mark.parametrize("priority", [1, 1518214911, 2**31 - 1])
def test_priorities_of_the_peer_only_order(priority: int) -> None:
    one = Single()
    one.remote(remote_tcp(priority=priority), remote_udp(priority=77))
    one.wait(0.1)
    assert [dial.remote for dial in one.dials()] == [TCP_PEER]
    assert len(one.agent.pairs) == 2


@pytest.mark.req("ICETCP-12-3", "SEC-2", "ICE-6.1.2.5-1", "ICETCP-12-4")
def test_a_thousand_hostile_candidates() -> None:
    one = Single(config=IceConfig(max_remote_candidates=1000))
    hostile = ("224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1")
    one.remote(
        *(remote_udp(1 + n, host=f"198.51.100.{n % 250 + 1}", priority=1 + n) for n in range(1000)),
        *(remote_udp(5000, host=host) for host in hostile),
    )
    one.wait(60)
    assert len(one.agent.pairs) == 100
    targets = {command.remote.host for command in one.commands if hasattr(command, "remote")}
    assert not targets & set(hostile)
    assert one.agent.counters["candidates_refused"] == 4
    few = Single()
    few.remote(*(remote_udp(1 + n) for n in range(1000)))
    assert len(few.agent.pairs) == 32


def test_frames_go_to_connections_and_datagrams_to_sockets() -> None:
    one = Single()
    flow = dialled(one)
    assert [c.flow for c in one.commands if isinstance(c, SendFrame)] == [flow]
