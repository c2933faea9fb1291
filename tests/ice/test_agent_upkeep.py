"""A path in use: consent, keepalives, a connection that breaks and comes back (RFC 7675, RFC 6544 §11)."""

from __future__ import annotations

import itertools

import pytest

from ice.config import IceConfig
from ice.messages import (
    ConsentAnswered,
    FlowOpening,
    PathLost,
    PathSelected,
    SendDatagram,
    SendFrame,
    StateChanged,
)
from ice.stun.attributes import UseCandidate
from ice.stun.message import MessageClass, parse
from ice.types import Role, SessionState, TcpType, TransportAddress
from tests.ice.single import DIALLER, TCP_PEER, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import Link, PairNetwork, Side, mirrored


def connected(
    *,
    udp: bool = False,
    config: IceConfig | None = None,
    a_to_b: Link | None = None,
    b_to_a: Link | None = None,
) -> PairNetwork:
    """Two agents with a path, some seconds into the call: what is not needed is freed, consent is fresh."""
    network = PairNetwork(udp=udp, config=config, a_to_b=a_to_b, b_to_a=b_to_a)
    network.gather()
    network.start()
    network.run_to_end()
    assert mirrored(network)
    network.run(3.5)
    return network


def renewed(network: PairNetwork) -> PairNetwork:
    """The same, just after A's consent was renewed."""
    before = len(network.a.said(ConsentAnswered))
    network.run(10, until=lambda: len(network.a.said(ConsentAnswered)) > before)
    return network


def state(side: Side) -> SessionState:
    return side.agent.state


# --- consent ---------------------------------------------------------------------------------------------


@pytest.mark.req("CON-2", "ICETCP-K-1", "ICETCP-10-17", "ICE-11-1", "ICETCP-K-2")
@pytest.mark.parametrize("udp", [False, True])
def test_consent_goes_on_over_udp_and_tcp(udp: bool) -> None:
    network = connected(udp=udp)
    before = len(network.capture)
    network.run(100)
    for side in (network.a, network.b):
        told = side.said(ConsentAnswered)
        assert 17 <= len(told) <= 26
        gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(told)]
        assert all(3.99 <= gap <= 6.01 for gap in gaps)
        assert all(event.rtt_ms == pytest.approx(50) for event in told)
        assert state(side) is SessionState.COMPLETED
        assert side.selected().rtt_ms == pytest.approx(50)
    classes = {parse(packet.data).message_class for packet in network.capture[before:]}
    assert classes == {MessageClass.REQUEST, MessageClass.SUCCESS}, "no keepalive is needed"


@pytest.mark.req("CON-3", "ICETCP-K-1")
@pytest.mark.parametrize("udp", [False, True])
def test_thirty_seconds_of_silence_end_the_session(udp: bool) -> None:
    network = renewed(connected(udp=udp))
    last = network.now
    network.cut = True
    network.run(40)
    for side in (network.a, network.b):
        (lost,) = side.said(PathLost)
        assert lost.reason == "no answer of the peer for 30 s"
        assert state(side) is SessionState.FAILED
    assert network.a.said(PathLost)[0].at == pytest.approx(last + 30)
    commands = len(network.a.commands)
    network.run(60)
    assert len(network.a.commands) == commands, "nothing is sent any more"


@pytest.mark.req("CON-3")
def test_a_late_answer_revives_nothing() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(31)
    assert one.state() is SessionState.FAILED
    one.answer(one.requests()[-1], one.udp, UDP_PEER)
    assert one.state() is SessionState.FAILED
    assert one.agent.counters["stray_answers"] == 1


@pytest.mark.req("CON-5")
@pytest.mark.parametrize(("password", "revoked"), [("their-password-of-22-characters", True), ("x", False)])
def test_an_authenticated_403_stops_it_at_once(password: str, revoked: bool) -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(6)
    one.answer(one.requests()[-1], one.udp, UDP_PEER, error=403, password=password)
    assert (one.state() is SessionState.FAILED) is revoked
    assert [event.reason for event in one.said(PathLost)] == ["the peer revoked its consent"] * revoked


@pytest.mark.req("CON-2")
def test_an_answer_from_elsewhere_is_no_consent() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(6)
    one.answer(one.requests()[-1], one.udp, TransportAddress(host="203.0.113.1", port=1))
    assert one.said(ConsentAnswered) == []
    one.wait(25)
    assert one.state() is SessionState.FAILED


@pytest.mark.req("ICE-11-1", "ICE-11-3", "USE-18")
def test_where_consent_is_rare_keepalives_fill_the_silence() -> None:
    config = IceConfig(consent_interval_s=100, consent_timeout_s=1000)
    network = connected(udp=True, config=config)
    before = len(network.capture)
    network.run(60)
    sent = [parse(packet.data) for packet in network.capture[before:] if packet.side == "a"]
    assert [m.message_class for m in sent] == [MessageClass.INDICATION] * 4
    assert network.b.agent.counters["indications"] == 4


# --- a connection that breaks ----------------------------------------------------------------------------


@pytest.mark.req(
    "ICETCP-11.1-3", "ICETCP-11.1-4", "ICETCP-11.1-6", "ICETCP-11.1-9", "ICETCP-11.1-10", "CON-5"
)
@pytest.mark.parametrize("dialler", ["a", "b"])
def test_the_side_that_dialled_dials_again(dialler: str) -> None:
    closed, open_ = Link(udp=False, tcp=False), Link(udp=False)
    links = (open_, closed) if dialler == "a" else (closed, open_)
    network = connected(a_to_b=links[0], b_to_a=links[1])
    active = network.a if dialler == "a" else network.b
    passive = active.other
    old = active.selected()
    (wire,) = active.connections.values()
    mark = len(network.capture)
    network.reset(wire)
    network.run(0.4)
    for side in (active, passive):
        assert len(side.said(PathLost)) == 1
        assert len(side.said(PathSelected)) == 2
        assert state(side) is SessionState.COMPLETED
    again = active.said(PathSelected)[-1]
    assert again.reason == "the TCP connection was lost and opened again"
    assert passive.said(PathSelected)[-1].reason == "the peer opened the TCP connection again"
    assert mirrored(network)
    assert active.selected().remote == old.remote
    assert active.selected().local.address != old.local.address, "a new port"
    kinds = [(p.side, parse(p.data).message_class) for p in network.capture[mark:]]
    request, success = MessageClass.REQUEST, MessageClass.SUCCESS
    assert kinds[0] == (active.name, request)
    assert sorted(kinds) == sorted(
        [
            (active.name, request),
            (passive.name, success),
            (passive.name, request),
            (active.name, success),
        ]
    ), "a check each, over the new connection"
    network.run(60)
    assert state(active) is state(passive) is SessionState.COMPLETED
    assert len(active.connections) == len(passive.connections) == 1
    assert len(passive.listeners) == 1


@pytest.mark.req("ICETCP-11.1-6", "ICETCP-11.1-3")
def test_it_keeps_dialling_until_consent_ends() -> None:
    network = renewed(connected())
    active = network.a
    network.links["a"].tcp = network.links["b"].tcp = False
    network.links["a"].refuse = True
    (wire,) = active.connections.values()
    network.reset(wire)
    network.run(20)
    assert len(active.said(FlowOpening)) >= 8
    assert state(active) is SessionState.COMPLETED
    network.links["a"].tcp = True
    network.run(5)
    assert len(active.said(PathSelected)) == 2, "the call goes on"
    assert len(active.said(PathLost)) == 1


@pytest.mark.req("ICETCP-11.1-6", "CON-3")
def test_a_connection_that_never_comes_back_ends_the_session() -> None:
    network = connected()
    network.links["a"].tcp = network.links["b"].tcp = False
    (wire,) = network.a.connections.values()
    network.reset(wire)
    network.run(35)
    for side in (network.a, network.b):
        assert state(side) is SessionState.FAILED
        reason = side.said(StateChanged)[-1].reason
        assert reason == "the connection was lost and no answer of the peer for 30 s"


def test_only_one_side_saw_it_break() -> None:
    network = connected()
    active, passive = network.a, network.b
    (flow,) = active.connections
    active.connections.pop(flow).peer = None
    active.agent.flow_closed(flow, "reset", network.now)
    network.run(1)
    assert passive.said(PathLost) == []
    assert len(passive.said(PathSelected)) == 2
    assert mirrored(network)
    network.run(4)
    assert len(passive.connections) == 1, "the dead one is closed in the end"
    network.run(60)
    assert state(active) is state(passive) is SessionState.COMPLETED


@pytest.mark.req("ICETCP-11.1-3")
def test_the_passive_side_waits() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp())
    flow = one.accept()
    one.check(flow, DIALLER, use_candidate=True)
    one.wait(0.05)
    one.answer(one.requests(flow)[0], flow, DIALLER)
    assert one.state() is SessionState.COMPLETED
    dials = len(one.dials())
    one.lost(flow)
    assert one.said(PathLost)[-1].reason == "reset by the peer"
    one.wait(10)
    assert len(one.dials()) == dials
    elsewhere = TransportAddress(host="203.0.113.5", port=7)
    other = one.accept(elsewhere)
    one.check(other, elsewhere)
    assert one.requests(other) == [], "not the host that had dialled"
    back = TransportAddress(host=DIALLER.host, port=52000)
    again = one.accept(back)
    one.check(again, back)
    (check,) = one.requests(again)
    one.answer(check, again, back)
    path = one.said(PathSelected)[-1]
    assert (path.flow, path.remote) == (again, back)
    assert path.pair.local.tcptype is TcpType.PASSIVE


@pytest.mark.req("ICETCP-11.1-9")
def test_a_reopened_connection_that_is_refused_its_check_carries_no_media() -> None:
    one = Single()
    one.remote(remote_tcp())
    flow = one.dials()[0].flow
    one.opened(flow)
    one.answer(one.requests()[0], flow, TCP_PEER, mapped=TransportAddress(host="192.0.2.1", port=50000))
    one.check(flow, TCP_PEER)
    one.wait(0.1)
    nomination = next(r for r in one.requests() if r.get(UseCandidate) is not None)
    one.answer(nomination, flow, TCP_PEER, mapped=TransportAddress(host="192.0.2.1", port=50000))
    assert one.state() is SessionState.COMPLETED
    one.lost(flow)
    again = one.dials()[-1].flow
    one.opened(again, 50001)
    assert len(one.said(PathSelected)) == 1
    one.answer(one.requests(again)[0], again, TCP_PEER, error=500)
    assert len(one.said(PathSelected)) == 1
    assert again in one.closed()
    one.wait(1)
    third = one.dials()[-1].flow
    assert third != again
    one.opened(third, 50002)
    one.answer(one.requests(third)[0], third, TCP_PEER, mapped=TransportAddress(host="192.0.2.1", port=50002))
    assert [event.flow for event in one.said(PathSelected)] == [flow, third]
    selected = one.agent.selected(1)
    assert selected is not None
    assert selected.local.address.port == 50002


def test_after_the_loss_nothing_is_sent_on_the_dead_connection() -> None:
    network = connected()
    network.links["a"].tcp = network.links["b"].tcp = False
    (wire,) = network.a.connections.values()
    network.reset(wire)
    network.run(0.1)
    mark = len(network.a.commands)
    network.run(20)
    sent = [c for c in network.a.commands[mark:] if isinstance(c, SendFrame | SendDatagram)]
    assert sent == []
