"""Connections and packets of strangers: nobody's until proved, bounded, and never fatal (RFC 6544 §12)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.messages import FlowClosed, FlowOpened, PacketRefused
from ice.stun.binding import binding_indication
from ice.types import FlowId, Role, SessionState, TransportAddress
from tests.ice.single import (
    DIALLER,
    OURS,
    TCP_PEER,
    THEIRS,
    UDP_PEER,
    Single,
    remote_tcp,
    remote_udp,
)
from tests.net.pair_network import PairNetwork, mirrored

RTP = b"\x80\x00" + bytes(170)


def stranger(number: int) -> TransportAddress:
    return TransportAddress(host="203.0.113.66", port=10000 + number)


# --- media and its sources -------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-3-5", "ICETCP-3-4")
def test_media_before_a_check_goes_nowhere() -> None:
    one = Single()
    one.remote(remote_udp())
    flow = one.accept()
    for source, remote in ((flow, DIALLER), (one.udp, UDP_PEER)):
        assert one.agent.accepts_data(source, remote) is None
        one.feed(source, remote, RTP)
        assert "no STUN message" in one.said(PacketRefused)[-1].reason
    assert one.agent.counters["not_stun"] == 2


@pytest.mark.req("ICETCP-3-5", "ICETCP-10-8", "ICE-12.2-1")
def test_media_is_taken_from_where_an_authenticated_check_came() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp())
    flow = one.accept()
    one.check(flow, DIALLER)
    one.check(one.udp, UDP_PEER)
    assert one.agent.accepts_data(flow, DIALLER) == 1
    assert one.agent.accepts_data(one.udp, UDP_PEER) == 1
    assert one.agent.accepts_data(one.udp, stranger(1)) is None
    one.lost(flow)
    assert one.agent.accepts_data(flow, DIALLER) is None


def test_media_of_the_second_component_is_its_own() -> None:
    one = Single(components=2, tcp=False)
    sockets = one.agent.local_description.candidates
    assert {c.component for c in sockets} == {1, 2}
    second = FlowId(1)
    one.check(second, stranger(1))
    assert one.agent.accepts_data(second, stranger(1)) == 2


# --- accepted connections --------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-7.2-7", "ICETCP-7.2-1")
def test_a_hundred_idle_connections_do_not_keep_the_peer_out() -> None:
    one = Single(Role.CONTROLLED)
    one.remote()
    idle = [one.accept(stranger(n)) for n in range(100)]
    flow = one.accept()
    one.check(flow, DIALLER)
    assert len(one.answers(flow)) == 1
    assert set(one.closed()) == set(idle[: 100 - 15])
    assert one.agent.counters["unproved_evicted"] == 85
    assert len(one.said(FlowOpened)) == 101


@pytest.mark.req("ICETCP-7.2-7")
def test_idle_connections_are_limited_over_all_listeners_too() -> None:
    hosts = tuple(f"192.0.2.{number}" for number in range(1, 5))
    one = Single(Role.CONTROLLED, hosts=hosts, config=IceConfig(max_candidates=20))
    one.remote()
    listeners = one.listeners
    assert len(listeners) == 4
    idle = [one.accept(stranger(n), listener=listeners[n % 4]) for n in range(60)]
    assert set(one.closed()) == set(idle[: 60 - 32])
    peer = one.accept(listener=listeners[3])
    one.check(peer, DIALLER)
    assert len(one.answers(peer)) == 1
    late = [one.accept(stranger(100 + n), listener=listeners[n % 4]) for n in range(60)]
    assert peer not in one.closed(), "who has proved himself stays"
    assert len(set(late) - set(one.closed())) == 32


@pytest.mark.req("ICETCP-7.2-7")
def test_ten_seconds_to_prove_oneself() -> None:
    one = Single(Role.CONTROLLED)
    one.remote()
    idle, peer = one.accept(stranger(1)), one.accept()
    one.check(peer, DIALLER)
    one.wait(9.9)
    assert one.closed() == {}
    one.wait(0.2)
    assert one.closed() == {idle: "no valid check in time"}
    assert one.said(FlowClosed)[-1].reason == "no valid check in time"


@pytest.mark.req("ICETCP-7.2-7")
def test_that_time_runs_before_the_description_and_after_failure_too() -> None:
    one = Single()
    idle = one.accept(stranger(1))
    one.wait(10.1)
    assert idle in one.closed()
    two = Single()
    two.remote()
    two.wait(40)
    assert two.state() is SessionState.FAILED
    idle = two.accept(stranger(1))
    two.wait(10.1)
    assert idle in two.closed()


@pytest.mark.req("ICETCP-7.2-7")
def test_two_kilobytes_without_a_check_are_enough() -> None:
    one = Single()
    flow = one.accept(stranger(1))
    indication = binding_indication(bytes(12))
    count = 0
    while flow not in one.closed():
        one.feed(flow, stranger(1), indication)
        count += 1
    assert count == 2048 // (len(indication) + 2) + 1
    assert one.closed()[flow] == "too many bytes without a valid check"


@pytest.mark.req("ICETCP-7.2-6")
def test_three_bad_frames_are_enough() -> None:
    one = Single()
    flow = one.accept(stranger(1))
    for expected in (1, 2, 3):
        one.check(flow, stranger(1), credentials=THEIRS)
        assert len(one.answers(flow)) == expected
    assert one.closed()[flow] == "3 frames without a valid check"
    one.check(flow, stranger(1))
    assert one.agent.counters["unknown_flows"] == 1


def test_a_proved_connection_may_send_what_it_likes() -> None:
    one = Single(Role.CONTROLLED)
    one.remote()
    flow = one.accept()
    one.check(flow, DIALLER)
    for _ in range(50):
        one.feed(flow, DIALLER, RTP)
    one.wait(20)
    assert flow not in one.closed()


def test_a_connection_to_a_listener_that_is_gone_is_turned_away() -> None:
    one = Single()
    flow = one.accept(listener=FlowId(999))
    assert one.closed() == {flow: "the listener is gone"}
    assert one.agent.counters["turned_away"] == 1
    udp = one.accept(listener=one.udp)
    assert udp in one.closed()


def test_events_of_flows_that_are_gone_are_nothing() -> None:
    one = Single()
    one.remote(remote_tcp())
    events = len(one.events)
    for flow in (FlowId(77), one.udp, one.listener):
        one.opened(flow)
        one.refuse(flow)
        one.lost(flow)
    assert len(one.events) == events
    dial = one.dials()[0].flow
    one.opened(dial)
    one.opened(dial)
    assert len(one.requests()) == 1


def test_a_flood_is_counted_and_does_not_fill_the_log() -> None:
    one = Single()
    for number in range(2000):
        one.feed(one.udp, stranger(number), RTP)
    assert one.agent.counters == {"not_stun": 2000}
    told = one.said(PacketRefused)
    assert len(told) == 500
    assert told[-1].reason.endswith("more of this kind is only counted")


# --- hostile input ---------------------------------------------------------------------------------------


def recorded() -> list[bytes]:
    """Real messages of both sides of a session."""
    network = PairNetwork(udp=False, components=2)
    network.gather(components=2)
    network.start()
    network.run(8)
    assert mirrored(network)
    return sorted({packet.data for packet in network.capture})


CAPTURE = recorded()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(CAPTURE)))
    for _ in range(draw(st.integers(0, 4))):
        action = draw(st.sampled_from(["flip", "cut", "insert", "repeat"]))
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        if action == "flip" and data:
            data[at] ^= draw(st.integers(1, 255))
        elif action == "cut":
            del data[at : at + draw(st.integers(1, 16))]
        elif action == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        else:
            data += data[at : at + 8]
    return bytes(data)


@pytest.mark.req("STUN-14", "ICETCP-7.2-7")
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=200) | mutated(), st.integers(0, 3)), max_size=30),
    st.sampled_from(Role),
)
def test_no_bytes_ever_raise(packets: list[tuple[bytes, int]], role: Role) -> None:
    """Random bytes and mutated messages, on a UDP socket, an accepted and a dialled connection."""
    one = Single(role)
    one.remote(remote_udp(), remote_tcp())
    one.wait(0.05)
    accepted, dial = one.accept(), one.dials()[0].flow
    one.opened(dial)
    ways = [(one.udp, UDP_PEER), (accepted, DIALLER), (dial, TCP_PEER), (one.udp, stranger(3))]
    for data, way in packets:
        one.feed(*ways[way], data)
        one.wait(0.01)
    one.wait(60)
    assert one.state() in (SessionState.FAILED, SessionState.COMPLETED)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_authentic_messages_in_any_order_never_raise(seed: int) -> None:
    """A peer that knows the passwords and breaks every rule of order."""
    dice = random.Random(seed)
    one = Single(dice.choice(list(Role)), components=dice.choice([1, 2]))
    connections: list[FlowId] = []
    for _ in range(60):
        action = dice.randrange(12)
        flow = dice.choice([one.udp, *connections])
        remote = dice.choice([UDP_PEER, DIALLER, TCP_PEER, stranger(dice.randrange(3))])
        if action == 0 and one.state() is SessionState.NEW:
            one.remote(remote_udp(), remote_tcp(), remote_tcp(5003), ice2=dice.random() < 0.5)
        elif action == 1:
            connections.append(one.accept(remote))
        elif action in (2, 3) and one.dials():
            dial = dice.choice(one.dials()).flow
            dice.choice([one.opened, one.refuse, one.lost])(dial)
            connections.append(dial)
        elif action == 4 and connections:
            one.lost(dice.choice(connections))
        elif action in (5, 6):
            role = dice.choice(list(Role))
            nominates = role is Role.CONTROLLING and dice.random() < 0.5
            tie = dice.choice([0, 2**64 - 1])
            one.check(flow, remote, role=role, use_candidate=nominates, tie_breaker=tie)
        elif action in (7, 8, 9) and one.requests():
            error = dice.choice([None, None, None, 487, 400, 403])
            one.answer(dice.choice(one.requests()), flow, remote, error=error)
        elif action == 10:
            one.wait(dice.choice([0.001, 0.05, 1.0, 15.0]))
        elif action == 11 and dice.random() < 0.1:
            one.agent.limit_components(1, one.now)
            one.take()
        selected = one.agent.selected(1)
        assert selected is None or selected.selected
    one.wait(100)
    assert (
        one.state() is not SessionState.RUNNING
        or not one.agent.pairs
        or one.agent.pairs[0].nominated is False
    )
    assert OURS.password not in repr(one.events)
