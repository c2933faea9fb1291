"""Whether a peer that has refused our offer may take less (core; RFC 3264 §9, RFC 6337 §2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sdp.attributes import rtp_attr
from sdp.errors import SdpError
from sdp.syntax import parser, protocols
from sdp.syntax.model import Media
from sdp.syntax.protocols import Keying
from ua.call import codec_mapping, offer_policy
from ua.sip.syntax import warning
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Response

HOPELESS: Final = frozenset(
    {
        warning.NO_TRANSPORT,
        warning.NO_MEDIA_TYPE,
        warning.NO_FORMAT,
        warning.NO_MULTICAST,
        warning.NO_BANDWIDTH,
    }
)
"""Warnings of what each form of our offer has: the profile of its m= line, audio, the codecs."""


def may_take_less(response: Response, *, codecs: Sequence[str], protection: Keying) -> bool:
    """True where fewer candidates, or none, may be the cure.

    Not where the refusal names what is the same in every form: it warns so, or it lists what the peer has and
    no codec of ours is among it, or none of it is protected as our offer demands.

    Args:
        response: the refusal.
        codecs: ours.
        protection: what our offer demands; NONE where it takes plain RTP too.
    """
    if response.status not in offer_policy.REFUSALS:
        return False
    if any(each.code in HOPELESS for each in warning.warnings(response)):
        return False
    audio = _listed(response)
    if not audio:
        return True
    if protection is not Keying.NONE and not any(_protects(media, protection) for media in audio):
        return False
    ours = {each.key for each in codec_mapping.formats(codecs)}
    theirs = {each.key for media in audio for each in rtp_attr.formats(media)[0]}
    return not theirs or bool(ours & theirs)


def _listed(response: Response) -> list[Media]:
    """The audio that the peer says it has."""
    body = session_of(response)
    if body is None:
        return []
    try:
        return [media for media in parser.parse(body).media if media.media == "audio"]
    except SdpError:
        return []


def _protects(media: Media, protection: Keying) -> bool:
    protocol = protocols.lookup(media.proto)
    # Whoever knows the keys of one kind may write them beside RTP/AVP (RFC 8643).
    beside = any(media.first(name) is not None for name in ("crypto", "fingerprint"))
    return beside or (protocol is not None and protocol.keying is protection)
