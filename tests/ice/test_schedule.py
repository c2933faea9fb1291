"""The check lists of a session at a tick: by which turns they decide, and whose sockets are whose."""

from __future__ import annotations

import pytest

from ice.checks.checklist import CheckList
from ice.checks.checklist_set import CheckListSet
from ice.checks.floor import Floor
from ice.checks.pacing import Pacing
from ice.checks.pair import Pair
from ice.checks.schedule import Schedule, Turns
from ice.config import IceConfig
from ice.generation import Generation
from ice.types import FlowId, Role, SessionState
from tests.bench.nominate.cases import CASES, ROUND_TRIP_S, Case
from tests.ice.test_candidate import make
from tests.ice.test_checklist import check_list, local
from tests.net.pair_network import Link, PairNetwork

NOW = 10.0
TA_S = 0.01


class Stream:
    """A list whose checks are only noted; `nominates` queues its first pair once, and `asks` of the turns."""

    def __init__(
        self, schedule: Schedule, number: int, *, asks: bool = True, nominates: bool = False
    ) -> None:
        self.checks = check_list()
        host = f"198.51.100.{number}"
        formed = self.checks.form([local(make(host="192.0.2.1"))], [make(host=host)], NOW)
        CheckListSet([self.checks]).activate(formed, NOW)
        self.asks, self.nominates = asks, nominates
        self.told: list[dict[Pair, float]] = []
        self.started: list[Pair] = []
        schedule.join(self.checks, self, number)

    @property
    def pair(self) -> Pair:
        return next(iter(self.checks))

    def nominate(self, turns: Turns, now: float) -> None:
        if self.asks:
            self.told.append(turns())
        if self.nominates:
            self.nominates = False
            self.checks.trigger(self.pair, now, first=True)

    def may_start(self, pair: Pair) -> bool:
        return pair in self.checks

    def start(self, pair: Pair, now: float) -> None:
        assert now >= NOW
        self.started.append(pair)

    def dials_to(self, host: str) -> int:
        assert host
        return 0


def schedule() -> Schedule:
    pacing = Pacing(10, Floor())
    pacing.agree(10)
    return Schedule(pacing, max_pairs=100)


def test_all_streams_decide_by_the_same_turns() -> None:
    """A nomination that one of them queues changes nothing for those that decide at the same tick."""
    shared = schedule()
    streams = [Stream(shared, 1), Stream(shared, 2, nominates=True), Stream(shared, 3)]
    shared.pacing.sent(NOW)
    shared.advance(NOW)
    turns = {stream.pair: NOW + (number + 1) * TA_S for number, stream in enumerate(streams)}
    for stream in streams:
        assert stream.told == [pytest.approx(turns)]


def test_turns_are_told_when_they_are_asked_for() -> None:
    shared = schedule()
    silent, curious = Stream(shared, 1, asks=False), Stream(shared, 2)
    shared.advance(NOW)
    assert silent.told == []
    assert silent.started == [silent.pair]
    assert curious.told
    assert all(curious.pair in turns for turns in curious.told)


@pytest.mark.parametrize("case", [case for case in CASES if case.transport], ids=lambda case: case.name)
def test_a_generation_owns_what_it_would_free(case: Case) -> None:
    """It tells of one socket what it lists of all, at every moment until it is complete."""
    network = PairNetwork(
        delay_s=ROUND_TRIP_S / 2,
        a_to_b=Link(udp=case.udp_passes, tcp=Role.CONTROLLING in case.dials),
        b_to_a=Link(udp=case.udp_passes, tcp=Role.CONTROLLED in case.dials),
        config=IceConfig(),
        components=2,
    )
    network.a.gather(["192.0.2.1", "2001:db8::1"], components=2)
    network.b.gather(["198.51.100.1", "2001:db8:1::1"], components=2)
    network.start()
    seen: set[bool] = set()

    def agree() -> bool:
        for side in (network.a, network.b):
            generation = side.agent.generations.current
            assert isinstance(generation, Generation)
            for number in range(1, 40):
                flow = FlowId(number)
                if generation.state is SessionState.RUNNING:
                    assert generation.owns(flow) is (flow in generation.needs)
                    seen.add(generation.owns(flow))
        return False

    network.run(1.0, agree)
    assert seen == {True, False}


def test_a_list_knows_pairs_that_it_has_dropped() -> None:
    checks: CheckList = check_list()
    (pair,) = checks.form([local(make())], [make(host="198.51.100.1")], NOW)
    assert checks.knows(pair)
    checks.drop(pair, "not needed", NOW)
    assert pair not in checks
    assert checks.knows(pair)
    assert not checks.knows(None)
