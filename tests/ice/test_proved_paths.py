"""Media may take any valid pair until one is selected (RFC 8445 §12.1)."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from ice.checks.pair import Pair
from ice.errors import IceFailed
from ice.messages import PathProved, PathSelected, ProofExpired
from ice.outbox import Outbox
from ice.paths.proved import ProvedPaths
from ice.types import PairState, Role, SessionState, Transport
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG, Side, rtp
from tests.ice.test_nomination import proved, tcp, udp
from tests.ice.withheld import WithheldNominations
from tests.net.pair_network import PairNetwork

CONSENT_S = 30.0


class Proofs:
    """Proved paths of one component, and what they told."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.is_open = True
        self.paths = ProvedPaths(
            consent_timeout_s=CONSENT_S, is_open=lambda _component: self.is_open, outbox=self.outbox
        )

    def told(self) -> list[object]:
        return list(self.outbox.take_events())


def valid(pair: Pair, at: float) -> Pair:
    return proved(pair, at=at, rtt_s=0.01)


def test_a_better_pair_takes_the_place_of_the_first_and_a_worse_one_does_not() -> None:
    proofs = Proofs()
    connection, datagrams = valid(tcp(PairState.IN_PROGRESS), 1.0), valid(udp(PairState.IN_PROGRESS), 1.1)
    proofs.paths.succeeded(connection, 1.0)
    proofs.paths.succeeded(datagrams, 1.1)
    proofs.paths.succeeded(connection, 1.2)
    first, second = proofs.told()
    assert isinstance(first, PathProved)
    assert isinstance(second, PathProved)
    assert [each.pair.local.transport for each in (first, second)] == [Transport.TCP, Transport.UDP]
    assert not first.pair.selected


def test_what_failed_makes_room_for_a_worse_one() -> None:
    proofs = Proofs()
    datagrams = valid(udp(PairState.IN_PROGRESS), 1.0)
    proofs.paths.succeeded(datagrams, 1.0)
    datagrams.valid = None
    proofs.paths.succeeded(valid(tcp(PairState.IN_PROGRESS), 1.1), 1.1)
    assert len(proofs.told()) == 2


def test_who_has_a_selected_path_hears_of_no_other() -> None:
    proofs = Proofs()
    proofs.paths.succeeded(valid(udp(PairState.IN_PROGRESS), 1.0), 1.0)
    proofs.is_open = False
    proofs.paths.succeeded(valid(tcp(PairState.IN_PROGRESS), 1.1), 1.1)
    assert len(proofs.told()) == 1
    proofs.paths.handle_timer(1.2)
    assert proofs.paths.next_timer is None
    proofs.paths.handle_timer(1.0 + CONSENT_S)
    assert proofs.told() == []


def test_an_answered_check_is_consent_for_so_long_and_no_longer() -> None:
    proofs = Proofs()
    pair = valid(udp(PairState.IN_PROGRESS), 1.0)
    proofs.paths.succeeded(pair, 1.0)
    proofs.paths.succeeded(pair, 3.0)
    assert len(proofs.told()) == 1
    assert proofs.paths.next_timer == 3.0 + CONSENT_S
    proofs.paths.handle_timer(2.9 + CONSENT_S)
    assert proofs.told() == []
    proofs.paths.handle_timer(3.0 + CONSENT_S)
    (expired,) = proofs.told()
    assert isinstance(expired, ProofExpired)
    assert proofs.paths.next_timer is None


@pytest.mark.req("ICE-12.1-1")
def test_where_udp_is_dropped_media_need_not_wait_until_it_is_given_up() -> None:
    network = PairNetwork(udp=False)
    network.gather()
    started = network.now
    network.start()
    network.run_to_end()
    for side in (network.a, network.b):
        (way,), (selected,) = side.said(PathProved), side.said(PathSelected)
        assert way.pair.local.transport is selected.pair.local.transport is Transport.TCP
        assert selected.at - way.at >= 0.02
        # Connecting and checking take two round trips of 50 ms, of the side that is dialled half of one more.
        assert way.at - started <= 0.15


@asynccontextmanager
async def two(patience_s: float = 39.5) -> AsyncIterator[tuple[Side, Side, WithheldNominations]]:
    """Two sessions whose pairs are not nominated."""
    network = WithheldNominations()
    config = replace(CONFIG, tcp=False, patience_s=patience_s)
    left, right = (Side(role, network, config, 1) for role in (Role.CONTROLLING, Role.CONTROLLED))
    try:
        await left.session.gather()
        await right.session.gather()
        left.session.set_remote(right.description)
        right.session.set_remote(left.description)
        yield left, right, network
    finally:
        await left.session.close()
        await right.session.close()


@pytest.mark.req("ICE-12.1-1", "ICE-12.2-1", "CON-1")
async def test_packets_go_both_ways_before_any_nomination() -> None:
    async with two() as (left, right, network):
        assert not left.session.path(1).send(rtp(0))
        await left.session.usable()
        await right.session.usable()
        for side, other in ((left, right), (right, left)):
            path = side.session.path(1)
            assert side.session.state is SessionState.RUNNING
            assert (path.pair, path.transport) == (None, Transport.UDP)
            assert path.send(rtp(1))
            await until(partial(operator.eq, other.received[1], [rtp(1)]))
        network.withheld = False
        await left.session.completed()
        await right.session.completed()
        assert left.session.path(1).pair is not None
        assert left.session.report().path_changes == ()


@pytest.mark.req("ICE-12.1-2")
async def test_what_was_used_without_a_nomination_is_used_no_more_once_ice_has_failed() -> None:
    async with two(patience_s=1.0) as (left, _, _):
        await left.session.usable()
        with pytest.raises(IceFailed):
            await left.session.completed()
        assert not left.session.path(1).send(rtp(1))
        with pytest.raises(IceFailed):
            await left.session.usable()
