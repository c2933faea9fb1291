"""The codecs of a session: one to send, all that may arrive."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from media.codecs.codec import Codec
from media.rtp.packet import BARRED_PAYLOAD_TYPES
from media.rtp.timeline import MEDIA_CLOCK


def check(codec: Codec, payload_type: int, receive: Mapping[int, Codec], ptime_ms: int) -> dict[int, Codec]:
    """All codecs by payload type.

    Args:
        codec: what we send.
        payload_type: of `codec`.
        receive: what may arrive besides.
        ptime_ms: length of our packets.

    Raises:
        ValueError: payload type, packet length or clock that cannot be.
    """
    if not 0 <= payload_type <= 127 or payload_type in BARRED_PAYLOAD_TYPES:
        raise ValueError(f"payload type {payload_type} is not allowed (RFC 3551 §6, RFC 5761 §4)")
    if not 10 <= ptime_ms <= 200:
        raise ValueError(f"packets of {ptime_ms} ms are not supported, 10 to 200 are (RFC 3551 §4.2)")
    if ptime_ms not in codec.packet_ms:
        raise ValueError(f"{codec.name} makes no packets of {ptime_ms} ms")
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


def packet_time(wish_ms: int, codecs: Collection[Codec]) -> int:
    """The longest packet of at most `wish_ms` that all of `codecs` make, ms; else their shortest."""
    common = set.intersection(*(set(codec.packet_ms) for codec in codecs))
    return max((ms for ms in common if ms <= wish_ms), default=min(common))
