"""What our packets tell in their header extensions: how loud they are (RFC 6464), and of which m= line."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from media.audio.level import VOICE, levels
from media.audio.pcm import rms
from media.codecs.silence import SilenceSuppression
from media.rtp.header_extension import ONE_BYTE_IDS, build, insert

_MOST_BYTES: Final = 1320
"""A longer packet goes out as it is: with an extension it might not fit into one that is protected."""


@lru_cache(maxsize=len(ONE_BYTE_IDS))
def _blocks(number: int) -> tuple[bytes, ...]:
    """The blocks that hold a level alone under this id, which are nearly all: by what is told."""
    return tuple(build([(number, bytes((told,)))]) for told in range(256))


class OutgoingExtensions:
    """Looks at each frame before it is encoded, and puts an extension into each packet.

    Args:
        level: id of the audio level, None to tell none.
        voice: tell besides whether somebody speaks.
        mid_id: id of the m= line's name, None to tell none.
        mid: that name.
        is_known: whether the peer has told that it knows our stream: the name is said until then, as a
            source that has one keeps it (RFC 9143 §9.2).
    """

    __slots__ = ("_is_known", "_level", "_mid", "_told", "_voice")

    def __init__(
        self,
        *,
        level: int | None,
        voice: bool,
        mid_id: int | None,
        mid: bytes,
        is_known: Callable[[], bool],
    ) -> None:
        self._level = level
        self._voice = voice
        self._mid = () if mid_id is None else ((mid_id, mid),)
        self._is_known = is_known
        self._told: int | None = None

    def encoding(
        self, encode: Callable[[bytes], bytes | None], packet_ms: int
    ) -> Callable[[bytes], bytes | None]:
        """An encoder that measures what it encodes, `packet_ms` at a time, for the packet that follows."""
        if self._level is None:
            return encode

        heard, is_speech_at = levels(), SilenceSuppression(packet_ms).is_speech_at

        def measuring(pcm: bytes) -> bytes | None:
            payload = encode(pcm)
            told: int | None = None
            if payload is not None:
                told = heard[rms(pcm)]
                if self._voice and is_speech_at(-told):
                    told |= VOICE
            self._told = told
            return payload

        return measuring

    def sending(self, send: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
        """Sends packets of the plain header with what there is to tell; no level with what is no audio."""
        number = self._level
        blocks = () if number is None else _blocks(number)

        def extending(packet: bytes) -> bool:
            told, self._told = self._told, None
            if self._mid and not self._is_known():
                level = () if told is None or number is None else ((number, bytes((told,))),)
                block = build((*self._mid, *level))
            elif told is not None:
                block = blocks[told]
            else:
                return send(packet)
            return send(insert(packet, block) if len(packet) <= _MOST_BYTES else packet)

        return extending
