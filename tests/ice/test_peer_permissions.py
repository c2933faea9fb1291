"""Whom our relays let in, and how often that is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.address import version
from ice.candidates.candidate import HostCandidates, ServerCandidates
from ice.messages import PermitPeer
from ice.outbox import Outbox
from ice.turn.peer_permissions import PeerPermissions
from ice.types import Candidate, FlowId, TransportAddress

HOSTS = ("192.0.2.1", "192.0.2.2", "2001:db8::1")
MAKE = ServerCandidates(())


def relay(host: str, number: int) -> tuple[Candidate, FlowId]:
    place = TransportAddress(host=host, port=50000 + number)
    passive, _ = MAKE.relayed_tcp(place, None, 1, host, number)
    return passive, FlowId(number)


RELAYS = [relay("203.0.113.1", 1), relay("203.0.113.2", 2), relay("2001:db8:ffff::1", 3)]
REMOTES = [make(host, 1) for make in (HostCandidates(HOSTS).active,) for host in HOSTS]


@pytest.mark.req("ICETCP-5.2-6", "TURN-9", "TURN-3")
def test_every_host_of_the_peer_is_let_in_active_ones_too() -> None:
    outbox = Outbox()
    PeerPermissions(outbox).update(RELAYS[:1], REMOTES)
    assert outbox.take_commands() == [
        PermitPeer(flow=FlowId(1), host="192.0.2.1"),
        PermitPeer(flow=FlowId(1), host="192.0.2.2"),
    ]


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(range(3))), st.sets(st.sampled_from(range(3)))), max_size=6)
)
@pytest.mark.req("ICETCP-5.2-6", "TURN-35")
def test_each_is_asked_for_once_whenever_it_becomes_known(steps: list[tuple[set[int], set[int]]]) -> None:
    outbox = Outbox()
    permissions = PeerPermissions(outbox)
    wanted = set()
    for relays, remotes in steps:
        permissions.update([RELAYS[n] for n in relays], [REMOTES[n] for n in remotes])
        wanted |= {
            (RELAYS[r][1], HOSTS[p])
            for r in relays
            for p in remotes
            if version(RELAYS[r][0].address.host) == version(HOSTS[p])
        }
    asked = [(c.flow, c.host) for c in outbox.take_commands() if isinstance(c, PermitPeer)]
    assert len(asked) == len(set(asked))
    assert set(asked) == wanted
