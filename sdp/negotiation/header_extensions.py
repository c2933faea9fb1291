"""Which RTP header extensions a stream has: in the profile of browsers alone (RFC 8285 §7, RFC 9143 §15).

The names of m= lines are told where these are in a group, as only there anybody asks.
"""

from __future__ import annotations

from dataclasses import replace

from sdp.attributes import bundle, extmap_attr
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import MID_URI, ONE_BYTE, Extension, Extensions
from sdp.diagnostics import Diagnostic
from sdp.negotiation.negotiated import LocalMedia
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.syntax.protocols import RtpProtocol

LONGEST_MID = 16
"""Bytes of a name that the one-byte form holds (RFC 8285 §4.2)."""


def offered(
    local: LocalMedia,
    protocol: RtpProtocol,
    mid: str | None,
    in_force: tuple[Extension, ...] | None,
) -> Extensions:
    """The extensions of an offer of ours.

    Args:
        local: our side.
        protocol: of the m= line.
        mid: its name, None where it is in no group.
        in_force: what the session has so far, which a further offer keeps; None for its first offer.
    """
    if in_force is not None:
        return Extensions(listed=tuple(replace(each, direction=None) for each in in_force))
    if not protocol.feedback or local.terse:
        return Extensions()
    uris = sorted(_supported(local, mid))
    return Extensions(
        listed=tuple(Extension(id=number, uri=uri) for number, uri in zip(ONE_BYTE, uris, strict=False))
    )


def answered(
    index: int, remote: RemoteAudio, local: LocalMedia, way: Direction, earlier: tuple[Extension, ...]
) -> Extensions:
    """Our answer to those of an offer.

    Args:
        index: number of the m= line.
        remote: what it says.
        local: our side.
        way: direction of the stream, as we see it.
        earlier: what the session has so far.
    """
    if remote.protocol is None or not remote.protocol.feedback:
        return Extensions()
    grouped = bool(bundle.answered(remote.session, [index]))
    supported = _supported(local, remote.mid if grouped else None)
    return extmap_attr.answer(remote.extensions, supported, way, earlier=earlier)


def accepted(ours: RemoteAudio, theirs: RemoteAudio, remarks: list[Diagnostic]) -> tuple[Extension, ...]:
    """What the answer to an offer of ours comes to, with directions as we see them."""
    ids = {each.uri: each.id for each in ours.extensions.listed}
    taken: list[Extension] = []
    for each in theirs.extensions.listed:
        if ids.get(each.uri) != each.id:
            remarks.append(theirs.media.diagnostic(f"a=extmap:{each.id} {each.uri} was not offered; ignored"))
        elif each.uri != MID_URI or bundle.group_of(theirs.session, theirs.media) is not None:
            direction = None if each.direction is None else each.direction.reverse
            taken.append(replace(each, direction=direction))
    return tuple(taken)


def _supported(local: LocalMedia, mid: str | None) -> frozenset[str]:
    named = mid is not None and len(mid.encode()) <= LONGEST_MID
    return local.extensions if named else local.extensions - {MID_URI}
