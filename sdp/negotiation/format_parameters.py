"""Format parameters (a=fmtp) in answers: what defines a format is the same on both sides (RFC 3264 §6.1).

All other parameters say how their author wants to receive, and each side has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sdp.attributes.rtp_attr import AudioFormat

DEFINING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # RFC 4867 §8.3.1
        "amr": ("octet-align", "crc", "robust-sorting", "interleaving"),
        "amr-wb": ("octet-align", "crc", "robust-sorting", "interleaving"),
        # RFC 5577 §3.2: each bit rate is a format of its own
        "g7221": ("bitrate",),
        # RFC 3952 §5
        "ilbc": ("mode",),
        # RFC 3190 §7
        "l16": ("channel-order",),
        "l24": ("channel-order",),
        # RFC 4749 §6, RFC 4733 §2.5.1.1, RFC 7587 §7.1: nothing
        "g729": (),
        "opus": (),
        "telephone-event": (),
    }
)
"""Parameters that define a format, by encoding name in lower case; a name that is not there has none."""


def parameters(fmtp: str) -> dict[str, str]:
    """`fmtp` as names, in lower case, and values (RFC 8866 §6.15); of one name the first counts."""
    result: dict[str, str] = {}
    for part in fmtp.split(";"):
        name, _, value = part.strip(" ").partition("=")
        if name:
            result.setdefault(name.strip(" ").lower(), value.strip(" "))
    return result


def defining(audio: AudioFormat) -> dict[str, str]:
    """The parameters of `audio` that both sides must have the same."""
    given = parameters(audio.fmtp)
    return {name: given[name] for name in DEFINING.get(audio.name.casefold(), ()) if name in given}


def is_same(one: AudioFormat, other: AudioFormat) -> bool:
    """True where two formats are the same whatever their numbers (RFC 3264 §6.1)."""
    return one.key == other.key and defining(one) == defining(other)


def answer(offered: AudioFormat, ours: AudioFormat) -> str:
    """a=fmtp of the answer: what defines the format as in the offer, all else as we want it."""
    echoed = defining(offered)
    if not echoed:
        return ours.fmtp
    own = ours.fmtp.split(";") if ours.fmtp else []
    rest = [
        part.strip(" ") for part in own if part.strip(" ").partition("=")[0].strip(" ").lower() not in echoed
    ]
    return "; ".join([f"{name}={value}" if value else name for name, value in echoed.items()] + rest)
