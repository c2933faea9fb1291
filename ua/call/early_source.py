"""Who is heard before anybody has answered our offer: media may overtake the answer (RFC 3264 §5.1).

Nothing says then whose it is. A peer with ICE proves by a check that it has our offer, and is believed. Else
the first source is, once it has sent two packets in a row in formats that were offered, and no other one; so
the single packets that scan the ports of the Internet are not heard. The answer decides, whoever it was.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ice.types import TransportAddress
from media.errors import PacketError
from media.rtp.packet import is_rtcp, parse
from media.rtp.sequence import SEQUENCE_MODULUS

MOST_SOURCES: Final = 16
"""So many sources are remembered that have sent one packet; the oldest is forgotten for another."""


class EarlySource:
    """Tells packets that may be played from others, without any description of the peer.

    Args:
        payload_types: that we have offered.
    """

    def __init__(self, payload_types: Collection[int]) -> None:
        self._payload_types = frozenset(payload_types)
        self._last: dict[TransportAddress, tuple[int, int]] = {}
        self._believed: TransportAddress | None = None
        self._proved = False

    def prove(self) -> None:
        """A packet came from where a check of ICE did: nobody else is believed any more."""
        self._proved = True

    def accepts(self, source: TransportAddress, packet: bytes) -> bool:
        """True where a packet of a source without a check is heard."""
        if self._proved or is_rtcp(packet) or self._believed not in (None, source):
            return False
        try:
            header = parse(packet)
        except PacketError:
            return False
        if header.payload_type not in self._payload_types:
            return False
        if self._believed is None:
            before = self._last.pop(source, None)
            if before == (header.ssrc, (header.sequence - 1) % SEQUENCE_MODULUS):
                self._believed = source
                self._last.clear()
            else:
                self._remember(source, (header.ssrc, header.sequence))
        return self._believed == source

    def _remember(self, source: TransportAddress, packet: tuple[int, int]) -> None:
        if len(self._last) >= MOST_SOURCES:
            del self._last[next(iter(self._last))]
        self._last[source] = packet
