"""TCP allocations under random use, random bytes and answers in any order: nothing raises, rules are kept."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ice.turn.allocation import AllocationState
from ice.turn.connections import MAX_UNBOUND
from ice.turn.events import AllocationLost, ConnectFailed, PeerConnected, Released
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.turn.turn_tcp_world import TcpWorld

PEERS = [
    TransportAddress(host=f"198.51.100.{host}", port=port) for host in (1, 2, 3) for port in (5000, 6000)
]
FORBIDDEN = "198.51.100.3"


class TcpMachine(RuleBasedStateMachine):
    """What an owner, peers, a server and the way to it may do in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = TcpWorld(nonce_s=400.0, forbidden=[FORBIDDEN]).start()
        self.world.reachable = None
        self.asked: Counter[TransportAddress] = Counter()
        self.given_up: Counter[TransportAddress] = Counter()
        self.settled: set[int] = set()
        self.permitted: set[str] = set()

    @property
    def stands(self) -> bool:
        return self.world.allocation.state is AllocationState.ALLOCATED

    @precondition(lambda self: self.stands)
    @rule(peer=st.sampled_from(PEERS))
    def connect(self, peer: TransportAddress) -> None:
        self.asked[peer] += 1
        self.world.connect(peer)

    @precondition(lambda self: self.stands)
    @rule(peer=st.sampled_from(PEERS))
    def give_up(self, peer: TransportAddress) -> None:
        told = sum(event.peer == peer for event in self.outcomes)
        if self.asked[peer] - self.given_up[peer] > told:
            self.given_up[peer] += 1
            self.world.allocation.connections.give_up(peer)

    @rule(taken=st.booleans())
    def server_dials(self, taken: bool) -> None:
        self.world.answer_dials(taken=taken)
        self.world.settle()

    @rule(host=st.sampled_from([peer.host for peer in PEERS]))
    def permit(self, host: str) -> None:
        self.permitted.add(host)
        self.world.permit(host)

    @precondition(lambda self: self.world.server.relays)
    @rule(peer=st.sampled_from(PEERS), times=st.integers(1, 20))
    def peer_dials(self, peer: TransportAddress, times: int) -> None:
        for number in range(times):
            self.world.peer_dials(TransportAddress(host=peer.host, port=peer.port + number))

    @precondition(lambda self: self.stands)
    @rule(which=st.integers(0, 100), bound=st.booleans())
    def use(self, which: int, bound: bool) -> None:
        """The owner binds a connection, or it could not be had."""
        told = self.world.connected
        if not told:
            return
        number = told[which % len(told)].connection_id
        self.settled.add(number)
        if bound:
            self.world.data_connection(number)
            self.world.allocation.connections.bound(number)
        else:
            self.world.allocation.connections.ended(number)

    @rule(hold=st.booleans())
    def hold(self, hold: bool) -> None:
        self.world.hold = hold

    @rule(data=st.data())
    def late_message(self, data: st.DataObject) -> None:
        """Messages of the server arrive in any order, and some twice."""
        late = self.world.late
        if not late:
            return
        message = late[data.draw(st.integers(0, len(late) - 1))]
        if data.draw(st.booleans()):
            late.remove(message)
        self.world.allocation.receive(message, self.world.now)
        self.world.settle()

    @rule(data=st.binary(max_size=60))
    def junk(self, data: bytes) -> None:
        self.world.allocation.receive(data, self.world.now)
        self.world.settle()

    @rule(seconds=st.floats(0.01, 200))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule()
    def restart_server(self) -> None:
        self.world.server.forget()

    @property
    def outcomes(self) -> list[PeerConnected | ConnectFailed]:
        connected = [event for event in self.world.connected if not event.inbound]
        return [*connected, *self.world.failed]

    @invariant()
    def no_connect_has_two_outcomes(self) -> None:
        told = Counter(event.peer for event in self.outcomes)
        assert all(told[peer] <= self.asked[peer] for peer in told)

    @invariant()
    def few_wait_for_their_data_connection(self) -> None:
        inbound = {event.connection_id for event in self.world.connected if event.inbound}
        assert len(inbound - self.settled) <= MAX_UNBOUND

    @invariant()
    def only_permitted_hosts_come_in(self) -> None:
        for event in self.world.connected:
            assert not event.inbound or event.peer.host in self.permitted - {FORBIDDEN}

    @invariant()
    def the_end_is_told_once_and_final(self) -> None:
        assert len(self.world.told(AllocationLost)) + len(self.world.told(Released)) <= 1
        if self.world.allocation.state is AllocationState.ENDED:
            assert self.world.allocation.next_timer() is None

    def teardown(self) -> None:
        """Every Connect that was not given up has its outcome in time; giving it back leaves nothing."""
        self.world.hold = False
        self.world.run(45)
        if self.stands:
            told = Counter(event.peer for event in self.outcomes)
            for peer, count in self.asked.items():
                assert told[peer] >= count - self.given_up[peer]
            seen = self.world.server.requests(TurnMethod.CONNECT)
            assert len(seen) <= sum(self.asked.values()) * 2
        self.world.allocation.close(self.world.now)
        self.world.settle()
        self.world.run(2)
        assert self.world.allocation.state is AllocationState.ENDED


TcpMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTcpMachine = pytest.mark.req("6062-14", "6062-13", "6062-19")(TcpMachine.TestCase)
