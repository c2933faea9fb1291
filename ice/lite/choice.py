"""Which pair two lite agents use, and how one tells the other (RFC 8445 §8.2, RFC 8839 §4.4.2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ice.candidates.address import can_reach
from ice.candidates.candidate import ACTIVE_PORT
from ice.checks.pair import Pair
from ice.lite.address_selection import rank
from ice.types import Candidate, FlowId, TcpType, Transport, TransportAddress

Local = tuple[Candidate, FlowId | None]
Choice = tuple[Local, Candidate]
"""A candidate of ours with its socket, and one of the peer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The pair that the peer says it uses for a component (a=remote-candidates, RFC 8839 §4.4.2.2).

    Attributes:
        component: 1 RTP, 2 RTCP.
        transport: of the pair.
        local: our address.
        remote: the peer's address, its default destination; a port of 9 means that it dials.
        we_dial: the TCP connection is ours to open (a=setup, RFC 4145).
    """

    component: int
    transport: Transport
    local: TransportAddress
    remote: TransportAddress
    we_dial: bool = False


def fits(local: Candidate, remote: Candidate, *, tcp: bool) -> bool:
    """True where two candidates of lite agents form a pair (RFC 8445 §8.2).

    Two passive TCP candidates do: who dials is agreed by RFC 4145.
    """
    if local.component != remote.component or local.transport is not remote.transport:
        return False
    if local.transport is Transport.TCP and (not tcp or remote.tcptype is TcpType.SO):
        return False
    return can_reach(local.address.host, remote.address.host)


def best(choices: Iterable[Choice]) -> Choice:
    """The pair to use: UDP before TCP, which somebody would have to dial; then by RFC 6724."""
    return min(
        choices,
        key=lambda choice: (
            choice[0][0].transport is Transport.TCP,
            rank(choice[0][0].address.host, choice[1].address.host),
            choice[1].tcptype is TcpType.ACTIVE,
            -choice[1].priority,
        ),
    )


def is_that(pair: Pair, selection: Selection) -> bool:
    """True where the peer means a pair that is in use; active candidates have no port of their own."""
    if pair.local.transport is not selection.transport:
        return False
    return _same(pair.local, selection.local) and _same(pair.remote, selection.remote)


def _same(candidate: Candidate, address: TransportAddress) -> bool:
    if candidate.tcptype is TcpType.ACTIVE and ACTIVE_PORT in (candidate.address.port, address.port):
        return candidate.address.host == address.host
    return candidate.address == address
