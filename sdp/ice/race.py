"""The race between an offer that tells what ICE selected and the checks that select it (RFC 8839 §4.4.2).

The controlling side says in a=remote-candidates which pairs it has nominated. Where the offer is quicker than
our own checks on these pairs, the answer waits for them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ice.types import PairState, PairView, TransportAddress
from sdp.negotiation import default_destination
from sdp.negotiation.remote_audio import RemoteAudio

_ON_ITS_WAY = (PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS, PairState.SUCCEEDED)


class Race(enum.Enum):
    """How it stands."""

    WON = enum.auto()
    """The components are selected here too, or nothing is known of the peer's pairs."""
    RUNNING = enum.auto()
    """A check towards the peer's address is not over."""
    LOST = enum.auto()
    """No check is under way and one has failed: the network broke. ICE is to be restarted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPair:
    """A pair that the peer has selected, seen from our side."""

    component: int
    local: TransportAddress
    remote: TransportAddress


def told_pairs(remote: RemoteAudio, *, muxed: bool) -> tuple[ToldPair, ...]:
    """The pairs of an offer: its a=remote-candidates as our side, its default destination as the peer's."""
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    theirs = {1: defaults.rtp, 2: defaults.rtcp}
    return tuple(
        ToldPair(component=each.component, local=each.address, remote=destination.address)
        for each in remote.ice.remote_candidates
        if (destination := theirs.get(each.component)) is not None and destination.address is not None
    )


def judge(told: Sequence[ToldPair], pairs: Iterable[PairView]) -> Race:
    """How the race stands between the peer's word and our check list.

    A component whose path is selected has nothing to wait for, whatever addresses the peer sees it with.
    """
    ours = tuple(pairs)
    selected = {pair.component for pair in ours if pair.selected}
    towards = [
        pair
        for pair in ours
        for each in told
        if each.component not in selected
        and (pair.component, pair.remote.address) == (each.component, each.remote)
    ]
    if any(pair.state in _ON_ITS_WAY for pair in towards):
        return Race.RUNNING
    return Race.LOST if towards else Race.WON
