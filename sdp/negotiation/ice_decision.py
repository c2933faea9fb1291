"""Whether a stream runs ICE, and with how many components (RFC 8839 §4.2.5, §4.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ice.types import Description, Transport
from sdp.diagnostics import Diagnostic
from sdp.negotiation import default_destination
from sdp.negotiation.negotiated import LocalMedia
from sdp.negotiation.remote_audio import RemoteAudio


@dataclass(frozen=True, slots=True, kw_only=True)
class IceDecision:
    """Whether a stream runs ICE: `remote` and `shown` (ours, as the answer shows it) or the reason."""

    remote: Description | None
    shown: Description | None
    reason: str


def as_answerer(remote: RemoteAudio, local: LocalMedia, *, muxed: bool) -> IceDecision:
    """The decision of the side that answers: a mismatch is answered with a=ice-mismatch."""
    if remote.ice.description is None:
        # RFC 8839 §4.3.2: no ICE attribute in the answer then.
        return IceDecision(remote=None, shown=None, reason=remote.ice.reason)
    if local.ice is None:
        return IceDecision(remote=None, shown=None, reason="ICE is switched off here")
    fault = _mismatch(remote, remote.ice.description, muxed=muxed)
    if fault:
        # RFC 8839 §4.2.5, item 1, second way.
        return IceDecision(
            remote=None,
            shown=replace(local.ice, candidates=(), mismatch=True),
            reason=f"ICE mismatch: {fault}",
        )
    return IceDecision(remote=remote.ice.description, shown=local.ice, reason="")


def _mismatch(remote: RemoteAudio, description: Description, *, muxed: bool) -> str:
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=muxed)
    return default_destination.mismatch(
        defaults, description, rtcp_signalled=remote.rtcp.port is not None and not muxed
    )


def components(
    remote: RemoteAudio,
    theirs: Description | None,
    ours: Description | None,
    *,
    muxed: bool,
    switched_off: bool,
) -> int:
    """Components in use: one with rtcp-mux, without RTCP, or where either ICE agent has no second one.

    Agents may differ in their number of components; the smaller one counts (RFC 8445 §6.1.2.2).

    Args:
        remote: the peer's section.
        theirs: the peer's ICE description, None without ICE.
        ours: our ICE description, None without ICE.
        muxed: RTP and RTCP share a port.
        switched_off: both descriptions say b=RS:0 and b=RR:0. Where only one does, RTCP has a connection
            that stays silent (RFC 4571 §3).
    """
    if muxed or switched_off:
        return 1
    if theirs is None:
        over_tcp = remote.protocol is not None and remote.protocol.transport is Transport.TCP
        return 2 if remote.rtcp.used or over_tcp else 1
    sides = [each for each in (theirs, ours) if each is not None and each.candidates]
    return min([2, *(max(candidate.component for candidate in side.candidates) for side in sides)])


def has_rtcp(remote: RemoteAudio, *, muxed: bool, components: int) -> bool:
    """True where RTCP is sent: the peer wants it, and there is a port for it."""
    return remote.rtcp.used and (muxed or components == 2)


def as_offerer(
    ours: RemoteAudio, theirs: RemoteAudio, remarks: list[Diagnostic], *, muxed: bool
) -> IceDecision:
    """The decision of the side that offered: any mismatch ends ICE (RFC 8839 §4.3.3)."""
    if ours.ice.description is None:
        if theirs.ice.description is not None:
            remarks.append(theirs.media.diagnostic("ICE was not offered; its attributes are ignored"))
        return IceDecision(remote=None, shown=None, reason="ICE is switched off here")
    if theirs.ice.description is None:
        return IceDecision(remote=None, shown=None, reason=theirs.ice.reason)
    if theirs.ice.description.mismatch:
        return IceDecision(remote=None, shown=None, reason="the peer saw an ICE mismatch in our offer")
    fault = _mismatch(theirs, theirs.ice.description, muxed=muxed)
    if fault:
        return IceDecision(remote=None, shown=None, reason=f"ICE mismatch in the answer: {fault}")
    return IceDecision(remote=theirs.ice.description, shown=None, reason="")
