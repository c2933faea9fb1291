"""Connections with peers through a TCP allocation (RFC 6062), under virtual time."""

from __future__ import annotations

import itertools

import pytest

from ice.stun.message import MessageClass, StunMessage, parse, serialise
from ice.turn.allocation import Allocation, AllocationState
from ice.turn.attributes import ConnectionId, XorPeerAddress
from ice.turn.connections import MAX_UNBOUND, RETRY_S
from ice.turn.events import AllocationLost, MessageRefused, PermissionRefused, Released
from ice.turn.requests import MAX_OUTSTANDING, TurnMethod
from ice.types import Transport, TransportAddress
from tests.ice.turn.turn_tcp_world import TcpWorld
from tests.ice.turn.turn_world import CHECK, PEER, RTP, seeded

OTHER = TransportAddress(host="198.51.100.77", port=6000)


def attempt(number: int | None, peer: TransportAddress | None) -> bytes:
    """A ConnectionAttempt of anybody."""
    attributes = (
        *(() if number is None else (ConnectionId(number=number),)),
        *(() if peer is None else (XorPeerAddress(address=peer),)),
    )
    message = StunMessage(
        method=TurnMethod.CONNECTION_ATTEMPT,
        message_class=MessageClass.INDICATION,
        transaction_id=bytes(12),
        attributes=attributes,
    )
    return serialise(message, integrity_key=None, fingerprint=False)


def refusals(world: TcpWorld) -> list[str]:
    return [event.kind for event in world.told(MessageRefused)]


def methods(world: TcpWorld) -> list[int]:
    return [parse(data).method for _, data in world.sent]


@pytest.mark.req("6062-1")
def test_the_request_says_tcp_and_nothing_that_tcp_forbids() -> None:
    world = TcpWorld().start()
    assert world.allocation.state is AllocationState.ALLOCATED
    request = world.sent[-1][1]
    assert bytes.fromhex("0019000406000000") in request
    for forbidden in (0x0018, 0x0022, 0x001A):
        assert not any(a.type == forbidden for a in parse(request).attributes)


@pytest.mark.req("6062-1")
def test_no_tcp_over_udp() -> None:
    with pytest.raises(ValueError, match="TCP and TLS only"):
        Allocation(username="", password="", reliable=False, random=seeded(1), transport=Transport.TCP)


@pytest.mark.req("6062-2")
def test_an_allocation_of_tcp_sends_no_datagrams() -> None:
    world = TcpWorld().start()
    with pytest.raises(RuntimeError, match="no datagrams"):
        world.allocation.send(CHECK, PEER, world.now)
    # Nor does it take what a server may send by mistake.
    world.allocation.receive(b"\x40\x00\x00\x16" + RTP, world.now)
    world.settle()
    assert refusals(world) == ["malformed"]
    assert not {TurnMethod.SEND, TurnMethod.CHANNEL_BIND} & set(methods(world))


@pytest.mark.req("6062-3")
def test_a_peer_is_connected_to_without_permission() -> None:
    world = TcpWorld().start()
    world.connect()
    (told,) = world.connected
    assert (told.peer, told.inbound) == (PEER, False)
    assert TurnMethod.CREATE_PERMISSION not in methods(world)
    bind = world.data_connection(told.connection_id)
    assert bind.outcome is not None
    assert bind.outcome.success is not None


@pytest.mark.req("6062-3", "6062-12")
def test_a_server_that_takes_29_seconds_is_waited_for() -> None:
    world = TcpWorld().start()
    world.reachable = None
    world.connect()
    world.run(29)
    assert not world.failed
    world.answer_dials(taken=True)
    world.settle()
    (told,) = world.connected
    world.run(1)
    bind = world.data_connection(told.connection_id)
    assert bind.outcome is not None
    assert bind.outcome.success is not None


@pytest.mark.req("6062-3", "6062-12")
def test_a_connect_that_nobody_answers_fails_after_ti() -> None:
    world = TcpWorld().start()
    world.server.take_output()
    world.allocation.connections.connect(PEER, world.now)
    world.allocation.take_output()
    world.now += 39.4
    world.allocation.handle_timer(world.now)
    assert not world.allocation.take_events()
    world.now += 0.2
    world.allocation.handle_timer(world.now)
    (failed,) = world.allocation.take_events()
    assert "does not answer" in failed.reason  # type: ignore[union-attr]


@pytest.mark.req("6062-3", "TURN-5", "ICETCP-T-3")
def test_after_447_the_same_peer_waits_ten_seconds_and_others_do_not() -> None:
    world = TcpWorld().start()
    world.reachable = False
    world.connect()
    assert [event.code for event in world.failed] == [447]
    world.reachable = True
    world.run(RETRY_S - 0.1)
    world.connect()
    assert [event.code for event in world.failed] == [447, 447]
    assert methods(world).count(TurnMethod.CONNECT) == 1
    world.connect(OTHER)
    world.run(0.2)
    world.connect()
    assert [event.peer for event in world.connected] == [OTHER, PEER]


@pytest.mark.req("6062-3", "TURN-5")
def test_never_two_connects_to_one_peer_at_once() -> None:
    world = TcpWorld().start()
    world.reachable = None
    world.connect()
    world.connect()
    world.connect(OTHER)
    assert [event.code for event in world.failed] == [446]
    assert methods(world).count(TurnMethod.CONNECT) == 2
    world.answer_dials(taken=True)
    world.settle()
    world.connect()
    assert [event.code for event in world.failed] == [446, 446]
    assert methods(world).count(TurnMethod.CONNECT) == 2
    # Once its data connection has ended it may be connected to again.
    mine = next(told for told in world.connected if told.peer == PEER)
    world.allocation.connections.ended(mine.connection_id)
    world.server.tcp.ended(world.server.tcp.streams[mine.connection_id])
    world.connect()
    assert len(world.dials) == 1


@pytest.mark.req("6062-16", "TURN-5")
def test_446_of_the_server_is_told_until_it_has_forgotten() -> None:
    world = TcpWorld().start()
    world.connect()
    (told,) = world.connected
    # The data connection could not be had: the server holds the peer for 30 s more.
    world.allocation.connections.ended(told.connection_id)
    world.connect()
    assert [event.code for event in world.failed] == [446]
    assert "446" in world.failed[0].reason
    world.run(30)
    world.connect()
    assert len(world.connected) == 2


@pytest.mark.req("TURN-5", "TURN-24", "TURN-35")
def test_peers_that_the_server_forbids_and_of_another_family() -> None:
    world = TcpWorld(forbidden=(PEER.host,)).start()
    world.connect()
    assert [event.code for event in world.failed] == [403]
    world.connect(TransportAddress(host="2001:db8::7", port=5000))
    world.connect(TransportAddress(host=OTHER.host, port=0))
    assert [event.code for event in world.failed] == [403, 0, 0]
    assert methods(world).count(TurnMethod.CONNECT) == 1
    assert world.allocation.state is AllocationState.ALLOCATED


@pytest.mark.req("6062-3", "TURN-16")
def test_437_ends_the_allocation() -> None:
    world = TcpWorld().start()
    world.server.relays.clear()
    world.connect()
    (lost,) = world.told(AllocationLost)
    assert "forgot" in lost.reason


def test_a_connect_that_is_given_up_is_not_told() -> None:
    world = TcpWorld().start()
    world.reachable = None
    world.connect()
    world.allocation.connections.give_up(PEER)
    world.connect()
    assert [event.code for event in world.failed] == [446]
    world.answer_dials(taken=True)
    world.settle()
    assert not world.connected
    world.run(31)
    world.reachable = True
    world.connect()
    assert len(world.connected) == 1


@pytest.mark.req("STUN-16")
def test_connects_keep_nothing_else_waiting() -> None:
    world = TcpWorld().start()
    world.reachable = None
    for port in range(1, MAX_OUTSTANDING + 6):
        world.connect(TransportAddress(host=PEER.host, port=port))
    assert len(world.dials) == MAX_OUTSTANDING + 5
    world.permit()
    assert world.server.requests(TurnMethod.CREATE_PERMISSION)


# --- inbound --------------------------------------------------------------------------------------------


@pytest.mark.req("6062-5", "6062-13")
def test_a_permitted_peer_is_told_with_its_address() -> None:
    world = TcpWorld().start()
    assert world.peer_dials() is None
    world.permit()
    one, two = world.peer_dials(), world.peer_dials(TransportAddress(host=PEER.host, port=5001))
    assert one is not None
    assert two is not None
    assert [(told.connection_id, told.peer, told.inbound) for told in world.connected] == [
        (one.number, one.peer, True),
        (two.number, two.peer, True),
    ]
    # The ids are not confused, whoever is bound first.
    for stream in (two, one):
        assert world.data_connection(stream.number).outcome is not None
        assert stream.client is not None
    assert one.client != two.client


@pytest.mark.req("6062-5", "6062-4")
def test_what_is_not_bound_in_30_seconds_is_gone() -> None:
    world = TcpWorld().start()
    world.permit()
    stream = world.peer_dials()
    assert stream is not None
    world.run(31)
    bind = world.data_connection(stream.number)
    assert bind.outcome is not None
    assert bind.outcome.code == 400
    assert world.allocation.state is AllocationState.ALLOCATED


@pytest.mark.req("6062-13")
def test_a_permission_stays_up_and_an_established_connection_does_not_need_it() -> None:
    world = TcpWorld(maximum_s=600).start()
    world.permit()
    world.run(3000)
    asked = [seen.at for seen in world.server.requests(TurnMethod.CREATE_PERMISSION)]
    assert all(later - earlier <= 300 for earlier, later in itertools.pairwise(asked))
    stream = world.peer_dials()
    assert stream is not None
    assert world.data_connection(stream.number).outcome is not None
    next(iter(world.server.relays.values())).permissions.clear()
    assert world.peer_dials() is None
    assert stream.number in world.server.tcp.streams


@pytest.mark.req("6062-17", "6062-1")
def test_the_allocation_is_refreshed_for_as_long_as_it_is_wanted() -> None:
    world = TcpWorld(maximum_s=600).start()
    world.connect()
    assert world.data_connection(world.connected[0].connection_id).outcome is not None
    world.run(660)
    assert world.server.requests(TurnMethod.REFRESH)
    assert world.connected[0].connection_id in world.server.tcp.streams


@pytest.mark.req("6062-14")
def test_attempts_that_do_not_say_what_they_must_are_dropped() -> None:
    world = TcpWorld().start()
    world.permit()
    for message in (attempt(None, PEER), attempt(7, None), attempt(None, None)):
        world.allocation.receive(message, world.now)
    world.settle()
    assert refusals(world) == ["bad-attempt"] * 3
    assert not world.connected


@pytest.mark.req("6062-14")
def test_attempts_of_hosts_without_permission_are_dropped() -> None:
    world = TcpWorld().start()
    world.permit()
    world.allocation.receive(attempt(7, OTHER), world.now)
    world.settle()
    assert refusals(world) == ["no-permission-in"]
    assert not world.connected


@pytest.mark.req("6062-14")
def test_a_flood_of_attempts_opens_few_connections() -> None:
    world = TcpWorld().start()
    world.permit()
    for number in range(100):
        world.allocation.receive(attempt(number, PEER), world.now)
        world.allocation.receive(attempt(number, PEER), world.now)
    world.settle()
    assert len(world.connected) == MAX_UNBOUND
    assert world.allocation.counters["attempts-over-limit"] > 0
    # Each one that is bound or has failed makes room.
    world.allocation.connections.bound(0)
    world.allocation.connections.ended(1)
    for number in range(200, 210):
        world.allocation.receive(attempt(number, PEER), world.now)
    world.settle()
    assert len(world.connected) == MAX_UNBOUND + 2


@pytest.mark.req("TURN-24")
def test_a_refused_permission_is_told_and_asked_for_again_later() -> None:
    world = TcpWorld(forbidden=(PEER.host,)).start()
    world.permit()
    (refused,) = world.told(PermissionRefused)
    assert refused.host == PEER.host
    world.permit()
    assert len(world.server.requests(TurnMethod.CREATE_PERMISSION)) == 1
    world.run(61)
    world.server.forbidden.clear()
    world.permit()
    assert world.peer_dials() is not None


def test_hosts_that_cannot_be_peers_are_counted() -> None:
    world = TcpWorld().start()
    world.permit("2001:db8::7")
    world.permit("nonsense")
    for number in range(80):
        world.permit(f"198.51.100.{number}")
    assert world.allocation.counters["not-permitted"] == 2 + 80 - 64


@pytest.mark.req("6062-19", "TURN-22")
def test_giving_it_back_ends_everything() -> None:
    world = TcpWorld().start()
    world.connect()
    world.allocation.close(world.now)
    world.settle()
    assert world.told(Released)
    assert not world.server.relays
    assert not world.server.tcp.streams
    with pytest.raises(RuntimeError, match="no connections now"):
        _ = world.allocation.connections
