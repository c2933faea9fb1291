"""Codecs by the name that `a=rtpmap` gives them (RFC 3551 §4.5)."""

from __future__ import annotations

from media.codecs.codec import Codec, Decoder, Encoder
from media.codecs.g711 import PCMA, PCMU
from media.errors import CodecError

__all__ = ["PCMA", "PCMU", "Codec", "Decoder", "Encoder", "for_name", "names"]

_CODECS: dict[str, Codec] = {"PCMU": PCMU, "PCMA": PCMA}


def names() -> tuple[str, ...]:
    """Names of all codecs, the preferred one first."""
    return tuple(_CODECS)


def for_name(name: str) -> Codec:
    """The codec of an rtpmap name; case does not matter (RFC 3551 §6, RFC 4855 §3).

    Raises:
        CodecError: it is not known here.
    """
    try:
        return _CODECS[name.upper()]
    except KeyError:
        raise CodecError(f"no codec {name!r}; known are {', '.join(_CODECS)}") from None
