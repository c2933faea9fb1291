"""Whether an offer asks for media over TCP without ICE (RFC 4571 §4), and what our answer to it needs."""

from __future__ import annotations

from ice.types import Transport
from sdp.attributes import connection_attr
from sdp.attributes.connection_attr import ConnectionUse, Setup
from sdp.negotiation import remote_audio
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.syntax import protocols
from sdp.syntax.model import Media, SessionDescription


def find(offer: SessionDescription) -> RemoteAudio | None:
    """The audio stream over TCP without ICE that an offer asks for.

    None where it has none, or where it offers audio over UDP as well: that is better for media.
    """
    live = [media for media in offer.media if media.media == "audio" and media.port != 0]
    if any(_transport(media) is Transport.UDP for media in live):
        return None
    for media in live:
        protocol = protocols.lookup(media.proto)
        if protocol is not None and protocols.goes_over_tcp(protocol):
            remote = remote_audio.read(offer, media, is_answer=False)
            if remote.ice.description is None:
                return remote
    return None


def _transport(media: Media) -> Transport | None:
    protocol = protocols.lookup(media.proto)
    return None if protocol is None else protocol.transport


def needs_listener(remote: RemoteAudio, *, can_dial: bool, can_listen: bool, has_connection: bool) -> bool:
    """True where our answer will say that we listen for a new connection (RFC 4145 §4.1)."""
    answer = connection_attr.answer_to(
        remote.tcp, can_dial=can_dial, can_listen=can_listen, has_connection=has_connection
    )
    return answer.setup is Setup.PASSIVE and answer.connection is ConnectionUse.NEW
