"""What arriving packets tell in their header extensions: how loud they are, and of which m= line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.audio.level import ToldLevel
from media.errors import PacketError
from media.path import PacketReceiver
from media.rtp import header_extension
from media.rtp.packet import EXTENSION_BIT, HEADER, HEADER_LENGTH, PLAIN, is_rtcp, split_extension

_MOST_FOREIGN: Final = 64
"""So many sources of other m= lines are remembered."""

_ONE_WORD: Final = b"\xbe\xde\x00\x01"
_AT_LEVEL: Final = HEADER_LENGTH + len(_ONE_WORD) + 1
_AFTER_LEVEL: Final = HEADER_LENGTH + len(_ONE_WORD) + 4
_PADDING: Final = b"\x00\x00"
_PLAIN: Final = bytes((PLAIN,))
_EXTENDED: Final = PLAIN | EXTENSION_BIT


class IncomingExtensions:
    """Takes the extension out of each packet, which is a plain one from then on.

    Args:
        refuse: called with a reason and the time for each packet that is dropped.

    Attributes:
        level: what the peer tells of its audio (RFC 6464).
        malformed: packets whose extension could not be read to its end; their audio is played.
    """

    __slots__ = ("_foreign", "_level_id", "_mid", "_mid_id", "_refuse", "_usual", "level", "malformed")

    def __init__(self, refuse: Callable[[str, float], None]) -> None:
        self._refuse = refuse
        self.level = ToldLevel()
        self.malformed = 0
        self._level_id: int | None = None
        self._mid_id: int | None = None
        self._mid = b""
        self._foreign: set[int] = set()
        self._usual = b""

    def use(self, *, level: int | None, mid_id: int | None, mid: bytes) -> None:
        """What was agreed: the ids, None for what is not to be read, and the name of our m= line."""
        if (mid_id, mid) != (self._mid_id, self._mid):
            self._foreign.clear()
        self._level_id, self._mid_id, self._mid = level, mid_id, mid
        self._usual = b"" if level is None else _ONE_WORD + bytes((level << 4,))

    def in_front_of(self, receive: PacketReceiver) -> PacketReceiver:
        """Takes packets of the path and gives them to `receive`; never raises for what a peer sends.

        Nearly all of them hold a level alone, in a block of one word, which is known beforehand but for it.
        """
        usual, level = self._usual, self.level

        def take(packet: bytes, now: float) -> None:
            if (
                packet[HEADER_LENGTH:_AT_LEVEL] == usual
                and packet[_AT_LEVEL + 1 : _AFTER_LEVEL] == _PADDING
                and packet[0] == _EXTENDED
                and not (self._foreign or is_rtcp(packet))
            ):
                level.add(packet[_AT_LEVEL])
                receive(_PLAIN + packet[1:HEADER_LENGTH] + packet[_AFTER_LEVEL:], now)
                return
            if len(packet) < HEADER_LENGTH or is_rtcp(packet):
                receive(packet, now)
                return
            told: int | None = None
            ours = True
            if packet[0] & EXTENSION_BIT:
                try:
                    packet, profile, data = split_extension(packet)
                except PacketError:
                    pass  # the receiver refuses it as malformed
                else:
                    told, mid = self._read(profile, data)
                    ours = mid is None or self._is_ours(packet, mid)
            if not ours or (self._foreign and _ssrc(packet) in self._foreign):
                self._refuse("packet of another m= line", now)
                return
            if told is not None:
                self.level.add(told)
            receive(packet, now)

        return take

    def _read(self, profile: int, data: bytes) -> tuple[int | None, bytes | None]:
        """The byte of the level, and the name of the m= line."""
        extension = header_extension.parse(profile, data)
        if not extension.intact:
            self.malformed += 1
        told: int | None = None
        mid: bytes | None = None
        for number, value in extension.elements:
            if number == self._level_id and value:
                told = value[0]
            elif number == self._mid_id:
                mid = value
        return told, mid

    def _is_ours(self, packet: bytes, mid: bytes) -> bool:
        """What one packet tells counts for the later ones of its source (RFC 9143 §9.2)."""
        ssrc = _ssrc(packet)
        if mid == self._mid:
            self._foreign.discard(ssrc)
            return True
        if len(self._foreign) < _MOST_FOREIGN:
            self._foreign.add(ssrc)
        return False


def _ssrc(packet: bytes) -> int:
    ssrc: int = HEADER.unpack_from(packet)[4]
    return ssrc
