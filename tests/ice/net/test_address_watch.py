"""Addresses of this host that go in the middle of a session (RFC 8445 §5.1.1.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.candidate import base_of
from ice.config import IceConfig
from ice.messages import AddressLost, CloseFlow, PathLost, PathSelected, RestartAdvised
from ice.net import address_poll
from ice.net.address_poll import watch_addresses
from ice.net.address_watch import AddressWatch
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import PairState, SessionState
from tests.net.pair_network import PairNetwork, Side
from tests.net.restarts import Media, renew
from tests.peers.process import until

FIRST, SECOND = "192.0.2.1", "192.0.2.99"
HOSTS = st.sets(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1%eth0", "fe80::1%eth1"]))


# --- the noun ---------------------------------------------------------------------------------------------


@given(st.lists(HOSTS))
def test_what_was_there_and_is_not_is_gone(looks: list[set[str]]) -> None:
    def plain(hosts: set[str]) -> set[str]:
        return {host.partition("%")[0] for host in hosts}

    watch, before = AddressWatch(()), set[str]()
    for hosts in looks:
        assert set(watch.look(hosts)) == plain(before) - plain(hosts)
        before = hosts


def test_an_address_that_was_never_seen_cannot_go() -> None:
    watch = AddressWatch(["192.0.2.1"])
    assert watch.look(["192.0.2.1", "192.0.2.2"]) == ()
    assert watch.look(["192.0.2.1"]) == ("192.0.2.2",)
    assert watch.look(["192.0.2.1"]) == ()


# --- two agents -------------------------------------------------------------------------------------------


def two_links(*, udp: bool = True, config: IceConfig | None = None) -> PairNetwork:
    """A has two addresses, B one; both have completed, and B controls."""
    network = PairNetwork(config=config)
    network.a.gather([FIRST, SECOND], udp=udp)
    network.b.gather(["198.51.100.1"], udp=udp)
    network.start()
    return network


def lose(side: Side, host: str) -> None:
    side.agent.host_lost(host, side.network.now)
    side.network.pump(side)


@pytest.mark.req("ICE-5.1.1.4-2")
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("controlling", ["a", "b"])
def test_the_path_on_an_address_that_goes_is_lost_at_once(udp: bool, controlling: str) -> None:
    network = two_links(udp=udp)
    side = network.a if controlling == "a" else network.b
    if side is network.b:
        network.b.gather(["198.51.100.2"], udp=udp)
    network.run_to_end()
    media = Media(network)
    network.run(5)
    host = base_of(side.selected().local).host
    lose(side, host)
    gone = network.now
    assert [event.host for event in side.said(AddressLost)] == [host]
    assert [event.at for event in side.said(PathLost)] == [gone]
    (advice,) = side.said(RestartAdvised)
    assert host in advice.reason
    assert advice.at == gone, "whatever the role"
    assert not side.udp
    assert not side.connections
    assert side.agent.state is SessionState.COMPLETED, "consent runs on"
    # The restart gathers what there is now.
    other = SECOND if side is network.a else "198.51.100.2"
    renew(side, other)
    ours = side.agent.local_description
    assert {candidate.address.host for candidate in ours.candidates} == {other}
    renew(side.other)
    side.other.agent.set_remote(ours, network.now)
    side.agent.set_remote(side.other.agent.local_description, network.now)
    network.run(3)
    assert not side.agent.restarting
    assert isinstance([e for e in side.events if isinstance(e, PathLost | PathSelected)][-1], PathSelected)
    before = dict(media.delivered)
    network.run(1)
    assert all(media.delivered[name] > before[name] + 40 for name in ("a", "b"))


@pytest.mark.req("ICE-5.1.1.4-2")
def test_candidates_on_an_address_that_goes_are_dropped_while_checks_run() -> None:
    network = two_links()
    network.run(0.01)
    lose(network.a, FIRST)
    assert {candidate.address.host for candidate in network.a.agent.local_description.candidates} == {SECOND}
    on_it = [pair for pair in network.a.agent.pairs if pair.local.address.host == FIRST]
    assert on_it
    assert {pair.state for pair in on_it} == {PairState.FAILED}
    assert all(FIRST in pair.reason for pair in on_it)
    assert {address.host for address in network.a.udp.values()} == {SECOND}
    assert {address.host for address in network.a.listeners.values()} == {SECOND}
    network.run_to_end()
    assert network.a.agent.state is network.b.agent.state is SessionState.COMPLETED
    assert network.a.selected().local.address.host == SECOND
    dialled = [wire.local.host for wire in network.a.connections.values()]
    assert FIRST not in dialled


def test_another_address_than_that_of_the_path_goes_without_a_word() -> None:
    network = two_links()
    network.run_to_end()
    spare = SECOND if network.a.selected().local.address.host == FIRST else FIRST
    lose(network.a, spare)
    assert not network.a.said(PathLost)
    assert not network.a.said(RestartAdvised)
    network.run(60)
    assert network.a.agent.state is network.b.agent.state is SessionState.COMPLETED


def test_an_address_that_nothing_stands_on_is_nobodys_matter() -> None:
    network = two_links()
    network.run_to_end()
    before = len(network.a.events)
    lose(network.a, "203.0.113.9")
    assert network.a.events[before:] == []
    assert not [command for command in network.a.commands if isinstance(command, CloseFlow)][before:]


# --- the poll ---------------------------------------------------------------------------------------------


class Addresses(HostNetwork):
    """A network whose addresses a test chooses."""

    def __init__(self, *hosts: str) -> None:
        super().__init__()
        self.hosts: tuple[str, ...] | None = hosts
        self.asked = 0

    def host_addresses(self) -> Sequence[HostAddress]:
        self.asked += 1
        if self.hosts is None:
            raise OSError("not now")
        return [HostAddress(host=host, interface="eth0") for host in self.hosts]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_poll, "POLL_S", 0.01)


async def _polled(network: Addresses, times: int = 3) -> None:
    enough = network.asked + times
    await until(lambda: network.asked >= enough, "a poll")


@pytest.mark.usefixtures("_quick")
async def test_one_poll_serves_all() -> None:
    network, heard = Addresses(FIRST, SECOND), [list[str](), list[str]()]
    ends = [watch_addresses(network, one.append) for one in heard]
    assert network.asked == 1
    network.hosts = (SECOND,)
    await _polled(network)
    assert heard == [[FIRST], [FIRST]]
    ends[0]()
    ends[0]()
    network.hosts = ()
    await _polled(network)
    assert heard == [[FIRST], [FIRST, SECOND]]
    ends[1]()
    asked = network.asked
    await asyncio.sleep(0.05)
    assert network.asked == asked, "nobody wants to know"


@pytest.mark.usefixtures("_quick")
async def test_a_system_that_does_not_tell_has_lost_nothing() -> None:
    network, heard = Addresses(FIRST), list[str]()
    end = watch_addresses(network, heard.append)
    network.hosts = None
    await _polled(network)
    assert heard == []
    network.hosts = ()
    await _polled(network)
    assert heard == [FIRST]
    end()


async def test_all_sessions_on_this_host_share_one_poll() -> None:
    ends = [watch_addresses(HostNetwork(dscp=dscp), print) for dscp in (0, 46)]
    assert len(address_poll._polls) == 1
    for end in ends:
        end()
    assert not address_poll._polls
