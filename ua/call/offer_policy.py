"""How much ICE an offer shows, by what is known of the peer (core).

Some peers refuse an offer for its TCP candidates or for ICE at all, some cannot take its size, some keep
silent. Then it is made again with less, twice at most, and what helped is remembered for that peer.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from typing import Final

from ice.config import IceConfig


class OfferForm(enum.StrEnum):
    """What an offer shows; the text is for people."""

    ALL = "all candidates"
    WITHOUT_TCP = "no TCP candidates"
    PLAIN = "no ICE"


REFUSALS: Final = frozenset({415, 488, 513})
"""Unsupported Media Type, Not Acceptable Here, Message Too Large: less may be taken."""

MOST_PEERS: Final = 256
"""So many peers are remembered."""

REMEMBERED_S: Final = 3600.0
"""Seconds that it is remembered: the peer may have learnt more."""


def forms(ice: IceConfig, *, required: bool, enabled: bool = True) -> tuple[OfferForm, ...]:
    """The forms of an offer, the first one first.

    Args:
        ice: policy; who offers one of UDP and TCP alone has chosen so.
        required: nobody is talked to without ICE.
        enabled: false leaves nothing but plain RTP.
    """
    if not enabled:
        return (OfferForm.PLAIN,)
    chosen = [OfferForm.ALL]
    if ice.udp and ice.tcp:
        chosen.append(OfferForm.WITHOUT_TCP)
    if ice.udp and not required:
        chosen.append(OfferForm.PLAIN)
    return tuple(chosen)


class PeerMemory:
    """Remembers for each peer which form of an offer it took, for an hour."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[OfferForm, float]] = OrderedDict()

    def remember(self, peer: str, form: OfferForm, now: float) -> None:
        """The peer (a host, in any case) took this form at `now`, monotonic seconds."""
        self._known.pop(peer.lower(), None)
        if form is OfferForm.ALL:
            return
        self._known[peer.lower()] = (form, now)
        while len(self._known) > MOST_PEERS:
            self._known.popitem(last=False)

    def left(self, peer: str, among: tuple[OfferForm, ...], now: float) -> tuple[OfferForm, ...]:
        """What may be tried with this peer: from the form that it took last on."""
        form, at = self._known.get(peer.lower(), (OfferForm.ALL, now))
        if form not in among or now - at > REMEMBERED_S:
            return among
        return among[among.index(form) :]
