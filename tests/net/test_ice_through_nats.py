"""Two agents behind NATs and firewalls: which pairs of behaviours they get through, and what they select."""

from __future__ import annotations

import pytest

from ice.messages import CheckSent, PathSelected
from ice.types import CandidateType, Role, SessionState, TcpType, Transport, TransportAddress
from tests.net.firewall import FirewallRules
from tests.net.host import Host
from tests.net.ice_host import Gathering, IceHost
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.nat import Behaviour, Translation
from tests.net.router import Router
from tests.net.small import DELAY_S, behind, guarded
from tests.net.stun_server import StunServer

EI, AD, APD = Behaviour

UDP_ONLY = Gathering(active=False, passive=False)


def _server(internet: Internet) -> tuple[TransportAddress, ...]:
    host = Host(internet)
    host.attach("203.0.113.200", internet.core, Link(delay_s=DELAY_S))
    return StunServer(host).addresses


def _agent(internet: Internet, router: Router | None, address: str, role: Role) -> IceHost:
    host = Host(internet)
    network = internet.core if router is None else router.inside
    host.attach(address, network, Link(delay_s=DELAY_S))
    if router is not None and router.nat is None:
        router.route(address)
    return IceHost(host, role=role)


def _connect(a: IceHost, b: IceHost, which: Gathering, servers: tuple[TransportAddress, ...]) -> None:
    clock = a.host.internet.clock
    for agent in (a, b):
        agent.gather(which, servers)
    clock.run(2)
    for_a, for_b = b.agent.local_description, a.agent.local_description
    b.set_remote(for_b)
    a.set_remote(for_a)
    clock.run(60, until=lambda: a.ended and b.ended)


def _through(one: Translation, other: Translation, which: Gathering = UDP_ONLY) -> tuple[IceHost, IceHost]:
    internet = Internet(3)
    servers = _server(internet)
    a = _agent(internet, behind(internet, "192.0.2.1", udp=one), "192.168.1.10", Role.CONTROLLING)
    b = _agent(internet, behind(internet, "192.0.2.2", udp=other), "192.168.1.10", Role.CONTROLLED)
    _connect(a, b, which, servers)
    return a, b


@pytest.mark.parametrize("filtering", list(Behaviour))
@pytest.mark.parametrize("other", list(Behaviour))
def test_two_nats_with_one_mapping_per_socket(filtering: Behaviour, other: Behaviour) -> None:
    a, b = _through(Translation(mapping=EI, filtering=filtering), Translation(mapping=EI, filtering=other))
    assert a.agent.state is b.agent.state is SessionState.COMPLETED
    assert a.selected().local.type is b.selected().local.type is CandidateType.SRFLX
    assert a.selected().local.address == b.selected().remote.address


@pytest.mark.parametrize(
    ("filtering", "completes"), [(EI, True), (AD, True), (APD, False)], ids=["any", "address", "port"]
)
def test_a_mapping_per_destination_is_found_by_its_checks(filtering: Behaviour, completes: bool) -> None:
    """The other NAT must let them in although they come from a port that nobody was told."""
    a, b = _through(Translation(mapping=APD, filtering=APD), Translation(mapping=EI, filtering=filtering))
    assert (a.agent.state is b.agent.state is SessionState.COMPLETED) is completes
    if completes:
        assert b.selected().remote.type is CandidateType.PRFLX
        assert a.selected().local.type is CandidateType.PRFLX


@pytest.mark.parametrize("other", list(Behaviour))
@pytest.mark.parametrize("filtering", list(Behaviour))
def test_a_mapping_per_destination_on_both_sides_ends_in_failure(
    filtering: Behaviour, other: Behaviour
) -> None:
    """Where little is filtered, checks reveal ever more addresses and trigger each other; not for ever."""
    a, b = _through(Translation(mapping=APD, filtering=filtering), Translation(mapping=APD, filtering=other))
    assert a.agent.state is b.agent.state is SessionState.FAILED
    for agent in (a, b):
        assert len(agent.said(CheckSent)) < 200


def test_tcp_gets_out_of_a_nat_whose_udp_is_blocked() -> None:
    internet = Internet(3)
    router = behind(internet, "192.0.2.1", rules=FirewallRules(udp=False))
    a = _agent(internet, router, "192.168.1.10", Role.CONTROLLED)
    b = _agent(internet, None, "198.51.100.1", Role.CONTROLLING)
    _connect(b, a, Gathering(), _server(internet))
    assert a.selected().local.tcptype is TcpType.ACTIVE
    assert b.selected().local.tcptype is TcpType.PASSIVE
    assert b.selected().remote.address.host == "192.0.2.1"
    b.send_media(1, b"\x80media")
    a.send_media(1, b"\x80media")
    internet.clock.run(1)
    assert a.media == b.media == [(1, b"\x80media")]


@pytest.mark.parametrize("tcp_inbound", [True, False])
@pytest.mark.parametrize("reject", [True, False])
def test_two_firewalls_without_udp(tcp_inbound: bool, reject: bool) -> None:
    internet = Internet(3)
    closed = guarded(internet, FirewallRules(udp=False, reject=reject))
    other = guarded(internet, FirewallRules(udp=False, tcp_inbound=tcp_inbound, reject=reject))
    a = _agent(internet, closed, "192.0.2.10", Role.CONTROLLING)
    b = _agent(internet, other, "198.51.100.10", Role.CONTROLLED)
    _connect(a, b, Gathering(), ())
    wanted = SessionState.COMPLETED if tcp_inbound else SessionState.FAILED
    assert a.agent.state is b.agent.state is wanted
    if tcp_inbound:
        assert a.selected().local.tcptype is TcpType.ACTIVE


def test_the_selected_connection_is_reset_and_dialled_again() -> None:
    internet = Internet(3)
    a = _agent(internet, guarded(internet, FirewallRules(udp=False)), "192.0.2.10", Role.CONTROLLING)
    b = _agent(internet, None, "198.51.100.10", Role.CONTROLLED)
    _connect(a, b, Gathering(), ())
    internet.clock.run(5)
    (connection,) = a.connections.values()
    connection.reset()
    internet.clock.run(2)
    assert [len(agent.said(PathSelected)) for agent in (a, b)] == [2, 2]
    a.send_media(1, b"\x80again")
    internet.clock.run(1)
    assert b.media == [(1, b"\x80again")]


def test_an_interface_is_lost_before_the_checks() -> None:
    internet = Internet(3)
    host = Host(internet)
    for address in ("192.0.2.10", "192.0.2.11"):
        host.attach(address, internet.core, Link(delay_s=DELAY_S))
    a = IceHost(host, role=Role.CONTROLLING)
    b = _agent(internet, None, "198.51.100.10", Role.CONTROLLED)
    a.gather(Gathering())
    b.gather(Gathering())
    host.set_up("192.0.2.10", up=False)
    b.set_remote(a.agent.local_description)
    a.set_remote(b.agent.local_description)
    internet.clock.run(5, until=lambda: a.ended and b.ended)
    assert a.selected().local.address.host == "192.0.2.11"
    assert a.selected().local.transport is Transport.UDP


@pytest.mark.parametrize("controlling", ["public", "behind a NAT"])
def test_udp_through_a_nat_is_better_than_tcp(controlling: str) -> None:
    """Every TCP connection is peer-reflexive, which by its type counts more than server-reflexive UDP."""
    internet = Internet(3)
    public = controlling == "public"
    a = _agent(internet, None, "198.51.100.10", Role.CONTROLLING if public else Role.CONTROLLED)
    b = _agent(internet, behind(internet, "192.0.2.1"), "192.168.1.10", a.agent.role.other)
    _connect(a, b, Gathering(), _server(internet))
    assert a.selected().local.transport is b.selected().local.transport is Transport.UDP
    assert b.selected().local.type is CandidateType.SRFLX
