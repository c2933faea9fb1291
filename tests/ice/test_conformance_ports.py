"""A description comes from a stranger: it must not make us dial servers of other protocols (RFC 6544 §12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.config import SENSITIVE_PORTS, IceConfig
from ice.messages import CandidateAdded, CandidateRefused
from ice.types import Description, TcpType, TransportAddress
from tests.ice.single import PEER, THEIRS, Single, remote_tcp, remote_udp


def dialled_ports(one: Single) -> set[int]:
    return {command.remote.port for command in one.dials()}


@pytest.mark.req("ICETCP-12-5")
@pytest.mark.parametrize("tcptype", [TcpType.PASSIVE, TcpType.SO])
def test_ports_of_other_servers_are_never_dialled(tcptype: TcpType) -> None:
    one = Single(config=IceConfig(max_remote_candidates=100))
    one.remote(*(remote_tcp(port, tcptype) for port in (25, 6667, *SENSITIVE_PORTS)), remote_tcp(5001))
    one.wait(45.0)
    assert dialled_ports(one) == {5001}
    refused = {event.candidate.address.port: event.reason for event in one.said(CandidateRefused)}
    assert set(refused) == set(SENSITIVE_PORTS)
    assert refused[25] == "TCP port 25 is not dialled"
    assert one.agent.counters["candidates_refused"] == len(SENSITIVE_PORTS) + 2
    assert {pair.remote.address.port for pair in one.agent.pairs} == {5001}


@pytest.mark.req("ICETCP-12-5")
def test_a_trickled_candidate_is_judged_as_well() -> None:
    one = Single()
    description = Description(
        credentials=THEIRS,
        candidates=(remote_tcp(5001),),
        options=frozenset({"ice2"}),
        end_of_candidates=False,
    )
    one.agent.set_remote(description, one.now)
    one.agent.add_remote_candidate(remote_tcp(25), one.now)
    one.agent.add_remote_candidate(remote_tcp(5002), one.now)
    one.take()
    one.wait(45.0)
    assert dialled_ports(one) == {5001, 5002}


@pytest.mark.req("ICETCP-12-5")
@given(refused=st.sets(st.integers(1, 65535), max_size=8), offered=st.sets(st.integers(1, 65535), max_size=8))
def test_the_application_writes_the_list(refused: set[int], offered: set[int]) -> None:
    one = Single(config=IceConfig(refused_ports=tuple(refused)))
    one.remote(*(remote_tcp(port) for port in offered))
    one.wait(45.0)
    assert dialled_ports(one) == offered - refused


def test_only_what_would_be_dialled_is_judged() -> None:
    """A datagram to such a port is no connection, and an active candidate is never dialled."""
    one = Single()
    one.remote(remote_udp(25), remote_tcp(25, TcpType.ACTIVE))
    one.wait(1.0)
    assert not one.said(CandidateRefused)
    assert one.requests_to(TransportAddress(host=PEER, port=25))
    assert not one.dials()
    # Nor does it matter which port the peer dials from.
    flow = one.accept(TransportAddress(host=PEER, port=25))
    one.check(flow, TransportAddress(host=PEER, port=25))
    assert [event.candidate.address.port for event in one.said(CandidateAdded) if not event.local][-1] == 25
    assert one.requests(flow)
