"""b=AS and b=TIAS of the peer: what we may send (RFC 3264 §5.1, RFC 8866 §5.8, RFC 3890)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sdp.attributes.rtp_attr import AudioFormat
from sdp.syntax.model import Media, SessionDescription

RATES_BPS: Mapping[str, int] = MappingProxyType(
    {
        "pcmu": 64_000,
        "pcma": 64_000,
        "g722": 64_000,
        "g729": 8_000,
        "g723": 6_300,
        "gsm": 13_200,
        "ilbc": 13_330,
        # RFC 6716 §2: the least that Opus can do.
        "opus": 6_000,
    }
)
"""Least payload bit/s of codecs, by encoding name in lower case."""


def limit_bps(session: SessionDescription, media: Media) -> int | None:
    """Bit/s that the peer takes in this stream, None where it says nothing.

    b=AS (kbit/s) counts the headers, b=TIAS (bit/s) does not: we take both for payload alone, for many phones
    write b=AS:64 and mean G.711. The smaller one holds.
    """
    limits = {bandwidth.type: bandwidth.value for bandwidth in session.bandwidths_of(media)}
    given = [limits["AS"] * 1000] if "AS" in limits else []
    if "TIAS" in limits:
        given.append(limits["TIAS"])
    return min(given, default=None)


def fitting(formats: Sequence[AudioFormat], limit: int | None) -> AudioFormat:
    """The format to send with: the first that stays within `limit` bit/s, else the smallest.

    `formats` are codecs in the peer's order, at least one. One of unknown rate is taken to fit.
    """
    if limit is None:
        return formats[0]
    rates = [RATES_BPS.get(audio.name.casefold(), 0) for audio in formats]
    for audio, rate in zip(formats, rates, strict=True):
        if rate <= limit:
            return audio
    return formats[rates.index(min(rates))]
