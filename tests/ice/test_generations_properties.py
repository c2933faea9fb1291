"""Restarts at random times by either side: media goes on, both end on one pair, nothing is left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.messages import PathLost
from ice.types import Description, SessionState
from tests.net.pair_network import Link, PairNetwork, Side, mirrored
from tests.net.restarts import Media, renew

RETRY_S = {"a": 2.1, "b": 1.0}
"""After glare the two wait differently (RFC 3261 §14.1)."""


class Signalling:
    """Offers and answers of restarts: one at a time, glare is refused (RFC 3264 §4, RFC 3261 §14.1).

    Args:
        network: the two agents.
        delay_s: of a message.
    """

    def __init__(self, network: PairNetwork, delay_s: float) -> None:
        self._network = network
        self._delay_s = delay_s
        self._offering = {"a": False, "b": False}
        self._answering = {"a": False, "b": False}
        self.completed = 0
        self.refused = 0

    def plan(self, restarts: Iterable[tuple[float, str]]) -> None:
        """Who will begin one, and in how many seconds."""
        for at, who in restarts:
            side = self._network.a if who == "a" else self._network.b
            self._network.at(at, partial(self.offer, side), side)

    def offer(self, side: Side) -> None:
        """Begin a restart, unless an exchange is under way here."""
        if self._offering[side.name] or self._answering[side.name]:
            return
        self._offering[side.name] = True
        renew(side)
        self._send(side.other, partial(self._receive, side.other, side.agent.local_description))

    def _send(self, to: Side, arrive: Callable[[], None]) -> None:
        self._network.at(self._delay_s, arrive, to)

    def _receive(self, side: Side, offer: Description) -> None:
        if self._offering[side.name]:
            self.refused += 1
            self._send(side.other, lambda: self._reject(side.other))
            return
        known = side.agent.remote_description
        assert known is not None
        assert known.credentials != offer.credentials
        self._answering[side.name] = True
        renew(side)
        side.agent.set_remote(offer, self._network.now)
        self._send(side.other, partial(self._accept, side.other, side.agent.local_description))

    def _accept(self, side: Side, answer: Description) -> None:
        side.agent.set_remote(answer, self._network.now)
        self._offering[side.name] = False
        self.completed += 1
        # The confirmation (ACK).
        self._send(side.other, lambda: self._answering.update({side.other.name: False}))

    def _reject(self, side: Side) -> None:
        side.agent.abandon_restart(self._network.now)
        self._offering[side.name] = False
        self._network.at(RETRY_S[side.name], lambda: self.offer(side), side)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A call with restarts: who begins one when, seconds after the first."""

    seed: int
    udp: bool
    delay_s: float
    signalling_s: float
    restarts: tuple[tuple[float, str], ...]


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**16),
    udp=st.booleans(),
    delay_s=st.sampled_from([0.001, 0.02, 0.1]),
    signalling_s=st.sampled_from([0.005, 0.1, 0.6]),
    restarts=st.lists(
        st.tuples(st.floats(0, 8).map(lambda at: round(at, 3)), st.sampled_from("ab")), min_size=1, max_size=6
    ).map(lambda restarts: tuple(sorted(restarts))),
)


@pytest.mark.req("ICE-9-2", "ICETCP-9.2-1", "USE-17")
@settings(max_examples=25, deadline=None)
@given(plans)
def test_restarts_at_any_time_lose_no_media(plan: Plan) -> None:
    network = PairNetwork(seed=plan.seed, delay_s=plan.delay_s, udp=plan.udp)
    network.gather()
    network.start()
    network.run_to_end()
    network.run(1)
    media = Media(network, every_s=0.05)
    signalling = Signalling(network, plan.signalling_s)
    signalling.plan(plan.restarts)
    network.run(20)
    assert signalling.completed
    assert media.unsent == media.refused == {"a": 0, "b": 0}
    assert mirrored(network)
    a, b = network.a.agent, network.b.agent
    assert a.state is b.state is SessionState.COMPLETED
    assert not a.restarting
    assert not b.restarting
    assert a.role is not b.role
    for side in (network.a, network.b):
        assert not side.said(PathLost)
        assert not side.dials
        assert len(side.udp) == int(plan.udp)
        assert len(side.connections) == int(not plan.udp)
    assert len(network.a.listeners) + len(network.b.listeners) == int(not plan.udp)
    for side in (network.a, network.b):
        side.agent.close(network.now)
        network.pump(side)
        assert not side.udp | side.listeners | side.connections
        assert side.agent.next_timer() is None


@settings(max_examples=15, deadline=None)
@given(plans, st.floats(0.05, 0.3))
def test_restarts_in_spite_of_losses_end_on_one_pair(plan: Plan, loss: float) -> None:
    """Consent outlives such losses; what is lost on the way is lost with and without restarts."""
    network = PairNetwork(seed=plan.seed, delay_s=0.02)
    network.gather()
    network.start()
    network.run_to_end()
    network.links["a"] = network.links["b"] = Link(loss=loss)
    signalling = Signalling(network, plan.signalling_s)
    media = Media(network, every_s=0.1)
    signalling.plan(plan.restarts)
    network.run(20)
    network.links["a"] = network.links["b"] = Link()
    network.run(40)
    assert signalling.completed
    assert network.a.agent.state is network.b.agent.state is SessionState.COMPLETED
    assert media.unsent == {"a": 0, "b": 0}
    assert mirrored(network)


def test_glare_is_survived() -> None:
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    media = Media(network)
    signalling = Signalling(network, 0.1)
    signalling.offer(network.a)
    signalling.offer(network.b)
    network.run(20)
    assert signalling.refused == 2
    assert signalling.completed >= 1
    assert media.unsent == media.refused == {"a": 0, "b": 0}
    assert mirrored(network)
