"""A peer that begins long after us: failed pairs are checked once more when the application asks for it."""

from __future__ import annotations

import pytest

from ice.config import IceConfig
from ice.types import PairState, SessionState
from tests.ice.single import TCP_PEER, UDP_PEER, Single, remote_tcp, remote_udp

PATIENT = IceConfig(patience_s=600.0, check_timeout_s=8.0)


def test_failed_pairs_get_another_check() -> None:
    one = Single(config=PATIENT)
    one.remote(remote_udp(), remote_tcp())
    one.wait(10.0)
    assert one.pair().state is PairState.FAILED
    dialled, sent = len(one.dials()), len(one.requests_to(UDP_PEER))
    one.agent.check_again(one.now)
    one.wait(1.0)
    assert len(one.requests_to(UDP_PEER)) > sent
    assert [dial.remote for dial in one.dials()[dialled:]] == [TCP_PEER]
    request = one.requests_to(UDP_PEER)[-1]
    one.answer(request, one.udp, UDP_PEER)
    one.wait(0.5)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED


def test_nothing_is_checked_again_where_there_is_a_path_or_none_will_be() -> None:
    one = Single(config=PATIENT)
    one.remote(remote_udp())
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    one.wait(0.5)
    one.answer(one.requests_to(UDP_PEER)[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    states = [pair.state for pair in one.agent.pairs]
    one.agent.check_again(one.now)
    assert [pair.state for pair in one.agent.pairs] == states

    other = Single(config=IceConfig(patience_s=5.0))
    other.agent.check_again(other.now)  # before the peer is known there is nothing to check
    other.remote(remote_udp(5002))
    other.wait(60.0)
    assert other.state() is SessionState.FAILED
    sent = len(other.requests())
    other.agent.check_again(other.now)
    other.wait(5.0)
    assert len(other.requests()) == sent


@pytest.mark.parametrize("state", [PairState.IN_PROGRESS, PairState.WAITING])
def test_checks_that_are_out_go_on(state: PairState) -> None:
    one = Single(config=PATIENT)
    one.remote(remote_udp(5000), remote_udp(5002))
    if state is PairState.IN_PROGRESS:
        one.wait(0.1)
    sent = len(one.requests())
    one.agent.check_again(one.now)
    one.take()
    assert len(one.requests()) == sent
