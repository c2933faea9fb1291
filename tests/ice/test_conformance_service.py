"""What an agent owes its peer as long as the session lives: answers on every base, and the path itself."""

from __future__ import annotations

import itertools

import pytest

from ice.messages import CloseFlow, FlowClosed, OpenTcp, PathLost, SendDatagram, SendFrame
from ice.stun.attributes import ErrorCode, XorMappedAddress
from ice.stun.binding import binding_request
from ice.stun.message import MessageClass, StunMessage, parse
from ice.types import Credentials, FlowId, Role, SessionState, TransportAddress
from tests.net.pair_network import Link, PairNetwork, Side, mirrored

HOSTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
OURS = Credentials(ufrag="ufraga", password="a-password-of-22-chars-or-more")
THEIRS = Credentials(ufrag="ufragb", password="b-password-of-22-chars-or-more")
A_FORK = Credentials(ufrag="fork", password="password-of-another-branch-0000")
NUMBERS = itertools.count(1)


def ask(
    network: PairNetwork,
    flow: FlowId,
    remote: TransportAddress,
    *,
    sender: Credentials = THEIRS,
    ours: Credentials = OURS,
) -> StunMessage:
    """What A answers to one check that arrives on a socket or connection."""
    request = binding_request(
        transaction_id=next(NUMBERS).to_bytes(12, "big"),
        local=sender,
        remote=ours,
        role=Role.CONTROLLED,
        tie_breaker=1,
        priority=1862270975,
        use_candidate=False,
    )
    side = network.a
    side.commands.clear()
    side.agent.receive(flow, remote, request, network.now)
    network.pump(side)
    sent = [c for c in side.commands if isinstance(c, SendDatagram | SendFrame) and c.flow == flow]
    answers = [m for m in (parse(c.data) for c in sent) if m.message_class is not MessageClass.REQUEST]
    assert len(answers) == 1
    assert answers[0].transaction_id == parse(request).transaction_id
    return answers[0]


def stranger(local: TransportAddress) -> TransportAddress:
    """An address of the peer that it has told nobody, of the family of `local`."""
    host = "2001:db8::9" if ":" in local.host else "198.51.100.9"
    return TransportAddress(host=host, port=30000 + next(NUMBERS))


def accepted(side: Side, listener: FlowId, remote: TransportAddress) -> FlowId:
    """The peer dials a listener."""
    flow = side.agent.new_flow()
    side.agent.flow_accepted(flow, listener, side.listeners[listener], remote, side.network.now)
    return flow


def assert_all_served(network: PairNetwork, *, sender: Credentials = THEIRS) -> None:
    """A answers on each base that its description names."""
    side = network.a
    told = {c.address for c in side.agent.local_description.candidates if c.address.port != 9}
    assert told == {*side.udp.values(), *side.listeners.values()}
    assert len(told) == 12
    for flow, local in side.udp.items():
        remote = stranger(local)
        assert ask(network, flow, remote, sender=sender).get(XorMappedAddress) == XorMappedAddress(
            address=remote
        )
    for listener, local in side.listeners.items():
        remote = stranger(local)
        flow = accepted(side, listener, remote)
        assert ask(network, flow, remote, sender=sender).get(XorMappedAddress) == XorMappedAddress(
            address=remote
        )


def of_many_addresses() -> PairNetwork:
    """A has three addresses and two components; nothing of B gets through yet."""
    silent = Link(udp=False, tcp=False)
    network = PairNetwork(a_to_b=silent, b_to_a=silent, components=2)
    network.a.gather(HOSTS, components=2, active=False)
    network.b.gather(["198.51.100.1"], components=2)
    return network


@pytest.mark.req("ICE-7.3-4")
def test_every_base_answers_before_and_while_checks_run() -> None:
    network = of_many_addresses()
    assert_all_served(network)
    network.start()
    network.run(1.0)
    assert network.a.agent.state is SessionState.RUNNING
    assert_all_served(network)


@pytest.mark.req("ICE-7.3-4")
def test_every_base_answers_after_the_nomination() -> None:
    network = PairNetwork(components=2)
    network.a.gather(HOSTS, components=2, active=False)
    network.b.gather(["198.51.100.1"], components=2)
    network.start()
    network.run_to_end()
    assert network.a.agent.state is SessionState.COMPLETED
    assert_all_served(network)


@pytest.mark.req("ICE-7.3-4")
@pytest.mark.parametrize("described", [False, True])
def test_our_half_of_the_user_name_decides(described: bool) -> None:
    """A branch of a forked call checks with a ufrag of its own; only ours must be of a living session."""
    network = of_many_addresses()
    if described:
        network.start()
        network.run(0.2)
    assert_all_served(network, sender=A_FORK)
    flow, local = next(iter(network.a.udp.items()))
    for old in ("ufrag", "ufragaa", "UFRAGA", ""):
        ended = Credentials(ufrag=old, password=OURS.password)
        answer = ask(network, flow, stranger(local), ours=ended)
        assert answer.get(ErrorCode) == ErrorCode(code=401, reason="Unauthenticated")


@pytest.mark.req("ICETCP-11.1-2")
@pytest.mark.parametrize("dialling", ["a", "b"])
def test_the_selected_connection_stays_for_the_whole_call(dialling: str) -> None:
    """Ten silent minutes: nobody closes it, dials another one, or gives its listener away."""
    network = PairNetwork(udp=False)
    network.a.gather(["192.0.2.1"], active=dialling == "a", passive=dialling == "b")
    network.b.gather(["198.51.100.1"], active=dialling == "b", passive=dialling == "a")
    network.start()
    network.run_to_end()
    assert mirrored(network)
    ends = {side.name: set(side.connections) for side in (network.a, network.b)}
    selected = {"a": network.a.selected(), "b": network.b.selected()}
    for side in (network.a, network.b):
        side.events.clear()
        side.commands.clear()
    network.run(600.0)
    for side in (network.a, network.b):
        closed = {command.flow for command in side.commands if isinstance(command, CloseFlow)}
        assert not closed & (ends[side.name] | set(side.listeners))
        assert set(side.connections) == ends[side.name]
        assert not [command for command in side.commands if isinstance(command, OpenTcp)]
        assert not side.said(PathLost)
        assert not side.said(FlowClosed)
        assert side.selected().local == selected[side.name].local
    listening = network.b if dialling == "a" else network.a
    assert listening.listeners, "the peer could come back to it"
