"""Codecs by the name that `a=rtpmap` gives them (RFC 3551 §4.5).

What FFmpeg or libopus does is imported with the first use of its codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from media.codecs.codec import Codec, Decoder, Encoder
from media.codecs.comfort_noise import ComfortNoise
from media.codecs.g711 import PCMA, PCMU
from media.codecs.l16 import L16, RATES
from media.errors import CodecError

__all__ = [
    "PCMA",
    "PCMU",
    "Codec",
    "Decoder",
    "Encoder",
    "check_available",
    "for_format",
    "for_name",
    "names",
]

_NAMES = ("opus", "G722", "PCMU", "PCMA", "L16")

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


def names() -> tuple[str, ...]:
    """Names of all codecs, the preferred one first."""
    return _NAMES


def for_name(name: str) -> Codec:
    """The codec of an rtpmap name with its usual clock; case does not matter (RFC 3551 §6, RFC 4855 §3).

    Raises:
        CodecError: it is not known here.
    """
    clock_rate, channels = {"OPUS": (48000, 2), "L16": (44100, 1)}.get(name.upper(), (8000, 1))
    return for_format(name, clock_rate, channels)


def for_format(
    name: str, clock_rate: int, channels: int = 1, parameters: Mapping[str, str] = _NO_PARAMETERS
) -> Codec:
    """The codec of a format as the peer described it.

    Args:
        name: encoding name, in any case.
        clock_rate: as in `a=rtpmap`.
        channels: as in `a=rtpmap`.
        parameters: of `a=fmtp`, names in lower case; what is unknown is ignored.

    Raises:
        CodecError: it is not known here.
    """
    match name.upper(), clock_rate, channels:
        case "PCMU", 8000, 1:
            return PCMU
        case "PCMA", 8000, 1:
            return PCMA
        case "G722", 8000, 1:
            from media.codecs.g722 import G722

            return G722()
        case "OPUS", 48000, 2:
            from media.codecs.opus import Opus, OpusParameters

            return Opus(asked=OpusParameters.of(parameters))
        case "L16", rate, 1 | 2 if rate in RATES:
            return L16(sample_rate=rate, channels=channels)
        case "CN", rate, 1 if rate in RATES:
            return ComfortNoise(clock_rate=rate)
        case _:
            shown = f"{name}/{clock_rate}" + (f"/{channels}" if channels > 1 else "")
            raise CodecError(f"no codec {shown!r}; known are {', '.join(_NAMES)}")


def check_available(name: str) -> None:
    """See whether what a codec needs is installed, and import it: not when a call waits for it.

    Raises:
        CodecError: it is not, and how to get it.
    """
    if name.upper() == "OPUS":
        from media.codecs import libopus, opus  # noqa: F401

        libopus.library()
    elif name.upper() == "G722":
        from media.codecs import g722  # noqa: F401
