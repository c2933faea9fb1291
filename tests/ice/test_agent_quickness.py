"""How soon it ends: what components learn from each other, and deadlines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import SendDatagram, StateChanged
from ice.stun.attributes import UseCandidate
from ice.stun.message import parse
from ice.types import Description, SessionState
from tests.ice.single import THEIRS, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import PairNetwork


@pytest.mark.req("ICE-7.2.5.3.3-1")
def test_a_nomination_lets_the_check_that_it_unfroze_leave_first() -> None:
    """The second component has two round trips before it, the first only one."""
    one = two_components("u5000")
    assert [port for port, _ in checks(one)] == [5000, 5002, 5000]
    assert [nominates for _, nominates in checks(one)] == [False, False, True]


def test_a_check_that_owes_nothing_to_a_success_does_not_hold_its_nomination_up() -> None:
    one = two_components("another")
    assert checks(one) == [(5000, False), (5000, True), (5002, False)]


def two_components(foundation: str) -> Single:
    """The first component's check is answered at once; the second has a pair of some foundation."""
    one = Single(components=2, tcp=False)
    one.remote(remote_udp(), replace(remote_udp(5002, component=2, priority=5), foundation=foundation))
    one.wait(0.003)
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.1)
    return one


def checks(one: Single) -> list[tuple[int, bool]]:
    """Port and USE-CANDIDATE of every check that left."""
    sent = [command for command in one.commands if isinstance(command, SendDatagram)]
    return [(each.remote.port, parse(each.data).get(UseCandidate) is not None) for each in sent]


@pytest.mark.parametrize("blocked", [False, True])
def test_the_second_component_profits_from_what_the_first_one_learned(blocked: bool) -> None:
    network = PairNetwork(components=2, udp=not blocked)
    network.gather(components=2)
    network.start()
    network.run_to_end()
    assert (network.now - 1000) * 1000 <= (260 if blocked else 150) + 1e-6


@pytest.mark.parametrize("trickling", [False, True])
@pytest.mark.req("PAC-1")
def test_patience_shorter_than_a_check_is_a_deadline(trickling: bool) -> None:
    one = Single(config=IceConfig(patience_s=2.0))
    description = Description(
        credentials=THEIRS, candidates=(remote_udp(), remote_tcp()), end_of_candidates=not trickling
    )
    one.agent.set_remote(description, one.now)
    one.wait(1.999)
    assert one.state() is SessionState.RUNNING
    one.wait(0.002)
    assert one.state() is SessionState.FAILED
    (*_, failed) = one.said(StateChanged)
    assert failed.reason.startswith("no path for RTP: UDP: 3 checks, 0 answers; TCP: 0 checks")
