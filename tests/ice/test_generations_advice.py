"""When the core advises a restart or an updated description (RFC 6544 §11.1, §11.2, RFC 8839 §4.3.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.candidates.candidate import ServerCandidates
from ice.config import IceConfig
from ice.messages import (
    CheckSent,
    CloseFlow,
    Event,
    FlowOpening,
    PathLost,
    PathSelected,
    RestartAdvised,
    StateChanged,
    UpdatedDescriptionAdvised,
)
from ice.types import (
    CandidateType,
    Credentials,
    Description,
    FlowId,
    Role,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.single import DIALLER, THEIRS, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import PairNetwork, Side, Wire
from tests.net.restarts import Media, offer, transport

MINE = Credentials(ufrag="mine2", password="mine-of-22-characters-at-least")
YOURS = Credentials(ufrag="yours2", password="yours-of-22-characters-at-least")
STRANGER = Credentials(ufrag="stranger", password="whatever-is-22-characters-long")


def over_tcp(dials: str) -> PairNetwork:
    """Two agents with a TCP path that `dials` has opened; a controls."""
    network = PairNetwork(udp=False)
    network.a.gather(["192.0.2.1"], udp=False, active=dials == "a", passive=dials == "b")
    network.b.gather(["198.51.100.1"], udp=False, active=dials == "b", passive=dials == "a")
    network.start()
    network.run_to_end()
    assert network.a.agent.state is SessionState.COMPLETED
    network.run(5)
    return network


def cut_off(network: PairNetwork) -> None:
    """The connection breaks and cannot be had again: no listener is left."""
    wires: list[Wire] = [*network.a.connections.values()]
    network.a.listeners.clear()
    network.b.listeners.clear()
    for wire in wires:
        network.reset(wire)


def advised(side: Side) -> list[RestartAdvised]:
    return side.said(RestartAdvised)


@pytest.mark.req("ICETCP-11.1-5")
@pytest.mark.parametrize("dials", ["a", "b"])
def test_a_connection_that_cannot_be_had_again_wants_a_restart(dials: str) -> None:
    network = over_tcp(dials)
    cut_off(network)
    lost_at = network.now
    network.run(3.2)
    (event,) = advised(network.a)
    assert "again" in event.reason
    # Who dials knows sooner: three dials were refused.
    assert event.at - lost_at <= (2.0 if dials == "a" else 3.1)
    assert not advised(network.b), "the controlling agent restarts"
    assert network.a.agent.state is SessionState.COMPLETED
    network.run(20)
    assert len(advised(network.a)) == 1
    offer(network.a)
    network.run(2)
    assert [type(e) for e in network.a.events if isinstance(e, PathLost | PathSelected)][-1] is PathSelected
    assert not network.a.agent.restarting


def test_a_connection_that_comes_back_wants_none() -> None:
    network = over_tcp("a")
    for wire in tuple(network.a.connections.values()):
        network.reset(wire)
    network.run(60)
    assert not advised(network.a)
    assert not advised(network.b)
    assert len(network.a.said(PathLost)) == 1


def test_redialling_goes_on_after_the_advice() -> None:
    network = over_tcp("a")
    cut_off(network)
    network.run(3.2)
    dialled = len(network.a.said(FlowOpening))
    network.run(8)
    assert len(network.a.said(FlowOpening)) > dialled


def test_lost_consent_wants_a_restart() -> None:
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    network.cut = True
    network.run(60)
    silent, event = advised(network.a)
    assert "no answer" in event.reason
    assert "no answer" not in silent.reason
    (failed,) = [e for e in network.a.said(StateChanged) if e.state is SessionState.FAILED]
    assert network.a.events.index(event) < network.a.events.index(failed)
    (late,) = advised(network.b)
    assert late.at > silent.at + 2, "the controlling agent restarts"


def test_revoked_consent_wants_none() -> None:
    one = Single()
    one.remote(remote_udp())
    one.wait(0.1)
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.2)
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    one.wait(7)
    one.answer(one.requests()[-1], one.udp, UDP_PEER, error=403)
    assert one.state() is SessionState.FAILED
    assert not one.said(RestartAdvised)


def test_nothing_is_advised_while_a_restart_is_under_way() -> None:
    network = over_tcp("a")
    offer(network.a, delay_s=10.0, udp=False)
    network.run(0.1)
    cut_off(network)
    network.run(6)
    assert network.a.said(PathLost)
    assert network.a.agent.selected(1) is not None
    assert not advised(network.a)


# --- relays (RFC 6544 §11.2) --------------------------------------------------------------------------------


def relayed(role: Role = Role.CONTROLLING) -> tuple[Single, FlowId]:
    """An agent whose media takes a relay."""
    one = Single(role, udp=False, tcp=False)
    flow = one.agent.new_flow()
    at = TransportAddress(host="203.0.113.9", port=49152)
    seen = TransportAddress(host="192.0.2.1", port=4010)
    make = ServerCandidates(())
    one.agent.add_local_candidate(make.relayed(at, seen, 1, "203.0.113.9", 0), flow, one.now)
    one.remote(remote_udp())
    one.wait(0.1)
    one.answer(one.requests()[-1], flow, UDP_PEER, mapped=at)
    if role is Role.CONTROLLED:
        one.check(flow, UDP_PEER, use_candidate=True)
        one.wait(0.1)
    else:
        one.wait(0.2)
        one.answer(one.requests()[-1], flow, UDP_PEER, mapped=at)
    assert one.state() is SessionState.COMPLETED
    assert one.agent.selected(1).local.type is CandidateType.RELAY  # type: ignore[union-attr]
    return one, flow


@pytest.mark.req("ICETCP-11.2-2")
@pytest.mark.parametrize("role", list(Role))
def test_a_lost_relay_wants_a_restart_whoever_has_it(role: Role) -> None:
    one, flow = relayed(role)
    one.agent.socket_lost(flow, "the relay is lost: 437", one.now)
    one.take()
    assert [event.reason for event in one.said(PathLost)] == ["the relay is lost: 437"]
    assert [event.reason for event in one.said(RestartAdvised)] == ["the relay is lost: 437"]
    assert flow in one.closed()
    sent = len(one.commands)
    one.wait(20)
    assert len(one.commands) == sent, "nothing can be sent any more"
    one.wait(60)
    assert one.state() is SessionState.FAILED


@pytest.mark.req("ICETCP-11.2-2")
def test_a_relay_is_kept_as_long_as_it_is_selected() -> None:
    one, flow = relayed()
    one.wait(20)
    assert flow not in one.closed()


def test_a_relay_that_is_lost_during_checks_takes_its_pairs_with_it() -> None:
    one = Single(tcp=False)
    flow = one.agent.new_flow()
    at = TransportAddress(host="203.0.113.9", port=49152)
    seen = TransportAddress(host="192.0.2.1", port=4010)
    candidate = ServerCandidates(()).relayed(at, seen, 1, "203.0.113.9", 0)
    one.agent.add_local_candidate(candidate, flow, one.now)
    one.remote(remote_udp())
    one.wait(0.1)
    one.agent.socket_lost(flow, "the relay is lost", one.now)
    one.take()
    assert not one.said(RestartAdvised)
    assert CloseFlow(flow=flow, reason="the relay is lost") in one.commands
    asked = len(one.requests(flow))
    one.wait(3)
    assert len(one.requests(flow)) == asked
    one.answer(one.requests(one.udp)[-1], one.udp, UDP_PEER)
    one.wait(0.5)
    one.answer(one.requests(one.udp)[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED


def test_what_was_freed_cannot_be_lost() -> None:
    one, flow = relayed()
    one.agent.close(one.now)
    one.agent.socket_lost(flow, "too late", one.now)
    one.take()
    assert not one.said(RestartAdvised)


# --- updated descriptions (RFC 8839 §4.3.4) -----------------------------------------------------------------


@pytest.mark.req("USE-16")
def test_the_controlling_agent_hears_of_a_pair_that_is_not_the_default() -> None:
    network = PairNetwork(udp=False)
    network.gather()
    network.start()
    network.run_to_end()
    (event,) = network.a.said(UpdatedDescriptionAdvised)
    assert [pair.id for pair in event.pairs] == [network.a.selected().id]
    assert transport(network.a) is Transport.TCP
    assert not network.b.said(UpdatedDescriptionAdvised)
    kinds = [type(e) for e in network.a.events if isinstance(e, StateChanged | UpdatedDescriptionAdvised)]
    assert kinds[-2:] == [StateChanged, UpdatedDescriptionAdvised]


@pytest.mark.req("USE-16")
def test_default_candidates_that_were_selected_need_no_updated_description() -> None:
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    network.run(60)
    assert transport(network.a) is Transport.UDP
    assert not network.a.said(UpdatedDescriptionAdvised)


# --- whose check proves what (RFC 8445 §7.3) ----------------------------------------------------------------


def media_from(one: Single, flow: FlowId, source: TransportAddress) -> int | None:
    return one.agent.accepts_data(flow, source)


@pytest.mark.req("ICE-7.3.1.4-2")
def test_a_check_of_somebody_else_with_our_password_proves_no_source() -> None:
    one = Single()
    one.remote(remote_udp())
    source = TransportAddress(host="198.51.100.66", port=6000)
    one.check(one.udp, source, sender=STRANGER)
    assert one.answers(one.udp), "it is answered all the same"
    assert media_from(one, one.udp, source) is None
    assert all(pair.remote.address != source for pair in one.agent.pairs)
    one.check(one.udp, source, sender=THEIRS)
    assert media_from(one, one.udp, source) == 1


@pytest.mark.req("ICE-7.3.1.4-2")
def test_a_check_that_came_early_counts_only_for_the_peer_of_the_description() -> None:
    one = Single()
    source = TransportAddress(host="198.51.100.66", port=6000)
    one.check(one.udp, source, sender=STRANGER)
    one.check(one.udp, UDP_PEER, sender=THEIRS)
    assert media_from(one, one.udp, source) == media_from(one, one.udp, UDP_PEER) == 1
    one.remote(remote_udp())
    assert media_from(one, one.udp, source) is None
    assert media_from(one, one.udp, UDP_PEER) == 1


def test_a_connection_of_somebody_else_has_proved_nothing() -> None:
    one = Single(config=IceConfig(unproved_timeout_s=2.0))
    flow = one.accept(DIALLER)
    one.check(flow, DIALLER, sender=STRANGER)
    one.wait(5)
    assert flow not in one.closed()
    one.remote(remote_tcp(tcptype=TcpType.ACTIVE, port=9))
    one.wait(1.9)
    assert flow not in one.closed()
    one.wait(0.2)
    assert "no valid check" in one.closed()[flow]


def test_checks_under_new_credentials_on_old_sockets_make_no_pair() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(0.05)
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    one.agent.restart(MINE, one.now)
    one.agent.set_remote(Description(credentials=YOURS, candidates=()), one.now)
    known = len(one.agent.pairs)
    other = replace(UDP_PEER, port=7777)
    one.check(one.udp, other, credentials=MINE, sender=YOURS)
    assert len(one.agent.pairs) == known
    assert one.agent.counters["checks_across_generations"] == 1


def test_a_socket_may_serve_both_generations() -> None:
    """RFC 8445 §9: the candidates of a restart may be those of before; then their sockets are not freed."""
    one = Single(tcp=False)
    (candidate,) = one.agent.local_description.candidates
    one.remote(remote_udp())
    one.wait(0.1)
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.2)
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    one.agent.restart(MINE, one.now)
    one.agent.add_local_candidate(candidate, one.udp, one.now)
    assert one.agent.local_description.candidates == (candidate,)
    one.agent.set_remote(Description(credentials=YOURS, candidates=(remote_udp(),)), one.now)
    one.take()
    one.wait(0.2)
    for _ in range(2):
        one.answer(one.requests()[-1], one.udp, UDP_PEER, password=YOURS.password)
        one.wait(0.2)
    assert one.state() is SessionState.COMPLETED
    assert not one.agent.restarting
    one.wait(5)
    assert one.udp not in one.closed()
    one.agent.close(one.now)
    one.take()
    assert one.udp in one.closed()


@pytest.mark.req("ICE-9-2")
def test_the_old_generation_begins_no_checks_beside_the_new_one() -> None:
    one = Single(tcp=False)
    one.remote(*(remote_udp(port) for port in range(5000, 5020)))
    one.wait(0.05)
    one.agent.restart(MINE, one.now)
    mark = len(one.events)
    one.agent.set_remote(Description(credentials=YOURS, candidates=(remote_udp(6000),)), one.now)
    one.take()
    one.wait(3)
    first = [e for e in one.events[mark:] if isinstance(e, CheckSent) and e.transmission == 1]
    old = {pair.id for pair in one.agent.pairs if pair.remote.address.port < 6000}
    assert old
    assert not [event for event in first if event.pair_id in old]


@pytest.mark.req("ICE-9-1")
def test_only_a_restart_makes_the_peer_lite() -> None:
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    remote = network.a.agent.remote_description
    assert remote is not None
    with pytest.raises(ValueError, match="restart"):
        network.a.agent.set_remote(replace(remote, lite=True), network.now)


def test_events_of_a_restart_are_events() -> None:
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    media = Media(network)
    offer(network.b)
    network.run(5)
    told: list[Event] = network.a.events
    assert [e.at for e in told] == sorted(e.at for e in told)
    assert media.refused == {"a": 0, "b": 0}
