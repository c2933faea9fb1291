"""One description of ours, several peers (RFC 8445 §7.3.1.4, RFC 8839 §7.3, RFC 6544 §8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.agent import Agent
from ice.config import IceConfig
from ice.forks import MAX_FORKS, Forks
from ice.messages import CheckSent, PathSelected
from ice.stun.binding import binding_request
from ice.types import Credentials, Description, FlowId, Role, SessionState, Transport, TransportAddress
from tests.ice.single import OURS, Single, remote_udp
from tests.net.fork_host import ForkHost
from tests.net.host import Host
from tests.net.ice_host import Gathering, IceHost
from tests.net.internet import Internet
from tests.net.link import Link

DELAY_S = 0.025
ENDS = (SessionState.COMPLETED, SessionState.FAILED)


def _peer(ufrag: str) -> Credentials:
    return Credentials(ufrag=ufrag, password="some-password-of-the-peer")


def _request(ours: str, theirs: str) -> bytes:
    local = OURS if ours == "ours" else replace(OURS, ufrag="other")
    return binding_request(
        transaction_id=bytes(12),
        local=_peer(theirs),
        remote=local,
        role=Role.CONTROLLED,
        tie_breaker=7,
        priority=1000,
        use_candidate=False,
    )


class Offer:
    """An offerer and the phones that its offer rings."""

    def __init__(self, *phones: Gathering, seed: int = 5, config: IceConfig | None = None) -> None:
        self.internet = Internet(seed)
        self.caller = ForkHost(self._host("192.0.2.1"), config=config)
        self.caller.gather(Gathering())
        self.phones = []
        for number, which in enumerate(phones, start=1):
            phone = IceHost(self._host(f"198.51.100.{number}"), role=Role.CONTROLLED, config=config)
            phone.gather(which)
            self.phones.append(phone)

    def _host(self, address: str) -> Host:
        host = Host(self.internet)
        host.attach(address, self.internet.core, Link(delay_s=DELAY_S))
        return host

    def hears(self, phone: IceHost) -> None:
        """A phone has the offer."""
        phone.set_remote(self.caller.first.local_description)

    def run(self, seconds: float) -> None:
        self.internet.clock.run(seconds)

    def pair_of(self, agent: Agent) -> tuple[object, ...]:
        pair = agent.selected(1)
        assert pair is not None
        return pair.local.address, pair.remote.address, pair.local.transport

    def mirrored(self, agent: Agent, phone: IceHost) -> bool:
        ours, theirs = agent.selected(1), phone.agent.selected(1)
        assert ours is not None
        assert theirs is not None
        return (ours.local.address, ours.remote.address) == (theirs.remote.address, theirs.local.address)


TCP_ONLY = Gathering(udp=False, passive=False)
"""Connects to a listener of the caller."""


@pytest.mark.req("SDP-ICE-18")
def test_three_answers_have_results_of_their_own() -> None:
    offer = Offer(Gathering(), TCP_ONLY, Gathering(active=False, passive=False))
    agents = [offer.caller.first, offer.caller.fork(), offer.caller.fork()]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.hears(phone)
        offer.caller.answered(agent, phone.agent.local_description)
    offer.phones[2].close()
    offer.run(60)
    udp, tcp, dead = agents
    assert [agent.state for agent in agents] == [ENDS[0], ENDS[0], ENDS[1]]
    assert offer.pair_of(udp)[2] is Transport.UDP
    assert offer.pair_of(tcp)[2] is Transport.TCP
    assert dead.selected(1) is None
    assert offer.mirrored(udp, offer.phones[0])
    assert offer.mirrored(tcp, offer.phones[1])
    for agent in agents:
        offer.caller.end(agent)
    assert offer.caller.open_flows == 0


@pytest.mark.req("SDP-ICE-18")
def test_media_is_told_apart_by_where_it_comes_from() -> None:
    offer = Offer(Gathering(), Gathering(), TCP_ONLY)
    agents = [offer.caller.first, offer.caller.fork(), offer.caller.fork()]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.hears(phone)
        offer.caller.answered(agent, phone.agent.local_description)
    offer.run(10)
    heard = []
    forks = offer.caller.together.forks
    for agent, phone in zip(agents, offer.phones, strict=True):
        (path,) = offer.caller.of(agent, PathSelected)
        assert forks.listener(path.flow, path.remote) is agent
        before = len(offer.caller.media)
        phone.send_media(1, b"\x80\x00" + bytes(20))
        offer.run(1)
        heard += offer.caller.media[before:]
    assert [component for component, _ in heard] == [1, 1, 1]


@pytest.mark.req("ICETCP-8-6")
def test_a_fork_over_tcp_may_complete_long_after_another() -> None:
    offer = Offer(Gathering(), TCP_ONLY)
    first, second = offer.caller.first, offer.caller.fork()
    one, other = offer.phones
    offer.hears(one)
    offer.caller.answered(first, one.agent.local_description)
    offer.run(20)
    assert first.state is SessionState.COMPLETED
    assert len(offer.caller.host.listeners) == 1
    offer.hears(other)
    offer.caller.answered(second, other.agent.local_description)
    offer.run(20)
    assert offer.pair_of(second)[2] is Transport.TCP
    assert offer.mirrored(second, other)
    # Who ends leaves the others what they use.
    offer.caller.end(first)
    offer.run(40)
    assert second.state is SessionState.COMPLETED
    offer.caller.end(second)
    assert offer.caller.open_flows == 0


def test_the_listener_is_closed_when_all_forks_are_done() -> None:
    offer = Offer(Gathering(active=False, passive=False), Gathering(active=False, passive=False))
    agents = [offer.caller.first, offer.caller.fork()]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.hears(phone)
        offer.caller.answered(agent, phone.agent.local_description)
    offer.run(20)
    assert not offer.caller.host.listeners
    assert len(offer.caller.host.udp) == 1


@pytest.mark.req("ICE-7.3.1.4-2", "SDP-ICE-18")
@pytest.mark.parametrize("which", [Gathering(active=False, passive=False), TCP_ONLY])
def test_a_check_that_comes_before_its_answer_finds_its_password(which: Gathering) -> None:
    """Both phones check first, and tell no candidates: all our checks are triggered by theirs."""
    offer = Offer(which, which)
    waiting = offer.caller.first
    for phone in offer.phones:
        offer.hears(phone)
    offer.run(1)
    agents = [offer.caller.fork() for _ in offer.phones]
    for agent, phone in zip(agents, offer.phones, strict=True):
        told = phone.agent.local_description
        offer.caller.answered(agent, replace(told, candidates=()))
    offer.run(5)
    for agent, phone in zip(agents, offer.phones, strict=True):
        assert agent.state is SessionState.COMPLETED
        assert offer.mirrored(agent, phone)
        assert not phone.agent.counters["stray_answers"]
    assert waiting.state is SessionState.NEW


@pytest.mark.req("ICE-7.3.1.4-2")
def test_a_peer_whom_nobody_waits_for_is_answered_and_kept() -> None:
    offer = Offer(Gathering(), Gathering(active=False, passive=False))
    known, stranger = offer.phones
    offer.hears(known)
    offer.caller.answered(offer.caller.first, known.agent.local_description)
    offer.run(1)
    offer.hears(stranger)
    offer.run(1)
    assert any(pair.state.name == "SUCCEEDED" for pair in stranger.agent.pairs)
    late = offer.caller.fork()
    told = stranger.agent.local_description
    offer.caller.answered(late, replace(told, candidates=()))
    offer.run(5)
    assert offer.mirrored(late, stranger)
    assert offer.mirrored(offer.caller.first, known)


def test_a_connection_is_nobody_elses_once_its_peer_has_checked() -> None:
    offer = Offer(TCP_ONLY, TCP_ONLY)
    agents = [offer.caller.fork() for _ in offer.phones]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.caller.answered(agent, replace(phone.agent.local_description, candidates=()))
        offer.hears(phone)
    offer.run(1)
    held = [{one.flow for one in agent.table.connections} for agent in (*agents, offer.caller.first)]
    assert [len(flows) for flows in held] == [1, 1, 0]
    assert held[0] != held[1]


def test_a_role_conflict_with_one_peer_is_no_matter_of_the_others() -> None:
    offer = Offer(Gathering(), Gathering())
    agents = [offer.caller.first, offer.caller.fork()]
    rude = IceHost(offer._host("198.51.100.9"), role=Role.CONTROLLING, tie_breaker=2**64 - 1)
    rude.gather(Gathering())
    for agent, phone in zip(agents, (offer.phones[0], rude), strict=True):
        offer.hears(phone)
        offer.caller.answered(agent, phone.agent.local_description)
    offer.run(10)
    assert [agent.state for agent in agents] == [SessionState.COMPLETED] * 2
    assert [agent.role for agent in agents] == [Role.CONTROLLING, Role.CONTROLLED]


def test_all_forks_have_one_pacing() -> None:
    config = IceConfig(pacing_ms=20)
    offer = Offer(*[Gathering()] * 3, config=config)
    agents = [offer.caller.first, offer.caller.fork(), offer.caller.fork()]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.caller.answered(agent, phone.agent.local_description)
    offer.run(2)
    assert all(len(offer.caller.of(agent, CheckSent)) >= 2 for agent in agents)
    times = sorted({event.at for agent in agents for event in offer.caller.of(agent, CheckSent)})
    first = [min(e.at for e in offer.caller.of(agent, CheckSent)) for agent in agents]
    assert max(first) - min(first) == pytest.approx(0.04, abs=0.001)
    assert len(times) > 3


def test_the_fork_that_is_kept_keeps_its_path_when_the_others_end() -> None:
    offer = Offer(Gathering(), Gathering())
    agents = [offer.caller.fork(), offer.caller.fork()]
    for agent, phone in zip(agents, offer.phones, strict=True):
        offer.hears(phone)
        offer.caller.answered(agent, phone.agent.local_description)
    offer.run(5)
    offer.caller.end(offer.caller.first)
    offer.caller.end(agents[0])
    offer.run(40)
    assert agents[1].state is SessionState.COMPLETED
    assert offer.mirrored(agents[1], offer.phones[1])


def test_who_cannot_fork_says_so() -> None:
    single = Single()
    forks = Forks(single.agent)
    for _ in range(MAX_FORKS - 1):
        forks.fork(single.agent, single.now)
    with pytest.raises(ValueError, match="no more than"):
        forks.fork(single.agent, single.now)
    lite = Single(Role.CONTROLLED, config=IceConfig(lite=True))
    with pytest.raises(ValueError, match="full"):
        Forks(lite.agent).fork(lite.agent, lite.now)
    restarted = Single()
    restarted.remote(remote_udp())
    restarted.agent.restart(
        Credentials(ufrag="newer", password="a-newer-password-of-22-chars"), restarted.now
    )
    with pytest.raises(ValueError, match="not restarted"):
        Forks(restarted.agent).fork(restarted.agent, restarted.now)
    audio = Single()
    audio.agent.streams.join(Single().agent)
    with pytest.raises(ValueError, match="one stream"):
        Forks(audio.agent).fork(audio.agent, audio.now)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.one_of(
                st.binary(max_size=60),
                st.builds(_request, st.sampled_from(["ours", "other"]), st.sampled_from(["x", "y", "z"])),
            ),
        ),
        max_size=30,
    )
)
def test_nothing_that_arrives_raises(packets: list[tuple[int, bytes]]) -> None:
    single = Single()
    forks = Forks(single.agent)
    forks.set_remote(
        forks.fork(single.agent, single.now), Description(credentials=_peer("x"), candidates=()), single.now
    )
    source = TransportAddress(host="198.51.100.7", port=5000)
    stream = TransportAddress(host="198.51.100.7", port=6000)
    flow = single.agent.new_flow()
    forks.accepted(flow, single.listener, TransportAddress(host="192.0.2.1", port=4011), stream, single.now)
    for place, data in packets:
        single.now += 0.01
        arrived = (single.udp, flow, FlowId(99))[place]
        forks.receive(arrived, stream if arrived == flow else source, data, single.now)
        forks.take_commands()
    late = forks.fork(single.agent, single.now)
    forks.set_remote(late, Description(credentials=_peer("y"), candidates=()), single.now)
    for agent in tuple(forks):
        agent.close(single.now)
        forks.take_commands()
        forks.drop(agent)
    assert not list(forks)
    forks.receive(flow, stream, b"", single.now)
    assert forks.listener(flow, stream) is None


KINDS = [
    Gathering(),
    TCP_ONLY,
    Gathering(active=False, passive=False),
    Gathering(udp=False, active=False),
    Gathering(udp=False),
]


@settings(max_examples=20, deadline=None)
@given(
    phones=st.lists(
        st.tuples(st.sampled_from(KINDS), st.floats(0, 3), st.floats(0, 3), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    hold=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_whoever_answers_gets_a_path_and_nothing_is_left(
    phones: list[tuple[Gathering, float, float, bool]], hold: bool, seed: int
) -> None:
    """Phones of all kinds answer and check when they like; some vanish; the others all get through."""
    offer = Offer(*(kind for kind, _, _, _ in phones), seed=seed)
    clock = offer.internet.clock
    agents: list[Agent] = []
    unused = [offer.caller.first] if not hold else []

    def answer(phone: IceHost) -> None:
        agent = unused.pop() if unused and len(agents) == len(phones) - 1 else offer.caller.fork()
        agents.append(agent)
        owners[agent] = phone
        offer.caller.answered(agent, phone.agent.local_description)

    owners: dict[Agent, IceHost] = {}
    for phone, (_, hears_s, answers_s, vanishes) in zip(offer.phones, phones, strict=True):
        clock.after(hears_s, lambda phone=phone: offer.hears(phone))  # type: ignore[misc]
        clock.after(answers_s, lambda phone=phone: answer(phone))  # type: ignore[misc]
        if vanishes:
            clock.after(hears_s + 0.01, phone.close)
    offer.run(70)
    for agent, phone in owners.items():
        if phones[offer.phones.index(phone)][3]:
            assert agent.state in ENDS
        else:
            assert agent.state is SessionState.COMPLETED
            assert offer.mirrored(agent, phone)
    for agent in tuple(offer.caller.together.forks):
        offer.caller.end(agent)
    assert offer.caller.open_flows == 0
