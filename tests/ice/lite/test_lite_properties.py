"""Lite agents and whatever may come: any checks in any order, any bytes, any descriptions."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.lite.choice import Selection
from ice.messages import CheckReceived, PathSelected
from ice.stun.binding import binding_request
from ice.types import (
    Credentials,
    Description,
    FlowId,
    Role,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.lite.lite import DONE, LITE, TRUSTING, V6, core, states, update
from tests.ice.single import DIALLER, HOST, OURS, PEER, THEIRS, UDP_PEER, Single, remote_tcp, remote_udp
from tests.net.pair_network import PairNetwork, mirrored


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A check, right in most things."""
    role = draw(st.sampled_from([Role.CONTROLLING, Role.CONTROLLING, Role.CONTROLLED]))
    return binding_request(
        transaction_id=draw(st.binary(min_size=12, max_size=12)),
        local=draw(st.sampled_from([THEIRS, THEIRS, Credentials(ufrag="fork", password="x" * 22)])),
        remote=draw(st.sampled_from([OURS, OURS, OURS, Credentials(ufrag="ours", password="y" * 22)])),
        role=role,
        tie_breaker=draw(st.integers(0, 2**64 - 1)),
        priority=draw(st.integers(1, 2**31 - 1)),
        use_candidate=role is Role.CONTROLLING and draw(st.booleans()),
    )


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """A check, a damaged one, or anything."""
    data = draw(requests())
    match draw(st.integers(0, 4)):
        case 0:
            return draw(st.binary(max_size=80))
        case 1:
            at = draw(st.integers(0, len(data) - 1))
            return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        case _:
            return data


_steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["udp1", "udp2", "tcp"]), packets()),
        st.tuples(st.sampled_from(["describe", "accept", "lose", "mux"]), st.just(b"")),
        st.tuples(st.just("wait"), st.sampled_from([b"", b"x" * 10, b"x" * 100])),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(Role), st.booleans(), _steps)
def test_any_checks_in_any_order(role: Role, ice2: bool, steps: list[tuple[str, bytes]]) -> None:
    """Nothing is raised or asked; a path is told only where every component has its nomination."""
    one = Single(role, config=LITE, components=2)
    sockets = {
        socket.component: socket.flow
        for socket in one.agent._table.sockets
        if socket.candidate.transport is Transport.UDP
    }
    accepted: list[FlowId] = []
    described = False
    for name, data in steps:
        match name:
            case "udp1" | "udp2":
                one.feed(sockets[int(name[3])], UDP_PEER, data)
            case "tcp" if accepted:
                one.feed(accepted[-1], DIALLER, data)
            case "describe" if not described:
                described = True
                both = (remote_udp(), remote_udp(5002, component=2), remote_tcp(9, TcpType.ACTIVE))
                one.remote(*both, ice2=ice2)
            case "accept":
                accepted.append(one.accept())
            case "lose" if accepted:
                one.lost(accepted.pop())
            case "mux":
                one.agent.limit_components(1, one.now)
            case "wait":
                one.wait(len(data) / 5)
            case _:
                pass
        one.take()
    assert one.requests() == []
    assert one.dials() == []
    paths = {path.component for path in one.said(PathSelected)}
    assert paths in (set(), {1}, {1, 2})
    if one.state() is SessionState.NEW:
        assert paths == set()
    for flow, remote in ((sockets[1], UDP_PEER), (sockets[2], UDP_PEER)):
        proved = any((event.flow, event.remote) == (flow, remote) for event in one.said(CheckReceived))
        assert (one.agent.accepts_data(flow, remote) is not None) <= proved
    one.agent.close(one.now)
    assert one.agent.next_timer() is None


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.booleans()] * 2),
    st.tuples(*[st.booleans()] * 2),
    st.sampled_from([(True, False), (False, True), (True, True)]),
    st.integers(1, 2),
)
def test_two_lite_agents_end_on_mirrored_pairs_or_both_fail(
    a: tuple[bool, ...], b: tuple[bool, ...], transports: tuple[bool, bool], components: int
) -> None:
    """Whatever families and transports the two have: one updated exchange at most, and both agree."""
    udp, tcp = transports
    config = IceConfig(lite=True, udp=udp, tcp=tcp, lite_unproved_tcp=True)
    network = PairNetwork(config=config, components=components)
    for side, families, v4 in ((network.a, a, "192.0.2.1"), (network.b, b, "198.51.100.1")):
        hosts = [host for host, has in zip((V6[side.name], v4), families, strict=True) if has]
        side.gather(hosts or [v4], components=components, udp=udp, passive=tcp)
    network.start()
    network.run(0.0)
    if core(network.a).update_due:
        update(network)
    network.run(2.0)
    if SessionState.FAILED in states(network):
        assert states(network) == (SessionState.FAILED, SessionState.FAILED)
        ours, theirs = (
            {":" in c.address.host for c in side.agent.local_description.candidates}
            for side in (network.a, network.b)
        )
        assert not ours & theirs
    else:
        assert states(network) == DONE
        for component in range(1, components + 1):
            assert mirrored(network, component)


_descriptions = st.lists(
    st.builds(
        lambda tcp, host, port, component: (
            remote_tcp(port, tcp, host=host, component=component)
            if tcp is not None
            else remote_udp(port, host=host, component=component)
        ),
        st.sampled_from([None, TcpType.ACTIVE, TcpType.PASSIVE, TcpType.SO]),
        st.sampled_from([PEER, "203.0.113.5", "2001:db8::5", "127.0.0.1", "0.0.0.0"]),
        st.integers(1, 65535),
        st.integers(1, 3),
    ),
    max_size=6,
)
_addresses = st.builds(
    TransportAddress,
    host=st.sampled_from([HOST, PEER, "2001:db8::5"]),
    port=st.sampled_from([9, 4010, 4011, 4021]),
)
_selections = st.lists(
    st.builds(
        Selection,
        component=st.integers(1, 3),
        transport=st.sampled_from(Transport),
        local=_addresses,
        remote=_addresses,
        we_dial=st.booleans(),
    ),
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(Role),
    _descriptions,
    st.booleans(),
    st.lists(
        st.one_of(
            _selections,
            st.sampled_from(["answered", "accept", "open", "fail", "lose", "mux", "check", "noise"]),
            st.floats(0.0, 20.0),
        ),
        max_size=12,
    ),
)
def test_whatever_happens_no_check_leaves_and_nothing_is_raised(
    role: Role,
    candidates: list[object],
    lite: bool,
    steps: list[object],
) -> None:
    one = Single(role, config=replace(TRUSTING, udp=True), components=2)
    description = Description(
        credentials=replace(one.agent.local_description.credentials, ufrag="them"),
        candidates=tuple(candidates),  # type: ignore[arg-type]
        lite=lite,
    )
    one.agent.set_remote(description, one.now)
    one.take()
    ports = itertools.count(52000)
    for step in steps:
        match step:
            case list():
                core(one).take_selection(step, one.now)
            case float():
                one.wait(step)
            case "answered":
                core(one).update_answered(one.now)
            case "accept":
                one.accept(TransportAddress(host=PEER, port=next(ports)))
            case "open":
                for dial in one.dials():
                    one.opened(dial.flow)
            case "fail":
                for dial in one.dials():
                    one.refuse(dial.flow)
            case "lose":
                for connection in one.agent._table.connections:
                    one.lost(connection.flow)
            case "mux":
                one.agent.limit_components(1, one.now)
            case "check":
                one.check(one.udp, UDP_PEER, role=Role.CONTROLLING, use_candidate=True)
            case _:
                one.feed(one.listener, DIALLER, b"\x00\x01\x00\x00noise")
        one.take()
    assert one.requests() == []
    selected = {path.component for path in one.said(PathSelected)}
    if one.state() is SessionState.COMPLETED:
        assert selected
    one.agent.close(one.now)
    one.take()
    assert one.agent.next_timer() is None
