"""Allocations under random input, loss and use: nothing raises, nothing is left, rules are kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ice.turn.allocation import AllocationState
from ice.turn.events import AllocationLost, Released
from ice.turn.requests import MAX_OUTSTANDING
from ice.types import TransportAddress
from tests.ice.turn.turn_world import CHECK, CLIENT, RTP, TurnWorld

PEERS = [
    TransportAddress(host=f"198.51.100.{host}", port=port) for host in (1, 2, 3) for port in (5000, 6000)
]


class TurnMachine(RuleBasedStateMachine):
    """An allocation with good and bad times on the way to its server."""

    def __init__(self) -> None:
        super().__init__()
        self.world = TurnWorld(nonce_s=400.0, forbidden=["198.51.100.3"])
        self.world.start()
        self.sent: set[bytes] = set()

    @rule(peer=st.sampled_from(PEERS), media=st.booleans())
    def send(self, peer: TransportAddress, media: bool) -> None:
        data = (RTP if media else CHECK) + len(self.sent).to_bytes(4, "big")
        self.sent.add(data)
        self.world.send(data, peer)

    @rule(peer=st.sampled_from(PEERS))
    def peer_sends(self, peer: TransportAddress) -> None:
        self.world.peer_sends(RTP, peer)

    @rule(seconds=st.floats(0.01, 400))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(to_server=st.booleans(), to_client=st.booleans())
    def break_or_mend(self, to_server: bool, to_client: bool) -> None:
        self.world.to_server, self.world.to_client = to_server, to_client

    @rule(data=st.binary(max_size=60))
    def junk(self, data: bytes) -> None:
        self.world.allocation.receive(data, self.world.now)
        self.world.settle()

    @rule()
    def restart_server(self) -> None:
        self.world.server.forget()

    @rule()
    def close(self) -> None:
        self.world.close()

    @invariant()
    def what_arrives_was_sent_where_it_may(self) -> None:
        for _, peer, data in self.world.at_peers:
            assert data in self.sent
            assert peer.host != "198.51.100.3"

    @invariant()
    def no_more_requests_than_allowed(self) -> None:
        assert len(self.world.allocation._requests._pending) <= MAX_OUTSTANDING

    @invariant()
    def the_end_is_told_once_and_final(self) -> None:
        ends = len(self.world.told(AllocationLost)) + len(self.world.told(Released))
        assert ends <= 1
        if self.world.allocation.state is AllocationState.ENDED:
            assert self.world.allocation.next_timer() is None

    def teardown(self) -> None:
        """Whatever happened, it comes to its end, and where the server hears of it, without a relay left."""
        reachable = self.world.to_server and self.world.to_client
        stood = self.world.allocation.state is AllocationState.ALLOCATED
        self.world.close()
        self.world.run(2)
        assert self.world.allocation.state is AllocationState.ENDED
        if reachable and stood:
            assert CLIENT not in self.world.server.relays


TurnMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTurnMachine = pytest.mark.req("TURN-9", "TURN-22")(TurnMachine.TestCase)


@given(st.integers(0, 2**32), st.floats(0, 0.5))
@settings(max_examples=40, deadline=None)
@pytest.mark.req("STUN-7", "TURN-2")
def test_an_allocation_outlives_loss(seed: int, loss: float) -> None:
    chance = random.Random(seed)
    world = TurnWorld(seed=seed, nonce_s=700.0)
    world.forge = lambda message: [message] if chance.random() >= loss else []
    world.start()
    for _ in range(120):
        world.run(20)
        world.send(RTP)
        world.peer_sends(RTP)
    # 7 requests, each answered with a chance of one half: one in 128 is lost, and refreshes are repeated.
    if world.allocation.state is AllocationState.ALLOCATED:
        assert len(world.at_peers) > 100
        world.close()
        world.run(2)
    assert world.allocation.state is AllocationState.ENDED


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0, 8))
@pytest.mark.req("STUN-14")
def test_damaged_messages_of_the_server_never_raise(damage: list[tuple[int, int]], which: int) -> None:
    world = TurnWorld()
    count = 0

    def hurt(message: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        if count != which:
            return [message]
        changed = bytearray(message)
        for place, value in damage:
            changed[place % len(changed)] = value
        return [bytes(changed), message]

    world.forge = hurt
    world.start()
    for _ in range(6):
        world.send(RTP)
        world.peer_sends(RTP)
    world.run(700)
    world.close()
    world.run(2)
    assert world.allocation.state is AllocationState.ENDED
