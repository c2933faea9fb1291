"""Two sessions of ours that open a TCP connection from both sides, on the TCP and the NATs of this kernel."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ice.config import IceConfig
from ice.gathering.servers import StunServer
from ice.messages import FlowOpened, FlowOpening
from ice.net.network import Network
from ice.net.sockets import HostNetwork
from ice.types import CandidateType, Description, Role, SessionState, TcpType
from tests.ice.sessions import CONFIG, Side, exchange_packets, only
from tests.interop.test_ice_pair import Two
from tests.peers.coturn import coturn
from tests.peers.delayed_link import INTERFACE, delayed_link
from tests.peers.namespace_network import NamespaceNetwork
from tests.peers.netns import run
from tests.peers.process import Programs
from tests.peers.registry import find_program
from tests.peers.two_nats import two_nats

NAMESPACES = [pytest.mark.root, pytest.mark.peer("netns")]

SO = replace(CONFIG, udp=False, simultaneous_open="on")

DELAY_S = 0.025
"""One way."""

_STATEFUL = """
table inet icephone_stateful {
    chain arriving {
        type filter hook input priority filter; policy accept;
        iifname "eth0" ct state new drop
    }
}
"""

_NO_UDP = """
table ip icephone_tcp_only {
    chain forwarding {
        type filter hook forward priority filter - 1; policy accept;
        meta l4proto udp drop
    }
}
"""


@asynccontextmanager
async def sides(left: Network, right: Network, config: IceConfig) -> AsyncIterator[tuple[Side, Side]]:
    """Both have gathered."""
    one = Side(Role.CONTROLLING, left, config, 1)
    other = Side(Role.CONTROLLED, right, config, 1)
    try:
        await one.session.gather()
        await other.session.gather()
        yield one, other
    finally:
        await one.session.close()
        await other.session.close()


async def join(left: Side, right: Side, *, so_only: bool = True, late_s: float = 0.0) -> None:
    """Exchange the descriptions, the right side's first by so much, and wait for the path."""

    def told(side: Side) -> Description:
        return only(side.description, TcpType.SO) if so_only else side.description

    right.session.set_remote(told(left))
    await asyncio.sleep(late_s)
    left.session.set_remote(told(right))
    async with asyncio.timeout(10):
        await left.session.completed()
        await right.session.completed()
    for side in (left, right):
        selected = side.session.report().selected
        assert selected is not None
        assert selected.local.tcptype is selected.remote.tcptype is TcpType.SO
    await exchange_packets(left, right, 1)


def apart(left: Side, right: Side) -> float:
    """Seconds between their first attempts; for ever where one never tried."""
    began = [[event.at for event in side.of(FlowOpening)] for side in (left, right)]
    return abs(min(began[0]) - min(began[1])) if all(began) else math.inf


def accepted(*sides: Side) -> int:
    """How many of the connections came in by a listener."""
    return sum(event.accepted for side in sides for event in side.of(FlowOpened))


@pytest.mark.parametrize("late_s", [0.0, 0.05])
@pytest.mark.req("ICETCP-B-3", "ICETCP-7.2-9", "ICETCP-B-4")
async def test_on_one_host_one_attempt_is_accepted_and_is_the_connection_of_both(late_s: float) -> None:
    async with sides(HostNetwork(), HostNetwork(), SO) as (left, right):
        await join(left, right, late_s=late_s)
        opened = [event for side in (left, right) for event in side.of(FlowOpened)]
        chosen = [side.session.report().selected for side in (left, right)]
        ends = {pair.local.address for pair in chosen if pair is not None}
        here = [event for event in opened if event.local in ends]
        # Two ends of one connection between the ports that were told; over the other address family a side
        # may have been told of the end before it was connected.
        assert len(here) == 2
        assert accepted(left, right) >= 1
        assert here[0].local == here[1].remote
        assert here[1].local == here[0].remote
        ports = {c.address for side in (left, right) for c in only(side.description, TcpType.SO).candidates}
        assert {here[0].local, here[1].local} <= ports
        for side in (left, right):
            assert {event.local for event in side.of(FlowOpening)} <= ports


class TestInNamespaces:
    pytestmark = NAMESPACES

    @pytest.mark.parametrize("late_s", [0.0, 0.01, 0.03, 0.2])
    @pytest.mark.req("ICETCP-B-4", "ICETCP-7.1-3", "ICETCP-B-3")
    async def test_attempts_cross_on_a_slow_line(self, late_s: float) -> None:
        async with delayed_link(DELAY_S) as link:
            config = replace(SO, loopback=False, interfaces=(INTERFACE,))
            networks = NamespaceNetwork(link.left), NamespaceNetwork(link.right)
            async with sides(*networks, config) as (left, right):
                await join(left, right, late_s=late_s)
                # One that arrives long before ours would leave is accepted; else they may meet and are one.
                assert accepted(left, right) <= 1
                if apart(left, right) > 6 * DELAY_S:
                    assert accepted(left, right) == 1

    @pytest.mark.req("ICETCP-7.1-3", "ICETCP-B-6")
    async def test_two_firewalls_that_let_nobody_in_unasked(self) -> None:
        async with delayed_link(DELAY_S) as link:
            for namespace in (link.left, link.right):
                await run(*namespace.prefix, find_program("nft") or "nft", "-f", "-", text=_STATEFUL)
            config = replace(SO, loopback=False, interfaces=(INTERFACE,))
            networks = NamespaceNetwork(link.left), NamespaceNetwork(link.right)
            async with sides(*networks, config) as (left, right):
                await join(left, right, so_only=False)
                assert accepted(left, right) == 0

    @pytest.mark.peer("coturn")
    @pytest.mark.req("ICETCP-5.2-1", "ICETCP-7.1-3", "ICETCP-4.1-5", "ICETCP-7.2-10")
    async def test_two_nats_that_let_nobody_in_unasked(self, programs: Programs) -> None:
        """TCP through two NATs without a relay: coturn tells both how it sees their ports."""
        async with two_nats() as nets, coturn(programs, place=nets.public, port=3478) as server:
            stun = StunServer(host=server.host, port=server.port, transport="tcp")
            config = IceConfig(udp=False, stun_servers=(stun,), gather_timeout_s=3.0)
            networks = NamespaceNetwork(nets.left), NamespaceNetwork(nets.right)
            async with sides(*networks, config) as (left, right):
                for side in (left, right):
                    assert side.session.report().gathering_problems == ()
                    kinds = {(c.type, c.tcptype) for c in side.description.candidates}
                    assert {(CandidateType.SRFLX, tcptype) for tcptype in TcpType} <= kinds
                await join(left, right, so_only=False)
                remote = left.session.report().selected
                assert remote is not None
                assert remote.remote.type is CandidateType.SRFLX
                assert accepted(left, right) == 0
                assert left.session.state is SessionState.COMPLETED
                # The connections to the server are closed; the path is not theirs.
                established = await run(*nets.public.prefix, "ss", "-Htn", "state", "established")
                assert "3478" not in established

    @pytest.mark.peer("coturn")
    @pytest.mark.req("ICETCP-7.1-3")
    async def test_a_pipe_between_two_nats_that_let_no_udp_through(
        self, programs: Programs, tmp_path: Path
    ) -> None:
        """From the command line: `icephone ice pair --stun 'stun:...?transport=tcp'` on both sides."""
        async with two_nats() as nets, coturn(programs, place=nets.public, port=3478) as server:
            for nat in nets.nats:
                await run(*nat.prefix, find_program("nft") or "nft", "-f", "-", text=_NO_UDP)
            sent = tmp_path / "sent"
            sent.write_bytes(bytes(range(256)) * 4000)
            stun = ("--stun", f"stun:{server.host}?transport=tcp")
            two = Two(programs, tmp_path)
            ours, theirs = await two.carry(sent, *stun, starts=nets.left, joins=nets.right)
        assert ours["ice"]["transport"] == theirs["ice"]["transport"] == "tcp"
        assert ours["ice"]["remote"].startswith("198.51.100.2:")
        assert theirs["ice"]["remote"].startswith("192.0.2.2:")
