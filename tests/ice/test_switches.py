"""Every technique of gathering has its switch, and nothing learnt about one network is kept for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, CandidateType, Role, TcpType, Transport
from tests.ice.loopback import HOST
from tests.ice.sessions import CONFIG
from tests.ice.turn.turn_service import turn_service
from tests.net.loopback_stun import loopback_stun, sees
from tests.net.loopback_stun_tcp import loopback_stun_tcp

PUBLIC = "203.0.113.7"

Kind = tuple[CandidateType, Transport, TcpType | None]


def kinds(candidates: Sequence[Candidate]) -> set[Kind]:
    return {(c.type, c.transport, c.tcptype) for c in candidates}


async def gathered(config: IceConfig, network: HostNetwork | None = None) -> tuple[Candidate, ...]:
    session = Session(network=network or HostNetwork(), config=config, role=Role.CONTROLLING)
    try:
        return (await session.gather()).candidates
    finally:
        await session.close()


def _removes(kind: Kind, switched: IceConfig, whole: IceConfig) -> bool:
    candidate, transport, tcptype = kind
    return (
        (not switched.udp and transport is Transport.UDP)
        or (not switched.tcp and transport is Transport.TCP)
        or (switched.simultaneous_open != whole.simultaneous_open and tcptype is TcpType.SO)
        or (not switched.server_reflexive and candidate is CandidateType.SRFLX)
        or (not switched.turn_servers and candidate is CandidateType.RELAY)
        or (switched.relay_only and candidate is not CandidateType.RELAY)
    )


def assert_foundations_tell_apart(candidates: Sequence[Candidate]) -> None:
    """Candidates of one foundation are of one type, transport and direction."""
    of: dict[str, set[Kind]] = {}
    for candidate in candidates:
        of.setdefault(candidate.foundation, set()).update(kinds([candidate]))
    assert all(len(same) == 1 for same in of.values()), of


@pytest.mark.req("ICE-5.1.1.3-1", "ICETCP-F-1", "ICETCP-3-7", "ICETCP-4.1-1", "ICE-5.1.1.2-5")
async def test_each_switch_removes_its_own_candidates_and_no_others() -> None:
    async with (
        loopback_stun(sees(PUBLIC, port_offset=1)) as udp,
        loopback_stun_tcp(sees(PUBLIC, port_offset=1)) as tcp,
        turn_service("udp") as turn,
    ):
        whole = replace(
            CONFIG,
            stun_servers=(udp.server, tcp.server),
            turn_servers=(turn.account(),),
            simultaneous_open="on",
            max_candidates=50,
            gather_timeout_s=2.0,
        )
        all_kinds = kinds(await gathered(whole))
        assert {kind for kind, _, _ in all_kinds} == {
            CandidateType.HOST,
            CandidateType.SRFLX,
            CandidateType.RELAY,
        }
        assert TcpType.SO in {tcptype for _, _, tcptype in all_kinds}
        assert_foundations_tell_apart(await gathered(whole))
        for switched in (
            replace(whole, tcp=False),
            replace(whole, simultaneous_open="off"),
            replace(whole, server_reflexive=False),
            replace(whole, turn_servers=()),
            replace(whole, relay_only=True),
        ):
            expected = {kind for kind in all_kinds if not _removes(kind, switched, whole)}
            assert expected < all_kinds
            assert kinds(await gathered(switched)) == expected
        without_udp = kinds(await gathered(replace(whole, udp=False)))
        # Also the relay, whose server is reached over UDP here.
        assert without_udp == {kind for kind in all_kinds if kind[1] is Transport.TCP}


class MovingNetwork(HostNetwork):
    """A host whose interfaces change."""

    now: Sequence[HostAddress] = ()

    def host_addresses(self) -> Sequence[HostAddress]:
        return self.now


@pytest.mark.req("ICETCP-3-7")
async def test_nothing_learnt_about_one_network_is_kept_for_another() -> None:
    network = MovingNetwork()
    network.now = [HostAddress(host=HOST, interface="lo", loopback=True)]
    async with loopback_stun(sees(PUBLIC)) as stun:
        config = IceConfig(loopback=True, stun_servers=(stun.server,), gather_timeout_s=2.0)
        before = await gathered(config, network)
        asked = len(stun.requests)
        # Another interface, and another NAT in front of it.
        network.now = [HostAddress(host="127.0.0.2", interface="lo2", loopback=True)]
        stun.answer = sees("198.51.100.9")
        after = await gathered(config, network)
        assert len(stun.requests) > asked
    assert {c.address.host for c in before} == {HOST, PUBLIC}
    assert {c.address.host for c in after} == {"127.0.0.2", "198.51.100.9"}
