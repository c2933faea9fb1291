"""ICE by relayed TCP in the simulated Internet: who is let in, who dials, what is kept and for how long."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import FlowOpening, PathLost, PathSelected, RestartAdvised
from ice.turn.requests import TurnMethod
from ice.types import CandidateType, Description, Role, SessionState, TcpType
from tests.net.firewall import FirewallRules
from tests.net.host import Host
from tests.net.ice_host import Gathering, IceHost
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.router import Router
from tests.net.small import DELAY_S, behind, guarded
from tests.net.turn_host import TurnHost

CONFIG = IceConfig()
NO_UDP_IN = FirewallRules(udp=False, tcp_inbound=False)
TCP_ONLY = Gathering(udp=False)
NOTHING = Gathering(udp=False, active=False, passive=False)


class Scene:
    """A TURN server in the open, A somewhere and B somewhere, each with its own way out."""

    def __init__(self, seed: int = 1) -> None:
        self.internet = Internet(seed)
        self.clock = self.internet.clock
        server = Host(self.internet)
        server.attach("203.0.113.1", self.internet.core, Link(delay_s=DELAY_S))
        self.turn = TurnHost(server)

    def host(self, address: str, router: Router | None = None) -> Host:
        """A host behind a router, or in the open."""
        host = Host(self.internet)
        network = self.internet.core if router is None else router.inside
        host.attach(address, network, Link(delay_s=DELAY_S))
        if router is not None and router.nat is None:
            router.route(address)
        return host

    def agent(
        self, host: Host, role: Role, which: Gathering, *, relayed: bool, config: IceConfig = CONFIG
    ) -> IceHost:
        """An agent there, gathered."""
        agent = IceHost(host, role=role, config=config)
        agent.gather(which)
        if relayed:
            agent.relay(next(iter(host.interfaces)), self.turn.address)
        self.clock.run(1)
        return agent

    def connect(self, a: IceHost, b: IceHost, for_a: Description, for_b: Description) -> None:
        """Exchange descriptions and wait for both."""
        b.set_remote(for_b)
        a.set_remote(for_a)
        self.clock.run(60, until=lambda: a.ended and b.ended)
        assert {a.agent.state, b.agent.state} == {SessionState.COMPLETED}


def kept(agent: IceHost, *tcptypes: TcpType) -> Description:
    description = agent.agent.local_description
    return replace(description, candidates=tuple(c for c in description.candidates if c.tcptype in tcptypes))


def exchange(scene: Scene, a: IceHost, b: IceHost) -> None:
    """Media both ways."""
    for sender, receiver in ((a, b), (b, a)):
        sender.send_media(1, b"\x80media")
        scene.clock.run(1)
        assert receiver.media == [(1, b"\x80media")]
        receiver.media.clear()


@pytest.mark.req("ICETCP-5.5-2", "ICETCP-4.1-4", "6062-3")
def test_we_dial_from_the_relay() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    scene.connect(a, b, kept(b, TcpType.PASSIVE), kept(a, TcpType.ACTIVE))
    ours, theirs = a.selected(), b.selected()
    assert (ours.local.type, ours.local.tcptype) == (CandidateType.RELAY, TcpType.ACTIVE)
    assert ours.local.address == theirs.remote.address
    assert theirs.remote.type is CandidateType.RELAY
    exchange(scene, a, b)


@pytest.mark.req("ICETCP-5.5-1", "ICETCP-5.2-6", "ICETCP-7.2-10", "ICETCP-T-4", "6062-5")
def test_the_peer_dials_our_relay_and_is_let_in_although_no_pair_names_it() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    scene.connect(a, b, kept(b, TcpType.ACTIVE), kept(a, TcpType.PASSIVE))
    assert next(iter(a.relays.values())).permitted == ["198.51.100.1"]
    ours, theirs = a.selected(), b.selected()
    assert (ours.local.type, ours.local.tcptype) == (CandidateType.RELAY, TcpType.PASSIVE)
    # The address that the relay told is that of the peer, and what the peer learns of itself.
    assert ours.remote.address == theirs.local.address
    assert ours.remote.address.host == "198.51.100.1"
    exchange(scene, a, b)
    # Long after the conclusion the relayed address takes the peer still, where it dials anew.
    scene.clock.run(30)
    next(iter(b.connections.values())).reset()
    scene.clock.run(10)
    assert a.said(PathLost)
    assert len(a.said(PathSelected)) > 1
    exchange(scene, a, b)


@pytest.mark.req("ICETCP-5.2-6")
def test_two_relays_where_neither_side_can_be_reached_or_use_udp() -> None:
    scene = Scene()
    agents = []
    for number, role in ((1, Role.CONTROLLING), (2, Role.CONTROLLED)):
        router = behind(scene.internet, f"203.0.113.{10 + number}", rules=NO_UDP_IN)
        agents.append(
            scene.agent(scene.host(f"192.168.{number}.10", router), role, Gathering(), relayed=True)
        )
    a, b = agents
    scene.connect(a, b, b.agent.local_description, a.agent.local_description)
    kinds = {a.selected().local.type, a.selected().remote.type}
    assert CandidateType.RELAY in kinds
    exchange(scene, a, b)


@pytest.mark.req("ICETCP-11.2-2", "ICETCP-4.1-5")
@pytest.mark.parametrize("needed", [True, False])
def test_the_relay_is_kept_while_it_carries_the_path_and_else_given_back(needed: bool) -> None:
    scene = Scene()
    router = guarded(scene.internet, NO_UDP_IN) if needed else None
    which = NOTHING if needed else TCP_ONLY
    a = scene.agent(scene.host("192.0.2.1", router), Role.CONTROLLING, which, relayed=True)
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    assert len(scene.turn.clients) == 1
    scene.connect(a, b, b.agent.local_description, a.agent.local_description)
    # Not before ICE has concluded.
    assert scene.turn.core.relays
    scene.clock.run(20)
    assert bool(scene.turn.core.relays) is bool(scene.turn.clients) is needed
    if needed:
        scene.clock.run(1200)
        exchange(scene, a, b)
        a.close()
        scene.clock.run(5)
    zero = scene.turn.core.requests(TurnMethod.REFRESH)[-1]
    assert zero.code == 0
    assert not scene.turn.core.relays
    assert not scene.turn.clients
    assert not a.relays


@pytest.mark.req("ICETCP-T-5")
def test_one_allocation_serves_several_peer_connections() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b_host = scene.host("198.51.100.1")
    b_host.attach("198.51.100.2", scene.internet.core, Link(delay_s=DELAY_S))
    b = scene.agent(b_host, Role.CONTROLLED, TCP_ONLY, relayed=False)
    scene.connect(a, b, b.agent.local_description, a.agent.local_description)
    seen = scene.turn.core.requests(TurnMethod.CONNECT)
    assert len(scene.turn.core.requests(TurnMethod.ALLOCATE)) == 2
    assert len({s.client for s in seen}) == 1
    assert len(seen) == 2


@pytest.mark.req("6062-9")
def test_a_connection_from_the_relay_counts_as_one_check() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b_host = scene.host("198.51.100.1")
    for number in range(2, 7):
        b_host.attach(f"198.51.100.{number}", scene.internet.core, Link(delay_s=DELAY_S))
    config = replace(CONFIG, max_candidates=32)
    b = scene.agent(b_host, Role.CONTROLLED, Gathering(udp=False, active=False), relayed=False, config=config)
    before = scene.clock.now
    scene.connect(a, b, b.agent.local_description, a.agent.local_description)
    asked = [seen.at for seen in scene.turn.core.requests(TurnMethod.CONNECT) if seen.at > before]
    assert len(asked) > 1
    times = [event.at for event in a.said(FlowOpening)]
    assert all(later - earlier >= 0.0099 for earlier, later in itertools.pairwise(times))


@pytest.mark.req("ICETCP-T-3", "6062-3")
def test_a_peer_that_the_relay_cannot_reach_fails_its_pair_and_no_other() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    real = kept(b, TcpType.PASSIVE)
    (passive,) = real.candidates
    closed = replace(
        passive, foundation="x", priority=passive.priority + 256, address=replace(passive.address, port=1)
    )
    both = replace(real, candidates=(closed, passive))
    scene.connect(a, b, both, a.agent.local_description)
    reasons = {pair.remote.address.port: pair.reason for pair in a.agent.pairs}
    assert "447" in reasons[1]


@pytest.mark.req("6062-6", "TURN-8", "ICETCP-11.2-2")
def test_a_relay_that_is_lost_takes_the_path_with_it() -> None:
    scene = Scene()
    a = scene.agent(
        scene.host("192.0.2.1", guarded(scene.internet, NO_UDP_IN)), Role.CONTROLLING, NOTHING, relayed=True
    )
    b = scene.agent(scene.host("198.51.100.1"), Role.CONTROLLED, TCP_ONLY, relayed=False)
    scene.connect(a, b, kept(b, TcpType.PASSIVE), kept(a, TcpType.ACTIVE))
    (relay,) = scene.turn.core.relays.values()
    scene.turn.clients[relay.client].reset()
    scene.clock.run(1)
    assert a.said(PathLost)
    assert b.said(PathLost)
    # Nothing but a new relay helps: said at once, not after dialling in vain.
    assert len(a.said(RestartAdvised)) == 1
    assert not scene.turn.core.relays
    scene.clock.run(60)
    assert a.agent.state is SessionState.FAILED
