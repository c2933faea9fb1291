"""What both descriptions say about extended reports becomes what media may send (RFC 3611 §5.2)."""

from __future__ import annotations

from media.rtcp.extended import XrTerms
from sdp.negotiation.negotiated import NegotiatedMedia


def xr_terms(negotiated: NegotiatedMedia) -> XrTerms:
    """The terms of a stream; nothing is sent to a peer that has not asked."""
    blocks = {block.name: block.value for block in negotiated.extended_reports}
    mode, _, longest = blocks.get("rcvr-rtt", "").partition(":")
    if mode not in ("all", "sender"):
        return XrTerms(voip_metrics="voip-metrics" in blocks)
    return XrTerms(
        voip_metrics="voip-metrics" in blocks,
        asks=True,
        answers=mode,
        longest=int(longest) if longest.isascii() and longest.isdigit() and len(longest) < 10 else None,
    )
