"""The check list: forming, pruning, the limit, states, whose turn it is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.checks.checklist import CheckList
from ice.checks.checklist_set import CheckListSet
from ice.checks.pair import Pair
from ice.messages import PairAdded, PairStateChanged
from ice.outbox import Outbox
from ice.types import (
    Candidate,
    CandidateType,
    FlowId,
    PairState,
    Role,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.test_candidate import make

NOW = 10.0
UDP_SOCKET = FlowId(1)


def check_list(max_pairs: int = 100, outbox: Outbox | None = None) -> CheckList:
    return CheckList(role=Role.CONTROLLING, max_pairs=max_pairs, outbox=outbox or Outbox())


def local(candidate: Candidate) -> tuple[Candidate, FlowId | None]:
    return candidate, UDP_SOCKET if candidate.transport is Transport.UDP else None


def remotes(count: int, tcptype: TcpType | None = None) -> list[Candidate]:
    return [make(tcptype=tcptype, host="198.51.100.1", port=5000 + n, rank=n) for n in range(count)]


def anybody(_: Pair) -> bool:
    return True


# --- forming and pruning -----------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-6.2-1", "ICETCP-6.2-2", "ICETCP-6.2-4", "ICETCP-7.1-15")
def test_one_list_holds_udp_and_tcp_by_priority_and_nothing_local_passive() -> None:
    ours = [make(), make(tcptype=TcpType.ACTIVE, port=9), make(tcptype=TcpType.PASSIVE)]
    theirs = [
        make(host="198.51.100.1"),
        make(host="198.51.100.1", port=9, tcptype=TcpType.ACTIVE),
        make(host="198.51.100.1", tcptype=TcpType.PASSIVE),
        make(host="198.51.100.1", port=4001, tcptype=TcpType.SO),
    ]
    checks = check_list()
    checks.form(map(local, ours), theirs, NOW)
    assert [(p.local.tcptype, p.remote.tcptype) for p in checks] == [
        (None, None),
        (TcpType.ACTIVE, TcpType.PASSIVE),
    ]
    assert [p.flow for p in checks] == [UDP_SOCKET, None]


@pytest.mark.req("ICETCP-6.2-2")
def test_the_list_of_a_passive_agent_is_empty() -> None:
    checks = check_list()
    passive = make(tcptype=TcpType.PASSIVE)
    assert checks.form([(passive, FlowId(2))], remotes(1, TcpType.ACTIVE), NOW) == ()
    assert len(checks) == 0


@pytest.mark.req("ICE-6.1.2.4-1", "ICETCP-6.2-3")
def test_reflexive_candidates_of_ours_fall_away_behind_their_base() -> None:
    host = make()
    srflx = make(CandidateType.SRFLX, host="203.0.113.1", base=host.address)
    active = make(tcptype=TcpType.ACTIVE, port=9)
    srflx_active = make(CandidateType.SRFLX, TcpType.ACTIVE, host="203.0.113.1", port=9, base=active.address)
    checks = check_list()
    theirs = [*remotes(1), *remotes(1, TcpType.PASSIVE)]
    checks.form(map(local, [srflx, srflx_active, host, active]), theirs, NOW)
    assert [pair.local for pair in checks] == [host, active]


@pytest.mark.req("ICETCP-B-5")
def test_nobody_is_paired_with_himself() -> None:
    ours = make()
    assert check_list().form([local(ours)], [make()], NOW) == ()


@pytest.mark.req("ICE-6.1.2.5-1", "ICETCP-6.2-6")
def test_the_limit_counts_udp_and_tcp_together_and_drops_the_lowest() -> None:
    checks = check_list(max_pairs=100)
    ours = [make(), make(tcptype=TcpType.ACTIVE, port=9)]
    theirs = [*remotes(60), *remotes(80, TcpType.PASSIVE)]
    added = checks.form(map(local, ours), theirs, NOW)
    assert len(checks) == len(added) == 100
    kept = [pair.local.transport for pair in checks]
    assert kept.count(Transport.UDP) == 60
    tcp_ranks = [pair.remote.address.port - 5000 for pair in checks if pair.is_tcp]
    assert tcp_ranks == list(range(40))


@pytest.mark.req("ICE-6.1.2.5-1")
def test_the_limit_is_shared_evenly_by_the_lists_of_a_session() -> None:
    lists = [check_list(), check_list(max_pairs=7)]
    group = CheckListSet(lists, max_pairs=100)
    for checks in lists:
        checks.form([local(make())], remotes(100), NOW)
    assert [len(checks) for checks in lists] == [50, 50]
    assert all(pair.remote.address.port < 5050 for checks in lists for pair in checks), "the best ones"
    again = check_list()
    group.add(again, 0)
    assert again.max_pairs == 50, "another generation of the first stream"
    third = check_list()
    group.add(third, 2)
    assert [checks.max_pairs for checks in (*lists, again, third)] == [33] * 4


def test_beyond_the_limit_failed_pairs_go_first_and_running_checks_stay() -> None:
    checks = check_list(max_pairs=3)
    first = checks.form([local(make())], remotes(3), NOW)
    checks.set_state(first[0], PairState.FAILED, NOW)
    checks.set_state(first[1], PairState.IN_PROGRESS, NOW)
    checks.set_state(first[2], PairState.SUCCEEDED, NOW)
    better = make(host="198.51.100.9")
    added = checks.form([local(make())], [better], NOW)
    assert len(added) == 1
    assert set(checks) == {first[1], first[2], added[0]}
    assert checks.form([local(make())], [make(host="198.51.100.8")], NOW) == (), "nothing is left to drop"
    assert checks.insert(make(), make(host="198.51.100.7"), UDP_SOCKET, NOW) is not None
    full = {pair for pair in checks if pair.state is not PairState.FROZEN}
    assert full == {first[1], first[2]}


@pytest.mark.req("ICE-6.1.2-1", "ICETCP-6.2-9")
def test_adding_candidates_leaves_what_is_there_alone() -> None:
    checks = check_list()
    (pair,) = checks.form([local(make())], remotes(1), NOW)
    checks.set_state(pair, PairState.IN_PROGRESS, NOW)
    passive = make(tcptype=TcpType.PASSIVE)
    dialler = make(CandidateType.PRFLX, TcpType.ACTIVE, host="198.51.100.1", port=51000)
    triggered = checks.insert(passive, dialler, FlowId(7), NOW)
    assert triggered is not None
    checks.trigger(triggered, NOW)
    added = checks.form(map(local, [make(), passive]), remotes(2), NOW)
    assert [p.remote.address.port for p in added] == [5001]
    assert pair.state is PairState.IN_PROGRESS
    assert triggered in checks
    assert checks.triggered == (triggered,)


@pytest.mark.req("TRI-4")
def test_a_peer_reflexive_candidate_that_is_signalled_later_keeps_its_pair_and_check() -> None:
    checks = check_list()
    learned = make(CandidateType.PRFLX, host="198.51.100.1", port=5000)
    pair = checks.insert(make(), learned, UDP_SOCKET, NOW)
    assert pair is not None
    checks.set_state(pair, PairState.IN_PROGRESS, NOW)
    assert checks.form([local(make())], remotes(1), NOW) == ()
    assert list(checks) == [pair]
    assert pair.state is PairState.IN_PROGRESS


# --- states ------------------------------------------------------------------------------------------------


def stream(foundations: str, components: int = 1, start: int = 0) -> CheckList:
    """A list with one pair per component and foundation, given as letters."""
    checks = check_list()
    for component, (number, letter) in itertools.product(range(1, components + 1), enumerate(foundations)):
        theirs = Candidate(
            foundation=letter,
            component=component,
            transport=Transport.UDP,
            priority=10_000 - 10 * number - component,
            address=TransportAddress(host="198.51.100.1", port=6000 + start + 10 * number + component),
            type=CandidateType.HOST,
        )
        checks.form([local(make(component=component))], [theirs], NOW)
    return checks


def states(checks: CheckList) -> dict[str, PairState]:
    return {f"{pair.foundation[1]}{pair.component}": pair.state for pair in checks}


def waiting(checks: CheckList) -> str:
    return " ".join(name for name, state in states(checks).items() if state is PairState.WAITING)


@pytest.mark.req("ICE-6.1.2.6-1", "USE-19")
def test_initial_states_over_three_streams() -> None:
    lists = [stream("abc"), stream("abcd"), stream("ae")]
    group = CheckListSet(lists)
    group.activate([pair for checks in lists for pair in checks], NOW)
    assert [waiting(checks) for checks in lists] == ["a1 b1 c1", "d1", "e1"]
    lists = [stream("ae"), stream("abcd"), stream("abc")]
    CheckListSet(lists).activate([pair for checks in lists for pair in checks], NOW)
    assert [waiting(checks) for checks in lists] == ["a1 e1", "b1 c1 d1", ""]


@pytest.mark.req("ICE-6.1.2.6-1")
def test_of_two_components_the_lower_one_waits() -> None:
    checks = stream("ab", components=2)
    CheckListSet([checks]).activate(list(checks), NOW)
    assert waiting(checks) == "a1 b1"


@pytest.mark.req("ICE-7.2.5.3.3-1")
def test_success_unfreezes_its_foundation_everywhere_and_failure_does_not() -> None:
    lists = [stream("ab", components=2), stream("ab")]
    group = CheckListSet(lists)
    group.activate([pair for checks in lists for pair in checks], NOW)
    first, second = next(iter(lists[0])), list(lists[0])[1]
    assert (first.foundation[1], second.foundation[1]) == ("a", "a")
    lists[0].set_state(first, PairState.FAILED, NOW)
    assert (waiting(lists[0]), waiting(lists[1])) == ("b1", "")
    lists[0].set_state(first, PairState.SUCCEEDED, NOW)
    group.unfreeze(first.foundation, NOW)
    assert (waiting(lists[0]), waiting(lists[1])) == ("a2 b1", "a1")


@pytest.mark.req("TRI-10")
def test_the_state_of_pairs_that_come_later() -> None:
    checks = stream("ab", components=2)
    group = CheckListSet([checks])
    group.activate(list(checks), NOW)
    a1 = next(pair for pair in checks if (pair.foundation[1], pair.component) == ("a", 1))
    checks.set_state(a1, PairState.SUCCEEDED, NOW)

    def add(foundation: str, component: int, priority: int, port: int) -> Pair:
        theirs = Candidate(
            foundation=foundation,
            component=component,
            transport=Transport.UDP,
            priority=priority,
            address=TransportAddress(host="198.51.100.1", port=port),
            type=CandidateType.HOST,
        )
        (pair,) = checks.form([local(make(component=component))], [theirs], NOW)
        group.activate([pair], NOW)
        return pair

    assert add("b", 1, 20_000, 7001).state is PairState.WAITING, "topmost of its foundation"
    assert add("a", 2, 5, 7002).state is PairState.WAITING, "its foundation has succeeded"
    assert add("b", 2, 5, 7003).state is PairState.FROZEN


@pytest.mark.req("ICETCP-6.2-8", "ICETCP-3-6")
def test_states_are_told_once_each() -> None:
    outbox = Outbox()
    checks = check_list(outbox=outbox)
    (pair,) = checks.form([local(make(tcptype=TcpType.ACTIVE, port=9))], remotes(1, TcpType.PASSIVE), NOW)
    for state in (PairState.WAITING, PairState.IN_PROGRESS, PairState.IN_PROGRESS, PairState.SUCCEEDED):
        checks.set_state(pair, state, NOW)
    checks.set_state(pair, PairState.FAILED, NOW + 1, "connection refused")
    added, *changes = outbox.take_events()
    assert isinstance(added, PairAdded)
    assert [(c.at, c.state, c.reason) for c in changes if isinstance(c, PairStateChanged)] == [
        (NOW, PairState.WAITING, ""),
        (NOW, PairState.IN_PROGRESS, ""),
        (NOW, PairState.SUCCEEDED, ""),
        (NOW + 1, PairState.FAILED, "connection refused"),
    ]
    assert outbox.take_events() == []


# --- turns -------------------------------------------------------------------------------------------------


@pytest.mark.req("ICE-6.1.4-1", "ICETCP-7.1-15")
def test_triggered_first_then_by_priority_then_what_thaws() -> None:
    checks = stream("abc", components=2)
    group = CheckListSet([checks])
    group.activate(list(checks), NOW)
    late = next(pair for pair in checks if (pair.foundation[1], pair.component) == ("c", 2))
    checks.trigger(late, NOW)
    order = []
    while (pair := group.next_check(anybody, NOW)) is not None:
        order.append(f"{pair.foundation[1]}{pair.component}")
        checks.set_state(pair, PairState.IN_PROGRESS, NOW)
    assert order == ["c2", "a1", "b1", "c1"], "a2 and b2 stay frozen while their foundation is busy"
    for pair in checks:
        if pair.component == 1:
            checks.set_state(pair, PairState.FAILED, NOW)
    while (pair := group.next_check(anybody, NOW)) is not None:
        order.append(f"{pair.foundation[1]}{pair.component}")
        checks.set_state(pair, PairState.IN_PROGRESS, NOW)
    assert order[4:] == ["a2", "b2"]


@pytest.mark.req("ICE-6.1.4-1", "USE-5")
def test_lists_take_turns_and_an_idle_one_passes_its_tick_on() -> None:
    lists = [stream("ab"), stream("cde", start=100)]
    group = CheckListSet(lists)
    group.activate([pair for checks in lists for pair in checks], NOW)
    order = []
    while (pair := group.next_check(anybody, NOW)) is not None:
        order.append(pair.foundation[1])
        next(checks for checks in lists if pair in checks).set_state(pair, PairState.IN_PROGRESS, NOW)
    assert order == ["a", "c", "b", "d", "e"]


def test_the_queue_of_all_lists_is_the_order_in_which_they_are_checked() -> None:
    lists = [stream("ab"), stream("cde", start=100)]
    group = CheckListSet(lists)
    group.activate([pair for checks in lists for pair in checks], NOW)
    while queue := group.queue:
        taken = group.next_check(anybody, NOW)
        assert taken is queue[0]
        next(checks for checks in lists if taken in checks).set_state(taken, PairState.IN_PROGRESS, NOW)
        assert group.queue == queue[1:]
    assert CheckListSet(()).queue == ()


def test_lists_stand_in_the_order_of_their_streams_and_may_leave() -> None:
    first, second = stream("ab"), stream("ab")
    group = CheckListSet(())
    group.add(second, 1)
    group.add(first, 0)
    group.activate([*first, *second], NOW)
    assert (waiting(first), waiting(second)) == ("a1 b1", "")
    group.remove(first)
    assert group.next_check(anybody, NOW) is not None, "nobody works on these foundations any more"
    assert waiting(second) == "a1 b1"


@pytest.mark.req("ICETCP-12-9")
def test_a_pair_that_may_not_start_stays_and_the_turn_goes_on() -> None:
    checks = stream("abc")
    group = CheckListSet([checks])
    group.activate(list(checks), NOW)
    top, second, _ = checks
    checks.trigger(top, NOW)
    taken = group.next_check(lambda pair: pair is not top, NOW)
    assert taken is second
    assert top.state is PairState.WAITING
    assert checks.triggered == (top,)
    assert group.next_check(anybody, NOW) is top


@pytest.mark.req("ICETCP-12-9", "ICE-6.1.4-1")
def test_a_pair_that_may_not_start_keeps_no_other_foundation_frozen() -> None:
    checks = stream("ab", components=2)
    group = CheckListSet([checks])
    group.activate(list(checks), NOW)
    a1, b1 = (pair for pair in checks if pair.component == 1)
    checks.set_state(a1, PairState.FAILED, NOW)
    assert waiting(checks) == "b1"
    taken = group.next_check(lambda pair: pair is not b1, NOW)
    assert taken is not None
    assert (taken.foundation[1], taken.component) == ("a", 2)
    assert (b1.state, waiting(checks)) == (PairState.WAITING, "a2 b1"), "b is busy: b2 stays Frozen"
    checks.set_state(taken, PairState.IN_PROGRESS, NOW)
    assert group.next_check(anybody, NOW) is b1


def test_a_nomination_goes_ahead_of_the_queue_and_keeps_the_pair_succeeded() -> None:
    checks = stream("abc")
    pairs = list(checks)
    checks.set_state(pairs[2], PairState.SUCCEEDED, NOW)
    checks.trigger(pairs[0], NOW)
    checks.trigger(pairs[1], NOW)
    checks.trigger(pairs[0], NOW)
    checks.trigger(pairs[2], NOW, first=True)
    assert checks.triggered == (pairs[2], pairs[1], pairs[0]), "nobody stands in the queue twice"
    assert pairs[2].state is PairState.SUCCEEDED
    checks.untrigger(pairs[2])
    checks.untrigger(pairs[2])
    assert checks.queue[:2] == (pairs[1], pairs[0])


def test_a_dropped_pair_leaves_the_queue_and_is_remembered() -> None:
    outbox = Outbox()
    checks = check_list(outbox=outbox)
    (pair,) = checks.form([local(make())], remotes(1), NOW)
    checks.trigger(pair, NOW)
    outbox.take_events()
    checks.drop(pair, "not needed", NOW)
    assert (len(checks), checks.triggered, checks.history) == (0, (), (pair,))
    assert pair.cancelled
    (event,) = outbox.take_events()
    assert isinstance(event, PairStateChanged)
    assert (event.state, event.reason) == (PairState.WAITING, "not needed")


@given(st.data())
def test_whatever_happens_the_queue_and_the_list_agree(data: st.DataObject) -> None:
    """Random sequences of operations: order by priority, no pair twice, next checks are Waiting ones."""
    checks = check_list(max_pairs=data.draw(st.integers(1, 8)))
    group = CheckListSet([checks])
    outcomes = [state for state in PairState if state is not PairState.FROZEN]
    for _ in range(data.draw(st.integers(1, 25))):
        action = data.draw(st.sampled_from(["form", "trigger", "state", "next", "drop", "unfreeze", "role"]))
        pairs = list(checks)
        if action == "form":
            port = data.draw(st.integers(5000, 5020))
            theirs = make(host="198.51.100.1", port=port, rank=port - 5000)
            group.activate(checks.form([local(make())], [theirs], NOW), NOW)
        elif action == "role":
            checks.take_role(data.draw(st.sampled_from(Role)))
        elif action == "next":
            pair = group.next_check(anybody, NOW)
            if pair is not None:
                assert pair.state in (PairState.WAITING, PairState.SUCCEEDED)
                checks.set_state(pair, PairState.IN_PROGRESS, NOW)
            else:
                assert not any(p.state is PairState.WAITING for p in checks)
        elif pairs:
            pair = data.draw(st.sampled_from(pairs))
            if action == "trigger":
                checks.trigger(pair, NOW)
            elif action == "state":
                checks.set_state(pair, data.draw(st.sampled_from(outcomes)), NOW)
            elif action == "drop":
                checks.drop(pair, "", NOW)
            else:
                group.unfreeze(pair.foundation, NOW)
        priorities = [pair.priority for pair in checks]
        assert priorities == sorted(priorities, reverse=True)
        assert len({pair.remote.address for pair in checks}) == len(checks)
        assert len(set(checks.triggered)) == len(checks.triggered)
        assert set(checks.triggered) <= set(checks)
        assert len(set(checks.queue)) == len(checks.queue)


@pytest.mark.parametrize(("active", "expected"), [(0, 0.5), (10, 0.5), (30, 1.5)])
def test_retransmission_time_grows_with_the_checks_that_share_the_ticks(active: int, expected: float) -> None:
    checks = check_list()
    checks.form([local(make())], remotes(40), NOW)
    for pair in list(checks)[:active]:
        checks.set_state(pair, PairState.WAITING, NOW)
    assert CheckListSet([checks]).rto_s(0.05) == pytest.approx(expected)
