"""What our packets tell in their header extensions: how loud they are (RFC 6464), and of which m= line."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from media.audio.level import level_byte
from media.audio.pcm import dbfs, rms
from media.codecs.silence import SilenceSuppression
from media.rtp.header_extension import ONE_BYTE, build, insert

_MOST_BYTES: Final = 1320
"""A longer packet goes out as it is: with an extension it might not fit into one that is protected."""

_LEVEL: Final = struct.Struct("!HHBBxx")
"""The block that holds a level alone, which is nearly every one."""


class OutgoingExtensions:
    """Looks at each frame before it is encoded, and puts an extension into each packet.

    Args:
        level: id of the audio level, None to tell none.
        voice: tell besides whether somebody speaks.
        mid_id: id of the m= line's name, None to tell none.
        mid: that name.
        frame_ms: length of a frame.
        is_known: whether the peer has told that it knows our stream: the name is said until then, as a
            source that has one keeps it (RFC 9143 §9.2).
    """

    __slots__ = ("_is_known", "_level", "_mid", "_speech", "_told", "_voice")

    def __init__(
        self,
        *,
        level: int | None,
        voice: bool,
        mid_id: int | None,
        mid: bytes,
        frame_ms: int,
        is_known: Callable[[], bool],
    ) -> None:
        self._level = level
        self._voice = voice
        self._mid = () if mid_id is None else ((mid_id, mid),)
        self._is_known = is_known
        self._speech = SilenceSuppression(frame_ms)
        self._told: int | None = None

    def encoding(self, encode: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes | None]:
        """An encoder that measures what it encodes, for the packet that follows."""
        if self._level is None:
            return encode

        def measuring(pcm: bytes) -> bytes | None:
            payload = encode(pcm)
            if payload is None:
                self._told = None
            else:
                level = dbfs(rms(pcm))
                self._told = level_byte(level, voice=self._voice and self._speech.is_speech_at(level))
            return payload

        return measuring

    def sending(self, send: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
        """Sends packets of the plain header with what there is to tell; no level with what is no audio."""
        number = self._level or 0

        def extending(packet: bytes) -> bool:
            told, self._told = self._told, None
            if self._mid and not self._is_known():
                level = () if told is None else ((number, bytes((told,))),)
                block = build((*self._mid, *level))
            elif told is not None:
                block = _LEVEL.pack(ONE_BYTE, 1, number << 4, told)
            else:
                return send(packet)
            return send(insert(packet, block) if len(packet) <= _MOST_BYTES else packet)

        return extending
