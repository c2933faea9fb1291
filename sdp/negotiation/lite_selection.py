"""What an offer says to a lite agent about the pairs that are used (RFC 8839 §4.4.2.2, RFC 6544 §6.1)."""

from __future__ import annotations

from ice.lite.choice import Selection
from ice.types import Transport
from sdp.attributes.connection_attr import Setup
from sdp.negotiation import default_destination, remote_audio
from sdp.syntax.model import SessionDescription


def read(offer: SessionDescription, index: int, *, muxed: bool) -> tuple[Selection, ...]:
    """The pairs of a=remote-candidates: the offerer's default destination, and our address.

    Args:
        offer: a further offer of the peer.
        index: the m= line of the stream.
        muxed: RTP and RTCP share a port.
    """
    if index >= len(offer.media):
        return ()
    media = offer.media[index]
    remote = remote_audio.read(offer, media, is_answer=False)
    defaults = default_destination.read(offer, media, remote.rtcp, muxed=muxed)
    found = []
    for ours in remote.ice.remote_candidates:
        destination = {1: defaults.rtp, 2: defaults.rtcp}.get(ours.component)
        theirs = None if destination is None else destination.address
        if theirs is None or defaults.transport is None:
            continue
        found.append(
            Selection(
                component=ours.component,
                transport=defaults.transport,
                local=ours.address,
                remote=theirs,
                # RFC 4145 §4.1: who offers to be passive is dialled.
                we_dial=defaults.transport is Transport.TCP and remote.tcp.setup is Setup.PASSIVE,
            )
        )
    return tuple(found)
