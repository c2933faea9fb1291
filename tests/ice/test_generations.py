"""ICE restarts of two agents: make before break (RFC 8445 §9, RFC 6544 §9.2, RFC 7675 §5.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import (
    CheckReceived,
    ConsentAnswered,
    FlowClosed,
    FlowOpening,
    PairStateChanged,
    PathLost,
    PathSelected,
    RestartFailed,
    RoleChanged,
    StateChanged,
)
from ice.stun.attributes import Username
from ice.stun.message import MessageClass, parse
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    PairState,
    Role,
    SessionState,
    TcpType,
    Transport,
)
from tests.net.host import Host
from tests.net.ice_host import Gathering, IceHost
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.pair_network import PairNetwork, mirrored
from tests.net.restarts import Media, offer, renew

NEW = Credentials(ufrag="other", password="another-password-of-22-chars")
SETTLE_S = 0.5


def connected(*, udp: bool = True, config: IceConfig | None = None, components: int = 1) -> PairNetwork:
    network = PairNetwork(udp=udp, config=config, components=components)
    network.gather(components=components)
    network.start()
    network.run_to_end()
    assert states(network) == {SessionState.COMPLETED}
    network.run(5)
    return network


def states(network: PairNetwork) -> set[SessionState]:
    return {side.agent.state for side in (network.a, network.b)}


def finish(network: PairNetwork, seconds: float = 5.0) -> None:
    network.run(seconds)
    assert not network.a.agent.restarting
    assert not network.b.agent.restarting


@pytest.mark.req("ICE-9-1", "ICE-9-2", "USE-17")
@pytest.mark.parametrize("udp", [True, False])
def test_media_never_stops_over_a_restart(udp: bool) -> None:
    network = connected(udp=udp)
    before = {network.a.selected().id, network.b.selected().id}
    media = Media(network)
    network.run(0.2)
    offer(network.a)
    finish(network)
    network.run(30)
    assert mirrored(network)
    assert network.a.selected().id not in before
    assert network.a.selected().local.transport is (Transport.UDP if udp else Transport.TCP)
    assert media.unsent == {"a": 0, "b": 0}
    assert media.refused == {"a": 0, "b": 0}
    assert media.delivered["a"] > 1000 < media.delivered["b"]
    assert not network.a.said(PathLost)
    assert not network.b.said(PathLost)


def test_nothing_of_the_old_generation_is_left_open() -> None:
    network = connected(udp=False)
    offer(network.a)
    finish(network, 10)
    for side in (network.a, network.b):
        assert len(side.udp) == 0
        assert len(side.connections) == 1
        assert not side.dials
    assert len(network.a.listeners) + len(network.b.listeners) == 1
    for side in (network.a, network.b):
        side.agent.close(network.now)
        network.pump(side)
        assert not side.connections | side.udp | side.listeners


@pytest.mark.req("ICETCP-9.2-1")
def test_a_selected_connection_stays_open_until_the_restart_is_through() -> None:
    network = connected(udp=False)
    (old,) = network.a.connections
    offer(network.a)
    network.run(until=lambda: not network.a.agent.restarting)
    assert old in network.a.connections
    assert network.a.selected().local.address != network.a.connections[old].local


@pytest.mark.req("ICETCP-9.2-3")
def test_the_old_connection_is_closed_once_another_pair_is_selected() -> None:
    network = connected(udp=False)
    (old,) = network.a.connections
    offer(network.a)
    network.run(until=lambda: not network.a.agent.restarting)
    network.run(IceConfig().release_after_s + 0.1)
    assert old not in network.a.connections
    assert not network.a.said(PathLost)


@pytest.mark.req("ICETCP-9.2-5", "ICETCP-9.2-1")
def test_a_peer_alone_does_not_make_the_old_connection_a_new_pair() -> None:
    """We never offer the present connection as a simultaneous-open candidate; a peer that does is checked."""
    network = connected(udp=False)
    (old,) = network.a.connections
    ours, theirs = network.a.connections[old].local, network.a.connections[old].remote
    renew(network.a)
    renew(network.b)
    trick = Candidate(
        foundation="so",
        component=1,
        transport=Transport.TCP,
        priority=2**31 - 1,
        address=theirs,
        type=CandidateType.HOST,
        tcptype=TcpType.SO,
    )
    for_a = network.b.agent.local_description
    for_a = replace(for_a, candidates=(*for_a.candidates, trick))
    network.b.agent.set_remote(network.a.agent.local_description, network.now)
    network.a.agent.set_remote(for_a, network.now)
    told = network.a.agent.local_description.candidates
    assert not [c for c in told if c.tcptype is TcpType.SO or c.address == ours]
    network.run(until=lambda: not network.a.agent.restarting)
    assert old in network.a.connections
    assert network.a.selected().remote != trick
    assert not [pair for pair in network.a.agent.pairs if pair.remote == trick]
    finish(network)
    assert mirrored(network)
    assert old not in network.a.connections


@pytest.mark.req("ICETCP-9.2-4")
@pytest.mark.parametrize("udp", [True, False])
def test_checks_of_both_generations_are_answered_until_completion(udp: bool) -> None:
    config = IceConfig(consent_interval_s=0.05)
    network = connected(udp=udp, config=config)
    old = network.a.agent.local_description.credentials.ufrag
    offer(network.a, delay_s=1.0)
    mark, answered = len(network.capture), len(network.b.said(ConsentAnswered))
    network.run(1.5)
    new = network.a.agent.local_description.credentials.ufrag
    assert network.a.agent.restarting
    assert len(network.b.said(ConsentAnswered)) > answered + 5
    finish(network)
    asked = set()
    for sent in network.capture[mark:]:
        message = parse(sent.data)
        name = message.get(Username)
        assert message.message_class is not MessageClass.ERROR
        if sent.side == "b" and name is not None:
            asked.add(name.value.partition(":")[0])
    assert asked == {old, new}


@pytest.mark.req("ICE-9-1")
def test_the_role_survives_and_all_else_is_new() -> None:
    network = connected()
    first = network.a.agent.local_description
    offer(network.b)
    finish(network)
    second = network.a.agent.local_description
    assert network.a.agent.role is Role.CONTROLLING
    assert network.b.agent.role is Role.CONTROLLED
    assert not network.a.said(RoleChanged)
    assert second.credentials.ufrag != first.credentials.ufrag
    assert second.credentials.password != first.credentials.password
    assert not {c.address for c in first.candidates if c.address.port != 9} & {
        c.address for c in second.candidates
    }


@pytest.mark.req("ICE-9-1")
def test_both_user_name_and_password_must_be_new() -> None:
    network = connected()
    known = network.a.agent.local_description.credentials
    for credentials in (
        known,
        Credentials(ufrag=known.ufrag, password=NEW.password),
        Credentials(ufrag=NEW.ufrag, password=known.password),
    ):
        with pytest.raises(ValueError, match="changes"):
            network.a.agent.restart(credentials, network.now)
    assert not network.a.agent.restarting


def test_pair_numbers_go_on() -> None:
    network = connected()
    highest = max(pair.id for pair in network.a.agent.pairs)
    offer(network.a)
    finish(network)
    ids = [pair.id for pair in network.a.agent.pairs]
    assert len(ids) == len(set(ids))
    assert max(ids) > highest


def test_only_one_pair_is_selected_at_any_time() -> None:
    network = connected()
    offer(network.a, delay_s=0.2)
    while network.a.agent.restarting:
        network.run(0.01)
        assert sum(pair.selected for pair in network.a.agent.pairs) == 1
    network.run(5)
    (selected,) = [pair for pair in network.a.agent.pairs if pair.selected]
    assert selected == network.a.agent.selected(1)


@pytest.mark.req("ICE-9-2")
def test_media_moves_when_every_component_has_its_pair() -> None:
    network = connected(components=2)
    moved: dict[int, float] = {}
    offer(network.a)
    mark = len(network.a.events)
    finish(network)
    told = network.a.events[mark:]
    completed = next(e for e in told if isinstance(e, StateChanged) and e.state is SessionState.COMPLETED)
    for event in told:
        if isinstance(event, PathSelected):
            moved[event.component] = event.at
    assert moved == {1: completed.at, 2: completed.at}


def test_the_state_runs_again_and_completes_again() -> None:
    network = connected()
    mark = len(network.a.events)
    offer(network.a, delay_s=0.5)
    network.run(0.2)
    assert network.a.agent.state is SessionState.COMPLETED
    finish(network)
    states = [event.state for event in network.a.events[mark:] if isinstance(event, StateChanged)]
    assert states == [SessionState.RUNNING, SessionState.COMPLETED]


# --- restarts that come to nothing --------------------------------------------------------------------------


@pytest.mark.req("USE-17")
def test_a_refused_restart_leaves_everything_as_it_was() -> None:
    network = connected()
    before, selected = network.a.agent.local_description, network.a.selected().id
    sockets = set(network.a.udp)
    media = Media(network)
    renew(network.a)
    network.run(1)
    network.a.agent.abandon_restart(network.now)
    network.run(60)
    assert network.a.agent.local_description.credentials == before.credentials
    assert network.a.selected().id == selected
    assert network.a.agent.state is SessionState.COMPLETED
    assert set(network.a.udp) == sockets
    assert media.unsent == media.refused == {"a": 0, "b": 0}


def test_only_a_restart_that_waits_can_be_abandoned() -> None:
    network = connected()
    with pytest.raises(ValueError, match="waits"):
        network.a.agent.abandon_restart(network.now)
    offer(network.a, delay_s=0.0)
    network.run(SETTLE_S)
    with pytest.raises(ValueError, match="waits"):
        network.a.agent.abandon_restart(network.now)


def test_a_restart_that_finds_no_path_leaves_the_old_one() -> None:
    network = connected()
    selected = network.a.selected().id
    media = Media(network)
    renew(network.a, udp=True, active=False, passive=False)
    renew(network.b, udp=False, active=True, passive=False)
    network.start()
    network.run(120)
    for side in (network.a, network.b):
        assert len(side.said(RestartFailed)) == 1
        assert side.agent.state is SessionState.COMPLETED
        assert not side.agent.restarting
    assert network.a.selected().id == selected
    assert media.unsent == media.refused == {"a": 0, "b": 0}
    # It can be tried again.
    offer(network.b)
    finish(network)
    assert network.a.selected().id != selected
    assert media.unsent == media.refused == {"a": 0, "b": 0}


def test_after_a_failed_restart_the_consent_decides() -> None:
    network = connected()
    renew(network.a, udp=True, active=False, passive=False)
    renew(network.b, udp=False, active=True, passive=False)
    network.start()
    network.run(60)
    assert network.a.agent.state is SessionState.COMPLETED
    network.cut = True
    network.run(60)
    for side in (network.a, network.b):
        assert side.agent.state is SessionState.FAILED
        assert len(side.said(PathLost)) == 1


def test_the_path_may_die_while_the_restart_heals() -> None:
    network = connected(udp=False)
    (wire,) = network.a.connections.values()
    offer(network.a, delay_s=1.0)
    network.run(0.5)
    for side in (network.a, network.b):
        old = min(side.listeners, default=None)
        if old is not None and old < wire.flow:
            del side.listeners[old]
    network.reset(wire)
    finish(network, 10)
    assert len(network.a.said(PathLost)) == 1
    assert states(network) == {SessionState.COMPLETED}
    assert mirrored(network)


def test_a_failed_session_can_be_restarted() -> None:
    network = connected()
    network.cut = True
    network.run(60)
    assert states(network) == {SessionState.FAILED}
    network.cut = False
    offer(network.a)
    finish(network)
    assert states(network) == {SessionState.COMPLETED}
    assert mirrored(network)
    network.run(5)
    assert len(network.a.udp) == len(network.b.udp) == 1


def test_a_second_restart_replaces_one_that_nobody_answered() -> None:
    network = connected()
    renew(network.a)
    renew(network.a)
    media = Media(network)
    offer(network.a)
    finish(network)
    network.run(5)
    assert mirrored(network)
    assert len(network.a.udp) == 1
    assert media.unsent == media.refused == {"a": 0, "b": 0}


def test_restarts_may_cross() -> None:
    network = connected()
    media = Media(network)
    renew(network.a)
    renew(network.b)
    network.start(b_later_s=0.3)
    finish(network)
    assert mirrored(network)
    assert media.unsent == media.refused == {"a": 0, "b": 0}
    assert network.a.agent.role is not network.b.agent.role


def test_a_restart_may_come_before_the_first_path() -> None:
    network = PairNetwork(delay_s=0.2)
    network.gather()
    network.start()
    network.run(0.3)
    offer(network.a, delay_s=0.1)
    network.run_to_end()
    finish(network)
    assert mirrored(network)


@pytest.mark.req("ICE-7.3.1.4-2")
def test_a_triggered_check_has_the_credentials_of_the_generation_that_was_asked() -> None:
    network = connected()
    offer(network.a)
    mark = len(network.capture)
    finish(network)
    a, b = network.a.agent, network.b.agent
    new = (a.local_description.credentials.ufrag, b.local_description.credentials.ufrag)
    names = {
        name.value
        for sent in network.capture[mark:]
        if sent.side == "b" and (name := parse(sent.data).get(Username)) is not None
    }
    assert f"{new[0]}:{new[1]}" in names
    assert names <= {f"{new[0]}:{new[1]}", "ufraga:ufragb"}
    assert network.b.said(CheckReceived)


def test_a_restart_of_a_closed_agent_is_misuse() -> None:
    network = connected()
    network.a.agent.close(network.now)
    with pytest.raises(ValueError, match="closed"):
        network.a.agent.restart(NEW, network.now)


def test_a_restart_may_change_the_number_of_components() -> None:
    network = connected(components=2)
    network.a.agent.restart(NEW, network.now, components=1)
    network.a.gather(["192.0.2.1"], components=1)
    assert {c.component for c in network.a.agent.local_description.candidates} == {1}
    with pytest.raises(ValueError, match="component"):
        network.a.agent.restart(NEW, network.now, components=0)


def test_dialling_goes_on_for_the_old_path_while_a_restart_is_offered() -> None:
    network = connected(udp=False)
    (wire,) = network.a.connections.values()
    offer(network.a, delay_s=2.0)
    network.run(0.2)
    dialled = len(network.a.said(FlowOpening))
    network.reset(wire)
    network.run(1.0)
    assert len(network.a.said(FlowOpening)) == dialled + 1
    assert network.a.agent.restarting
    lost = [e for e in network.a.events if isinstance(e, PathLost | PathSelected)][-2:]
    assert [type(event) for event in lost] == [PathLost, PathSelected]
    finish(network)
    assert mirrored(network)


@pytest.mark.parametrize("components", [1, 2])
@pytest.mark.parametrize("late", [Role.CONTROLLING, Role.CONTROLLED])
def test_an_attempt_that_the_peer_was_before_goes_on_in_a_restart(late: Role, components: int) -> None:
    """The listener has the peer's SYN when we dial: the generation of before must not bury our attempt."""
    internet = Internet(3)
    clock = internet.clock
    places = {Role.CONTROLLING: "192.0.2.10", Role.CONTROLLED: "198.51.100.10"}
    sides = {role: IceHost(Host(internet), role=role, components=components) for role in places}
    which = Gathering(udp=False, active=False, passive=False, so=True)
    for role, side in sides.items():
        side.host.attach(places[role], internet.core, Link(delay_s=0.01))
        side.gather(which)
    second = sides.pop(late)
    (first,) = sides.values()
    first.set_remote(second.agent.local_description)
    second.set_remote(first.agent.local_description)
    clock.run(5)
    assert first.agent.state is second.agent.state is SessionState.COMPLETED
    for side in (first, second):
        side.restart(which)
        side.events.clear()
    for_second = first.agent.local_description
    first.set_remote(second.agent.local_description)
    # One way takes 20 ms: the SYN is there, what completes the connection is not.
    clock.after(0.03, lambda: second.set_remote(for_second))
    clock.run(1)
    assert second.said(FlowClosed)[0].reason == "the peer has opened the connection"
    for side in (first, second):
        assert side.agent.state is SessionState.COMPLETED
        assert not side.agent.restarting
        assert PairState.FAILED not in [event.state for event in side.said(PairStateChanged)]
        assert len(side.said(PathSelected)) == components
