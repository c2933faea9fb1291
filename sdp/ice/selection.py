"""What ICE selected, as our next description tells it, and whether the peer has to be told."""

from __future__ import annotations

from ice.session import Session
from ice.types import Role, SessionState, Transport, TransportAddress
from sdp.negotiation import default_destination, remote_audio
from sdp.negotiation.default_destination import Defaults
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import NegotiatedMedia, SelectedPair
from sdp.syntax.model import SessionDescription


def told(session: Session, started: NegotiatedMedia, components: int) -> tuple[SelectedPair, ...]:
    """The nominated pairs that replace our candidates in further descriptions (RFC 8839 §4.4.1.2.2).

    Args:
        session: the ICE session.
        started: the result in force.
        components: how many we have gathered for.
    """
    if started.ice is None:
        return ()
    running = min(started.components, components)
    if started.ice.lite and session.local_description.lite:
        return _chosen(session, running)
    if session.state is not SessionState.COMPLETED:
        return ()
    pairs = (session.path(component).pair for component in range(1, running + 1))
    return tuple(
        SelectedPair(component=pair.component, local=pair.local, remote=pair.remote)
        for pair in pairs
        if pair is not None
    )


def _chosen(session: Session, running: int) -> tuple[SelectedPair, ...]:
    """Pairs of two lite agents, whose choice is told before ICE is complete."""
    lite = session.both_lite
    if not (lite.agreed or lite.update_due):
        # It is the peer's to say.
        return ()
    return tuple(
        SelectedPair(component=ours.component, local=ours, remote=theirs)
        for ours, theirs in lite.chosen[:running]
    )


def update_due(
    session: Session,
    exchange: MediaExchange,
    started: NegotiatedMedia | None,
    pairs: tuple[SelectedPair, ...],
) -> bool:
    """True where the controlling side must tell an RFC 5245 peer what ICE selected (RFC 8839 §4.3.4).

    That is: ICE has completed, the peer does not list ice2, and a nominated pair differs from the
    defaults of the descriptions in force. Of two lite agents the controlling one tells its choice before
    ICE is complete (RFC 8445 §8.2). Who trickles (RFC 8838) is no RFC 5245 agent: browsers list that alone,
    and the offer with the selected TCP pair ends their media, for they do not know TCP/DTLS/RTP/SAVP.
    """
    if session.both_lite.update_due:
        return True
    ours, theirs = exchange.local, exchange.remote
    if started is None or started.ice is None or started.peer_ice2 or ours is None or theirs is None:
        return False
    if "trickle" in started.ice.options:
        return False
    if session.state is not SessionState.COMPLETED or session.role is not Role.CONTROLLING:
        return False
    local = _defaults(ours, started)
    remote = _defaults(theirs, started)
    return any(
        not (
            _is_default(local, pair.component, pair.local.transport, pair.local.address)
            and _is_default(remote, pair.component, pair.remote.transport, pair.remote.address)
        )
        for pair in pairs
    )


def _defaults(description: SessionDescription, negotiated: NegotiatedMedia) -> Defaults:
    media = description.media[negotiated.index]
    remote = remote_audio.read(description, media, is_answer=False)
    return default_destination.read(description, media, remote.rtcp, muxed=negotiated.rtcp_mux)


def _is_default(defaults: Defaults, component: int, transport: Transport, address: TransportAddress) -> bool:
    destination = defaults.rtp if component == 1 else defaults.rtcp
    return destination is not None and defaults.transport is transport and destination.address == address
