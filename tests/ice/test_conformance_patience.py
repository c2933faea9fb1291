"""The controlling side lets checks run until peer-reflexive candidates can show (RFC 8863 §4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import PairNominated
from ice.types import CandidateType, Description, SessionState, Transport, TransportAddress
from tests.net.pair_network import PairNetwork, mirrored

NOBODY = TransportAddress(host="203.0.113.1", port=9999)


def hidden(description: Description) -> Description:
    """The peer's UDP address is not the one it told: its own checks alone reveal it."""
    candidates = tuple(
        replace(c, address=NOBODY) if c.transport is Transport.UDP and c.address.host == "198.51.100.1" else c
        for c in description.candidates
    )
    return replace(description, candidates=candidates)


@pytest.mark.req("PAC-2")
@pytest.mark.parametrize("late_ms", [0, 20, 40, 60, 80])
def test_a_peer_reflexive_candidate_that_shows_late_is_still_chosen(late_ms: int) -> None:
    """TCP is proved before the answer over UDP is there; it is not nominated over the better pair's head."""
    network = PairNetwork()
    network.gather()
    network.start(alter=hidden, b_later_s=late_ms / 1000)
    network.run_to_end()
    assert network.a.agent.state is network.b.agent.state is SessionState.COMPLETED
    selected = network.a.selected()
    assert (selected.local.transport, selected.remote.type) == (Transport.UDP, CandidateType.PRFLX)
    assert mirrored(network)
    assert len(network.a.said(PairNominated)) == 1


@pytest.mark.req("PAC-2")
def test_alone_it_is_waited_for_until_patience_ends() -> None:
    """Nothing else works, and the peer begins seconds later: no failure, no other nomination."""
    network = PairNetwork(config=IceConfig(tcp=False))
    network.gather(active=False, passive=False)
    network.start(alter=hidden, b_later_s=20.0)
    network.run_to_end()
    assert network.a.selected().remote.type is CandidateType.PRFLX
    assert network.a.agent.state is SessionState.COMPLETED
