"""Several data streams in one ICE session: one role, one Ta, one set of foundations."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace

import pytest

from ice.agent import Agent
from ice.candidates.candidate import HostCandidates
from ice.config import IceConfig
from ice.messages import CheckSent, OpenTcp, RoleChanged, SendDatagram
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.stream_set import stream_set
from ice.streams import Streams
from ice.stun.attributes import IceControlled, IceControlling
from ice.stun.binding import binding_error, binding_success
from ice.stun.message import parse, short_term_key
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    FlowId,
    PairState,
    Role,
    SessionState,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import until
from tests.ice.sessions import CONFIG
from tests.ice.single import remote_tcp

HOST = "192.0.2.1"
PEER = "198.51.100.1"
START = 100.0


def remote(letter: str, stream: int, number: int) -> Candidate:
    return Candidate(
        foundation=letter,
        component=1,
        transport=Transport.UDP,
        priority=2_000_000_000 - 1000 * number,
        address=TransportAddress(host=PEER, port=5000 + 100 * stream + number),
        type=CandidateType.HOST,
    )


class Several:
    """The agents of one session, each with a UDP socket; the peer is played by the test."""

    def __init__(
        self,
        count: int,
        *,
        role: Role = Role.CONTROLLING,
        config: IceConfig | None = None,
        tcp: bool = False,
    ) -> None:
        self.now = START
        self.config = config or IceConfig()
        self.streams = Streams(
            role=role, tie_breaker=77, config=self.config, random=random.Random(3).randbytes
        )
        make = HostCandidates([HOST], self.streams.foundations)
        self.agents: list[Agent] = []
        self.udp: list[FlowId] = []
        for number in range(count):
            agent = Agent(
                role=role,
                credentials=Credentials(ufrag=f"our{number}", password=f"our-password-of-stream-{number}"),
                tie_breaker=77,
                components=1,
                config=self.config,
                random=random.Random(number).randbytes,
                streams=self.streams,
            )
            flow = agent.new_flow()
            at = TransportAddress(host=HOST, port=4000 + number)
            agent.add_local_candidate(make.udp(at, 1), flow, self.now)
            if tcp:
                agent.add_local_candidate(make.active(HOST, 1), None, self.now)
            self.agents.append(agent)
            self.udp.append(flow)
        self.sent: list[tuple[float, int, SendDatagram]] = []
        self.dials: list[tuple[int, OpenTcp]] = []
        self.firsts: list[float] = []
        self.roles: list[int] = []
        self.take()

    def theirs(self, number: int) -> Credentials:
        return Credentials(ufrag=f"the{number}", password=f"their-password-of-stream-{number}")

    def remote(self, number: int, candidates: list[Candidate]) -> None:
        description = Description(
            credentials=self.theirs(number), candidates=tuple(candidates), pacing_ms=self.config.pacing_ms
        )
        self.agents[number].set_remote(description, self.now)
        self.take()

    def letters(self, *streams: str) -> None:
        """Set the descriptions: streams with the foundations of their pairs, best first."""
        for number, foundations in enumerate(streams):
            self.remote(number, [remote(letter, number, n) for n, letter in enumerate(foundations)])

    def take(self) -> None:
        for number, agent in enumerate(self.agents):
            for command in agent.take_commands():
                if isinstance(command, SendDatagram):
                    self.sent.append((self.now, number, command))
                elif isinstance(command, OpenTcp):
                    self.dials.append((number, command))
            for event in agent.take_events():
                if isinstance(event, CheckSent) and event.transmission == 1:
                    self.firsts.append(self.now)
                elif isinstance(event, RoleChanged):
                    self.roles.append(number)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            timers = [(agent.next_timer(), number) for number, agent in enumerate(self.agents)]
            known = [(at, number) for at, number in timers if at is not None]
            at, number = min(known, default=(end + 1, 0))
            if at > end:
                break
            self.now = max(self.now, at)
            self.agents[number].handle_timer(self.now)
            self.take()
        self.now = end

    def states(self, number: int) -> dict[str, PairState]:
        return {pair.remote.foundation: pair.state for pair in self.agents[number].pairs}

    def of(self, number: int, state: PairState) -> str:
        return "".join(sorted(letter for letter, known in self.states(number).items() if known is state))

    def answer(self, sent: tuple[float, int, SendDatagram], *, error: int | None = None) -> None:
        _, number, command = sent
        request = parse(command.data)
        key = short_term_key(self.theirs(number).password)
        if error is not None:
            data = binding_error(request, error, "", key)
        else:
            data = binding_success(request, TransportAddress(host=HOST, port=4000 + number), key)
        self.agents[number].receive(command.flow, command.remote, data, self.now)
        self.take()

    def order(self) -> list[tuple[int, int]]:
        """Stream and candidate of every request, in order."""
        return [(number, (c.remote.port - 5000) % 100) for _, number, c in self.sent]


@pytest.mark.req("ICE-6.1.2.6-1", "USE-5", "USE-19")
def test_three_streams_freeze_each_others_pairs_as_in_the_example() -> None:
    """RFC 8445 §6.1.2.6: of each foundation one pair, in the first stream that has it."""
    several = Several(3)
    several.letters("abc", "abcd", "ae")
    active = [several.of(n, PairState.WAITING) + several.of(n, PairState.IN_PROGRESS) for n in range(3)]
    assert [set(letters) for letters in active] == [set("abc"), {"d"}, {"e"}]
    assert [several.of(n, PairState.FROZEN) for n in range(3)] == ["", "abc", "a"]


@pytest.mark.req("ICE-6.1.4-1", "ICE-6.1.4-2", "USE-5")
@pytest.mark.parametrize("ta_ms", [10, 50])
def test_one_ta_for_all_streams_and_they_take_turns(ta_ms: int) -> None:
    several = Several(3, config=IceConfig(pacing_ms=ta_ms))
    several.letters("abc", "defg", "hi")
    several.wait(0.49)
    times = several.firsts
    assert len(times) == 9, "all of them"
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap == pytest.approx(ta_ms / 1000) for gap in gaps)
    # The first check left before the other descriptions were known; from then on each has its turn.
    assert several.order() == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (1, 3)]


@pytest.mark.req("ICE-7.2.5.3.3-1")
def test_success_in_one_stream_thaws_the_pairs_of_its_foundation_in_all() -> None:
    several = Several(3)
    several.letters("ab", "ab", "a")
    assert [several.of(n, PairState.FROZEN) for n in range(3)] == ["", "ab", "a"]
    several.now += 0.005
    several.answer(several.sent[0])
    assert several.of(0, PairState.SUCCEEDED) == "a"
    assert [several.of(n, PairState.FROZEN) for n in range(3)] == ["", "b", ""]
    several.wait(0.2)
    assert {number for _, number, _ in several.sent} == {0, 1, 2}, "the others are woken up"


@pytest.mark.req("ICE-6.1.3-1", "ICE-8.1.2-1")
def test_the_session_is_complete_when_all_streams_are() -> None:
    several = Several(2)
    several.letters("a", "a")
    assert several.streams.state is SessionState.RUNNING
    answered = 0
    states = []
    for _ in range(40):
        several.wait(0.01)
        while answered < len(several.sent):
            if several.sent[answered][1] == 0 or several.agents[0].state is SessionState.COMPLETED:
                several.answer(several.sent[answered])
            answered += 1
        states.append((several.agents[0].state, several.agents[1].state, several.streams.state))
        if several.agents[0].state is SessionState.COMPLETED and not several.of(1, PairState.SUCCEEDED):
            # What stream 1 sent before was lost.
            answered = min(answered, next(i for i, s in enumerate(several.sent) if s[1] == 1))
    seen = list(dict.fromkeys(states))
    running, completed = SessionState.RUNNING, SessionState.COMPLETED
    assert seen[-1] == (completed, completed, completed)
    assert (completed, running, running) in seen
    assert all(whole is running for *_, whole in seen[:-1])


@pytest.mark.req("ICE-6.1.3-1")
def test_states_of_a_session_of_two_lists() -> None:
    class Known:
        def __init__(self, state: SessionState) -> None:
            self.state = state

    def state_of(*states: SessionState) -> SessionState:
        streams = Streams(role=Role.CONTROLLING, tie_breaker=1, config=IceConfig(), random=random.randbytes)
        assert [streams.join(Known(state)) for state in states] == list(range(len(states)))
        return streams.state

    running, closed = SessionState.RUNNING, SessionState.CLOSED
    for one, other in itertools.product((running, SessionState.COMPLETED, SessionState.FAILED), repeat=2):
        assert state_of(one, other) is (one if one is other else running)
        assert state_of(one, closed) is one, "a stream that was removed counts no more"
    assert state_of() is SessionState.NEW
    assert state_of(closed, closed) is closed


@pytest.mark.req("ICE-7.1.3-1", "ICE-7.2.5.1-1")
def test_one_tie_breaker_and_one_role_for_all_streams() -> None:
    several = Several(3)
    several.letters("a", "b", "c")
    several.wait(0.1)
    ties = {message.tie_breaker for m in several.sent if (message := parse(m[2].data).get(IceControlling))}
    assert ties == {77}
    sent = len(several.sent)
    several.answer(several.sent[1], error=487)
    assert [agent.role for agent in several.agents] == [Role.CONTROLLED] * 3
    assert sorted(several.roles) == [0, 1, 2]
    several.wait(0.7)
    after = [parse(command.data) for _, _, command in several.sent[sent:]]
    controlled = {claim.tie_breaker for m in after if (claim := m.get(IceControlled))}
    assert len(controlled) == 1
    assert 77 not in controlled


@pytest.mark.req("ICE-6.1.2.5-1")
def test_streams_share_the_limit_of_pairs() -> None:
    several = Several(2, config=IceConfig(max_pairs=10))
    several.letters("abcdefghijkl", "mnopqrstuvwx")
    assert [len(agent.pairs) for agent in several.agents] == [5, 5]
    assert set(several.states(0)) == set("abcde")


@pytest.mark.req("ICETCP-12-2", "ICETCP-12-9")
def test_five_attempts_to_one_address_over_all_streams() -> None:
    several = Several(3, tcp=True)
    for number in range(3):
        ports = range(6000 + 10 * number, 6004 + 10 * number)
        several.remote(number, [replace(remote_tcp(port), foundation=str(port)) for port in ports])
    several.wait(2.0)
    assert len(several.dials) == 5
    assert {number for number, _ in several.dials} == {0, 1, 2}
    number, dial = several.dials[0]
    several.agents[number].flow_failed(dial.flow, "connection refused", several.now)
    several.take()
    several.wait(1.0)
    assert len(several.dials) == 6


def test_a_stream_that_is_closed_gives_its_turns_to_the_others() -> None:
    several = Several(2)
    several.letters("abcdef", "ghijkl")
    several.wait(0.02)
    several.agents[0].close(several.now)
    several.take()
    sent = len(several.sent)
    several.wait(0.1)
    assert [number for number, _ in several.order()[sent:]] == [1] * (len(several.sent) - sent)
    assert several.of(1, PairState.WAITING) == ""


# --- sessions ----------------------------------------------------------------------------------------------


@pytest.mark.req("USE-5", "ICE-5.1.1.3-1", "ICE-7.1.3-1")
@pytest.mark.parametrize("count", [2, 3])
async def test_sessions_of_several_streams_complete_together(count: int) -> None:
    sides = []
    for role in (Role.CONTROLLING, Role.CONTROLLED):
        shared = stream_set(role, CONFIG)
        network = HostNetwork()
        sessions = [Session(network=network, config=CONFIG, role=role, streams=shared) for _ in range(count)]
        sides.append((shared, sessions))
    (ours, left), (theirs, right) = sides
    try:
        for session in (*left, *right):
            await session.gather()
        told = [session.local_description.candidates for session in left]
        known = [{(c.address.host, c.tcptype): c.foundation for c in candidates} for candidates in told]
        assert all(foundations == known[0] for foundations in known), "one kind, one address, one foundation"
        for one, other in zip(left, right, strict=True):
            other.set_remote(one.local_description)
            one.set_remote(other.local_description)
        async with asyncio.timeout(10):
            for session in (*left, *right):
                await session.completed()
        assert (ours.state, theirs.state) == (SessionState.COMPLETED, SessionState.COMPLETED)
        heard: list[bytes] = []
        for one, other in zip(left, right, strict=True):
            other.path(1).set_receiver(lambda packet, _at: heard.append(packet))
            assert one.path(1).send(b"\x80\x00" + bytes(20))
        await until(lambda: len(heard) == count)
    finally:
        for session in (*left, *right):
            await session.close()
    assert ours.wake == theirs.wake == []
