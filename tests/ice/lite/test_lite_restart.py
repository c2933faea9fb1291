"""Restarts where one of the agents is lite, or becomes so (RFC 8445 §9, RFC 8839 §4.4.3.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.lite.candidates import LiteCandidates
from ice.messages import PathLost, PathSelected, RoleChanged, StateChanged
from ice.stun.message import MessageClass, parse
from ice.types import Credentials, Description, Role, SessionState, TcpType, Transport, TransportAddress
from tests.ice.lite.lite import TRUSTING, core, update
from tests.ice.single import DIALLER, HOST, Single, remote_tcp
from tests.net.pair_network import PairNetwork, mirrored
from tests.net.restarts import Media, offer

LITE = IceConfig(lite=True)
NEW = Credentials(ufrag="renewed", password="our-new-password-of-22-chars")
OTHER = Credentials(ufrag="theirnew", password="their-new-password-of-22-chars")


def connected(*, udp: bool = True, components: int = 1, both: IceConfig | None = None) -> PairNetwork:
    """A full A and a lite B, or two of one kind."""
    network = PairNetwork(udp=udp, components=components, config=both, config_b=both or LITE)
    network.gather(components=components, udp=both is not TRUSTING)
    network.start()
    network.run(0.0)
    if both is not None and both.lite and core(network.a).update_due:
        update(network)
    network.run_to_end()
    assert {network.a.agent.state, network.b.agent.state} == {SessionState.COMPLETED}
    network.run(5)
    return network


@pytest.mark.req("SDP-ICE-30", "ICE-9-1", "ICE-9-2")
@pytest.mark.parametrize("udp", [True, False])
@pytest.mark.parametrize("who", ["full", "lite"])
@pytest.mark.parametrize("components", [1, 2])
def test_media_goes_on_where_it_was_until_the_new_pairs_are_there(
    udp: bool, who: str, components: int
) -> None:
    network = connected(udp=udp, components=components)
    before = [network.b.selected(number) for number in range(1, components + 1)]
    media = Media(network)
    network.run(0.2)
    mark = len(network.b.events)
    offer(network.a if who == "full" else network.b, delay_s=0.2)
    network.run(0.25)
    assert core(network.b).pairs == (), "a new valid list"
    assert [network.b.selected(n).local for n in range(1, components + 1)] == [p.local for p in before]
    network.run(10)
    told = network.b.events[mark:]
    states = [event.state for event in told if isinstance(event, StateChanged)]
    assert states == [SessionState.RUNNING, SessionState.COMPLETED]
    assert len([event for event in told if isinstance(event, PathSelected)]) == components
    assert mirrored(network)
    assert network.b.selected().local.address != before[0].local.address
    assert network.b.selected().local.transport is (Transport.UDP if udp else Transport.TCP)
    assert network.b.said(PathLost) == []
    assert media.unsent == {"a": 0, "b": 0}
    assert media.refused == {"a": 0, "b": 0}
    assert (network.a.agent.role, network.b.agent.role) == (Role.CONTROLLING, Role.CONTROLLED)
    assert network.b.said(RoleChanged) == []
    ids = [pair.id for pair in network.b.agent.pairs]
    assert len(ids) == len(set(ids))
    assert not {pair.id for pair in before} & set(ids)


@pytest.mark.req("ICETCP-9.2-4", "CON-4")
def test_checks_under_the_old_credentials_are_answered_during_the_restart() -> None:
    network = PairNetwork(config=IceConfig(consent_interval_s=0.05), config_b=LITE)
    network.gather()
    network.start()
    network.run_to_end()
    network.run(5)
    offer(network.a, delay_s=1.0)
    network.run(20)
    answers = [parse(sent.data) for sent in network.capture if sent.side == "b"]
    assert len(answers) > 100
    # The keepalives are indications.
    assert {each.message_class for each in answers} == {MessageClass.SUCCESS, MessageClass.INDICATION}


def test_nothing_of_the_old_generation_is_left_open() -> None:
    network = connected(udp=False)
    offer(network.a)
    network.run(20)
    assert len(network.b.connections) == len(network.b.listeners) == 1
    assert network.b.udp == {}
    network.b.agent.close(network.now)
    network.pump(network.b)
    assert not network.b.connections | network.b.listeners


@pytest.mark.req("ICE-9-1", "ICE-6.1.1-2")
@pytest.mark.parametrize("becomes_lite", [True, False])
def test_an_agent_becomes_lite_or_full_by_a_restart(becomes_lite: bool) -> None:
    """What its peer makes of it: a full agent that becomes lite gives the role away."""
    network = connected(both=IceConfig()) if becomes_lite else connected()
    changed = network.a if becomes_lite else network.b
    config = replace(LITE, lite=becomes_lite)
    changed.lite = becomes_lite
    changed.agent._config = config
    offer(changed)
    network.run(10)
    assert {network.a.agent.state, network.b.agent.state} == {SessionState.COMPLETED}
    assert mirrored(network)
    lite, full = (network.a, network.b) if becomes_lite else (None, network.b)
    if lite is not None:
        assert (lite.agent.role, full.agent.role) == (Role.CONTROLLED, Role.CONTROLLING)
        assert lite.agent.lite is not None
    else:
        assert (network.a.agent.role, full.agent.role) == (Role.CONTROLLING, Role.CONTROLLED)
        assert full.agent.lite is None


@pytest.mark.req("SDP-ICE-30")
@pytest.mark.parametrize("tcp", [True, False])
def test_two_lite_agents_restart(tcp: bool) -> None:
    network = connected(both=TRUSTING if tcp else replace(LITE, tcp=False))
    before = network.a.selected()
    media = Media(network)
    network.run(0.2)
    offer(network.a)
    network.run(0.1)
    if tcp:
        assert core(network.a).update_due
        assert network.a.agent.state is SessionState.RUNNING
        update(network)
    network.run(10)
    assert {network.a.agent.state, network.b.agent.state} == {SessionState.COMPLETED}
    assert network.a.selected().local != before.local
    assert mirrored(network)
    assert network.a.said(PathLost) + network.b.said(PathLost) == []
    assert media.unsent == {"a": 0, "b": 0}
    # Without checks the answerer moves as its answer leaves; a few packets overtake it.
    assert media.refused["a"] == 0
    assert media.refused["b"] <= (0 if tcp else 3)


@pytest.mark.req("ICETCP-9.2-4")
def test_a_connection_that_the_peer_uses_again_stays_open() -> None:
    one = Single(Role.CONTROLLED, config=LITE)
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    one.check(flow, DIALLER, role=Role.CONTROLLING, use_candidate=True)
    one.agent.restart(NEW, one.now)
    fresh = LiteCandidates([HOST]).udp(TransportAddress(host=HOST, port=4099), 1)
    one.agent.add_local_candidate(fresh, one.agent.new_flow(), one.now)
    theirs = Description(credentials=OTHER, candidates=(remote_tcp(9, TcpType.ACTIVE),))
    one.agent.set_remote(theirs, one.now)
    one.check(flow, DIALLER, role=Role.CONTROLLING, use_candidate=True, credentials=NEW, sender=OTHER)
    assert one.state() is SessionState.COMPLETED
    one.wait(LITE.release_after_s + 1.0)
    assert flow not in one.closed()
    selected = one.agent.selected(1)
    assert selected is not None
    assert selected.remote.address == DIALLER
    assert one.said(PathLost) == []
