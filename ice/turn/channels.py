"""Channels of one allocation, by peer address (RFC 8656 §12): a table that sends nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ice.turn.attributes import FIRST_CHANNEL
from ice.types import TransportAddress

LIFETIME_S = 600.0
"""RFC 8656 §12: exactly."""

REFUSED_S = 60.0
"""Seconds for which a refused channel is not asked for again."""

PACKETS_BEFORE = 4
"""So many packets that are not STUN went to a peer before it gets a channel: its pair was selected."""

MAX_CHANNELS = 64
"""Far below the 4096 numbers, so that no number ever has to serve a second peer (RFC 8656 §12)."""


@dataclass(slots=True, kw_only=True)
class Channel:
    """One number and its peer, for the whole life of the allocation.

    Attributes:
        number: 0x4000 to 0x4FFF.
        peer: address of the peer.
        asked: True while a ChannelBind is on its way.
        expires_at: until when it is bound; None before the first success.
        refused_until: until when nothing is asked; None where it was not refused.
        used_at: when data went to the peer.
        packets: packets other than STUN that went to the peer.
    """

    number: int
    peer: TransportAddress
    asked: bool = False
    expires_at: float | None = None
    refused_until: float | None = None
    used_at: float
    packets: int = 0

    def bound(self, now: float) -> bool:
        """True where ChannelData may be sent."""
        return self.expires_at is not None and now < self.expires_at

    def wanted(self, now: float) -> bool:
        """True where it is worth a ChannelBind now."""
        return (
            not self.asked
            and self.packets >= PACKETS_BEFORE
            and (self.refused_until is None or now >= self.refused_until)
        )

    def granted(self, now: float) -> None:
        """It is bound from now on."""
        self.asked = False
        self.refused_until = None
        self.expires_at = now + LIFETIME_S

    def refuse(self, now: float) -> None:
        """It is not bound."""
        self.asked = False
        self.expires_at = None
        self.refused_until = now + REFUSED_S


class Channels:
    """The table."""

    def __init__(self) -> None:
        self._by_peer: dict[TransportAddress, Channel] = {}
        self._by_number: dict[int, Channel] = {}

    def get(self, peer: TransportAddress) -> Channel | None:
        """The channel of a peer."""
        return self._by_peer.get(peer)

    def numbered(self, number: int) -> Channel | None:
        """The channel with this number."""
        return self._by_number.get(number)

    def add(self, peer: TransportAddress, now: float) -> Channel | None:
        """The channel of a peer, given a number where it has none; None where there are too many."""
        found = self._by_peer.get(peer)
        if found is None and len(self._by_peer) < MAX_CHANNELS:
            found = Channel(number=FIRST_CHANNEL + len(self._by_peer), peer=peer, used_at=now)
            self._by_peer[peer] = self._by_number[found.number] = found
        return found

    def of_host(self, host: str) -> list[Channel]:
        """The channels to one host."""
        return [channel for channel in self._by_peer.values() if channel.peer.host == host]

    def clear(self) -> None:
        """Take all entries out."""
        self._by_peer.clear()
        self._by_number.clear()
