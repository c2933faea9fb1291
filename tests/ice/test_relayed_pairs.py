"""What a pair through a relay of TCP is worth when a path is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.candidates.candidate import HostCandidates, ServerCandidates
from ice.candidates.priority import peer_reflexive_priority
from ice.checks.pair import Pair, ValidPair
from ice.types import Candidate, CandidateType, FlowId, Role, TcpType, TransportAddress

HOST = HostCandidates(("192.0.2.1",))
RELAYED = ServerCandidates(())
PLACE = TransportAddress(host="203.0.113.1", port=50000)
PASSIVE, ACTIVE = RELAYED.relayed_tcp(PLACE, None, 1, PLACE.host, 0)
UDP_RELAY = RELAYED.relayed(PLACE, None, 1, PLACE.host, 0)
OWN_UDP = HOST.udp(TransportAddress(host="192.0.2.1", port=4000), 1)
OWN_PASSIVE = HOST.passive(TransportAddress(host="192.0.2.1", port=4001), 1)


def merit(local: Candidate, remote: Candidate, role: Role, *, valid: Candidate | None = None) -> int:
    pair = Pair(number=1, local=local, remote=remote, role=role, flow=None)
    if valid is not None:
        pair.valid = ValidPair(local=valid, flow=FlowId(1), at=0.0)
    return pair.merit


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.req("ICETCP-4.2-6")
def test_udp_by_relay_beats_tcp_by_relay_on_both_sides(role: Role) -> None:
    # Our relay; proved or not, and also where a NAT shows the peer another address of it.
    shown = replace(ACTIVE, type=CandidateType.PRFLX, priority=peer_reflexive_priority(ACTIVE))
    by_udp = merit(UDP_RELAY, OWN_UDP, role)
    for valid in (None, ACTIVE, shown):
        assert merit(ACTIVE, OWN_PASSIVE, role, valid=valid) < by_udp
    assert merit(PASSIVE, OWN_PASSIVE, role) < by_udp
    # The peer's relay, which dialled: its checks say peer-reflexive.
    caller = replace(
        ACTIVE,
        address=PLACE,
        priority=peer_reflexive_priority(ACTIVE),
        base=None,
    )
    assert caller.type is CandidateType.RELAY
    assert merit(OWN_PASSIVE, caller, role, valid=OWN_PASSIVE) < merit(OWN_UDP, UDP_RELAY, role)


@pytest.mark.parametrize("role", list(Role))
def test_a_direct_connection_beats_one_by_relay(role: Role) -> None:
    direct = replace(
        HOST.active("192.0.2.1", 1),
        type=CandidateType.PRFLX,
        priority=peer_reflexive_priority(HOST.active("192.0.2.1", 1)),
        tcptype=TcpType.ACTIVE,
    )
    relayed = replace(ACTIVE, priority=peer_reflexive_priority(ACTIVE))
    assert merit(OWN_PASSIVE, direct, role) > merit(OWN_PASSIVE, relayed, role)
