"""Server-reflexive candidates in the check list, under virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.candidates.candidate import HostCandidates, ServerCandidates, capped, without_redundant
from ice.messages import CandidateAdded, SendDatagram
from ice.types import Candidate, CandidateType, FlowId, PairState, TransportAddress
from tests.net.pair_network import PairNetwork, Side

A, B, PUBLIC, SERVER = "10.0.0.2", "198.51.100.1", "203.0.113.7", "192.0.2.200"


class NatNetwork(PairNetwork):
    """A sits behind a NAT that maps every socket of its host to one port, and lets everything in there.

    Attributes:
        to_b: how B sees the sockets of A; equal to what the STUN server saw unless it is changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_b = PUBLIC

    def outside(self, address: TransportAddress, host: str = PUBLIC) -> TransportAddress:
        """Where the world sees a socket of A."""
        return TransportAddress(host=host, port=address.port + 1000)

    def _send_datagram(self, side: Side, command: SendDatagram) -> None:
        if side is self.a:
            source = self.outside(self.a.udp[command.flow], self.to_b)
            self.deliver_datagram(self.b, source, command.remote, command.data)
        elif command.remote.host in (PUBLIC, self.to_b):
            source, port = self.b.udp[command.flow], command.remote.port - 1000
            inside = TransportAddress(host=A, port=port)
            self.deliver_datagram(self.a, source, inside, command.data)

    def gather_behind_nat(self) -> Candidate:
        """Host and server-reflexive candidate of A, host candidate of B; the reflexive one."""
        self.a.gather([A], active=False, passive=False)
        self.b.gather([B], active=False, passive=False)
        (host,) = self.a.agent.local_description.candidates
        (flow,) = self.a.udp
        reflexive = ServerCandidates([A]).reflexive(host, self.outside(host.address), SERVER, 0)
        self.a.agent.add_local_candidate(reflexive, FlowId(flow), self.now)
        return reflexive


@pytest.mark.req("ICE-7.2.5.3-1", "ICE-6.1.2.4-1")
def test_the_mapping_that_a_server_told_is_no_peer_reflexive_candidate() -> None:
    network = NatNetwork()
    reflexive = network.gather_behind_nat()
    network.start()
    network.run_to_end()
    selected = network.a.selected()
    # RFC 8445 §7.2.5.3.2: the valid pair is made of the candidate that the peer saw.
    assert selected.local == reflexive
    assert selected.state is PairState.SUCCEEDED
    assert network.b.selected().remote == replace(reflexive, base=None)
    assert not [
        event for event in network.a.said(CandidateAdded) if event.candidate.type is CandidateType.PRFLX
    ]
    assert not [
        event for event in network.b.said(CandidateAdded) if event.candidate.type is CandidateType.PRFLX
    ]
    # One base, one pair: it was formed with the host candidate.
    assert len(network.a.agent.pairs) == 1


@pytest.mark.req("ICE-7.2.5.3-1")
def test_another_mapping_is_peer_reflexive_on_both_sides() -> None:
    network = NatNetwork()
    network.gather_behind_nat()
    network.to_b = "203.0.113.99"
    network.start()
    network.run_to_end()
    local, remote = network.a.selected().local, network.b.selected().remote
    assert local.type is remote.type is CandidateType.PRFLX
    assert local.address == remote.address
    assert local.address.host == "203.0.113.99"


def test_relayed_candidates_come_last_and_their_order_is_the_servers() -> None:
    maker = ServerCandidates([A])
    mapped = TransportAddress(host=PUBLIC, port=4000)
    first, second = (
        maker.relayed(TransportAddress(host=f"192.0.2.20{n}", port=50000 + n), mapped, 1, f"192.0.2.20{n}", n)
        for n in range(2)
    )
    assert 0 < second.priority < first.priority < 1 << 24
    assert first.foundation != second.foundation
    assert first.base is None
    assert first.related == mapped
    hidden = ServerCandidates([A], hide_related=True).relayed(first.address, mapped, 1, SERVER, 0)
    assert hidden.related is None


def test_every_type_is_among_the_told_ones_where_there_are_many_host_candidates() -> None:
    hosts = [f"10.0.0.{n}" for n in range(1, 11)]
    make, maker = HostCandidates(hosts), ServerCandidates(hosts)
    host = [make.udp(TransportAddress(host=each, port=4000), 1) for each in hosts]
    mapped = TransportAddress(host=PUBLIC, port=4000)
    reflexive = [maker.reflexive(each, mapped, SERVER, 0) for each in host]
    relayed = maker.relayed(TransportAddress(host=SERVER, port=50000), mapped, 1, SERVER, 0)
    told = capped(without_redundant([*host, *reflexive, relayed]), 4)
    assert [candidate.type for candidate in told] == [
        CandidateType.HOST,
        CandidateType.HOST,
        CandidateType.SRFLX,
        CandidateType.RELAY,
    ]
    assert len({candidate.priority for candidate in (*host, *reflexive, relayed)}) == 21
    assert len({candidate.foundation for candidate in (*host, *reflexive, relayed)}) == 21
