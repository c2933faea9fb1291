"""The codecs of a session: one to send, all that may arrive."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from media.codecs.codec import Codec
from media.rtp.packet import BARRED_PAYLOAD_TYPES
from media.rtp.timeline import MEDIA_CLOCK

SHORTEST_MS: Final = 10
"""Shorter frames cost more than they are worth."""


def check(
    codec: Codec, payload_type: int, receive: Mapping[int, Codec], ptime_ms: int, frame_ms: int
) -> dict[int, Codec]:
    """All codecs by payload type.

    Args:
        codec: what we send.
        payload_type: of `codec`.
        receive: what may arrive besides.
        ptime_ms: length of our packets.
        frame_ms: length of the frames in them.

    Raises:
        ValueError: payload type, packet length or clock that cannot be.
    """
    if not 0 <= payload_type <= 127 or payload_type in BARRED_PAYLOAD_TYPES:
        raise ValueError(f"payload type {payload_type} is not allowed (RFC 3551 §6, RFC 5761 §4)")
    if not 10 <= ptime_ms <= 200:
        raise ValueError(f"packets of {ptime_ms} ms are not supported, 10 to 200 are (RFC 3551 §4.2)")
    if ptime_ms not in codec.packet_ms:
        raise ValueError(f"{codec.name} makes no packets of {ptime_ms} ms")
    if not 0 < frame_ms <= ptime_ms or ptime_ms % frame_ms:
        raise ValueError(f"packets of {ptime_ms} ms hold no whole number of frames of {frame_ms} ms")
    codecs = {payload_type: codec, **receive}
    for other in codecs.values():
        if MEDIA_CLOCK % other.clock_rate:
            raise ValueError(f"a clock of {other.clock_rate} Hz is not supported")
    return codecs


def frame_samples(rate: int, ptime_ms: int) -> int:
    """Samples of a packet at `rate` Hz; ValueError where that is no whole number."""
    samples, rest = divmod(rate * ptime_ms, 1000)
    if rest:
        raise ValueError(f"{ptime_ms} ms are no whole number of samples at {rate} Hz")
    return samples


def frame_time(wish_ms: int, codecs: Collection[Codec]) -> int:
    """Length of the frames of a session, ms, of which the packets of each of `codecs` hold a whole number.

    That of packets of `wish_ms` where all of them make these. Where they differ, 30 ms of G.711 and 20 ms of
    Opus, it is their common measure; where that is too short, the longest packet that all of them make.
    """
    common = math.gcd(*(_longest(wish_ms, codec.packet_ms) for codec in codecs))
    if common >= SHORTEST_MS:
        return common
    return _longest(wish_ms, sorted(set.intersection(*(set(codec.packet_ms) for codec in codecs))))


def packet_time(wish_ms: int, codec: Codec, frame_ms: int) -> int:
    """The longest packet of whole frames of at most `wish_ms` that `codec` makes, ms; else its shortest.

    Raises:
        ValueError: it makes none of whole frames.
    """
    possible = [ms for ms in codec.packet_ms if ms % frame_ms == 0]
    if not possible:
        raise ValueError(f"{codec.name} makes no packets of frames of {frame_ms} ms")
    return _longest(wish_ms, possible)


def _longest(wish_ms: int, possible: Sequence[int]) -> int:
    """The longest of at most `wish_ms`; else the shortest, the first of them."""
    return max((ms for ms in possible if ms <= wish_ms), default=possible[0])
