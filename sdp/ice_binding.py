"""Drives one `ice.session.Session` by the offers and answers of one audio stream (RFC 8839 §4).

Offerer:   gather, offer, apply_answer, paths
Answerer:  gather, answer, answer_sent, paths

Further offers of either side go through the same methods. The ICE session stays; a restart is refused.
"""

from __future__ import annotations

from typing import NamedTuple

from ice.config import IceConfig
from ice.network import Network
from ice.path import SelectedPath
from ice.session import Session
from ice.types import Role, SessionState, Transport, TransportAddress
from sdp import default_destination, lite_selection, remote_audio
from sdp.default_destination import Defaults
from sdp.errors import ExchangeError, NegotiationError
from sdp.exchange import MediaExchange
from sdp.model import SessionDescription
from sdp.negotiated import Answer, AudioWish, LocalMedia, NegotiatedMedia, SelectedPair
from sdp.silent_path import SilentPath


class Paths(NamedTuple):
    """Where RTP and RTCP go: one and the same object with rtcp-mux."""

    rtp: SelectedPath
    rtcp: SelectedPath | SilentPath


class IceBinding:
    """One audio stream of one call: its ICE session and its offers and answers.

    Attributes:
        session: the ICE session; for its events and its report.
        exchange: the descriptions in force.
    """

    def __init__(self, session: Session, exchange: MediaExchange, *, components: int) -> None:
        """Bind a session that has gathered; `IceBinding.gather` makes one."""
        self.session = session
        self.exchange = exchange
        self._components = components
        self._started: NegotiatedMedia | None = None
        self._silent = SilentPath()

    @classmethod
    async def gather(
        cls,
        *,
        network: Network,
        config: IceConfig,
        role: Role,
        session_id: int,
        components: int = 2,
    ) -> IceBinding:
        """Open the sockets of a stream.

        Args:
            network: where the sockets come from.
            config: ICE policy.
            role: CONTROLLING for the offerer, CONTROLLED for the answerer (RFC 8445 §6.1.1).
            session_id: random number below 2^63 for the o= line.
            components: 2 leaves room for RTCP on its own port; 1 suffices where rtcp-mux is certain.

        Raises:
            ice.errors.GatheringFailed: no socket could be had; nothing is left open.
        """
        session = Session(network=network, config=config, role=role, components=components)
        await session.gather()
        return cls(session, MediaExchange(session_id=session_id), components=components)

    # --- offers and answers -------------------------------------------------------------------------------

    def offer(self, wish: AudioWish) -> SessionDescription:
        """The next offer: the first one, a hold, a refresh, or the updated offer after ICE.

        Once ICE has completed the offer shows the selected pair alone, as the controlling side with
        a=remote-candidates (RFC 8839 §4.4.1.2.2).

        Raises:
            ExchangeError: an offer of ours is open.
        """
        return self.exchange.offer(self._local(wish))

    def apply_answer(self, answer: SessionDescription) -> NegotiatedMedia:
        """Take the answer to our offer and start ICE, or plain RTP with a peer that has none.

        Raises:
            NegotiationError: the answer leaves nothing to talk with; a running stream goes on as before.
        """
        negotiated = self.exchange.accept(answer)
        if self._started is not None:
            self.session.both_lite.update_answered()
        self._apply(negotiated)
        return negotiated

    def offer_failed(self) -> None:
        """Our offer was rejected or timed out: everything stays as it was."""
        self.exchange.reject()

    def answer(self, offer: SessionDescription, wish: AudioWish) -> Answer:
        """Answer an offer; `answer_sent` is to follow once the answer is on its way.

        Where `negotiated` of the result is None nothing has changed and 488 is due.

        Raises:
            ExchangeError: an offer of ours is open (491 is due).
        """
        started = self._started
        if started is not None and started.ice is not None and self.exchange.open_offer is None:
            self.session.both_lite.take(lite_selection.read(offer, started.index, muxed=started.rtcp_mux))
        return self.exchange.answer(offer, self._local(wish))

    def answer_sent(self) -> None:
        """Our answer has left: ICE may begin (RFC 8839 §4.3.2), or plain RTP.

        Raises:
            ExchangeError: there is no answer with an accepted stream.
        """
        if self.exchange.negotiated is None:
            raise ExchangeError("there is no answer yet")
        self._apply(self.exchange.negotiated)

    async def paths(self) -> Paths:
        """Wait for the paths of RTP and RTCP: at once without ICE, else until ICE has completed.

        Raises:
            ice.errors.IceFailed: no path was found; the text says why.
            ExchangeError: offer and answer are not complete.
        """
        started = self._started
        if started is None:
            raise ExchangeError("offer and answer come first")
        if started.ice is not None:
            await self.session.completed()
        rtp = self.session.path(1)
        if started.rtcp_mux:
            return Paths(rtp, rtp)
        if started.rtcp and started.components == 2 and self._components >= 2:
            return Paths(rtp, self.session.path(2))
        return Paths(rtp, self._silent)

    async def close(self) -> None:
        """Free every socket of the stream."""
        await self.session.close()

    # --- after ICE ----------------------------------------------------------------------------------------

    @property
    def needs_updated_offer(self) -> bool:
        """True where the controlling side must tell an RFC 5245 peer what ICE selected (RFC 8839 §4.3.4).

        That is: ICE has completed, the peer does not list ice2, and a nominated pair differs from the
        defaults of the descriptions in force. Of two lite agents the controlling one tells its choice before
        ICE is complete (RFC 8445 §8.2).
        """
        if self.session.both_lite.update_due:
            return True
        started, ours, theirs = self._started, self.exchange.local, self.exchange.remote
        if started is None or started.ice is None or started.peer_ice2 or ours is None or theirs is None:
            return False
        if self.session.state is not SessionState.COMPLETED or self.session.role is not Role.CONTROLLING:
            return False
        local = _defaults(ours, started)
        remote = _defaults(theirs, started)
        return any(
            not (
                _is_default(local, pair.component, pair.local.transport, pair.local.address)
                and _is_default(remote, pair.component, pair.remote.transport, pair.remote.address)
            )
            for pair in self._selected()
        )

    # --- inside -------------------------------------------------------------------------------------------

    def _local(self, wish: AudioWish) -> LocalMedia:
        without_ice = self._started is not None and self._started.ice is None
        return LocalMedia(
            formats=wish.formats,
            direction=wish.direction,
            ptime_ms=wish.ptime_ms,
            ice=self.session.local_description if wish.ice and not without_ice else None,
            address=self._udp_default(1),
            rtcp_address=self._udp_default(2),
            rtcp_mux=wish.rtcp_mux,
            selected=self._selected(),
            connecting=self.session.both_lite.update_due,
            controlling=self.session.role is Role.CONTROLLING,
            ice_required=wish.ice_required,
        )

    def _udp_default(self, component: int) -> TransportAddress | None:
        """The default address of a component, None where it has no UDP candidate."""
        udp = [
            candidate.address
            for candidate in self.session.local_description.candidates
            if candidate.component == component and candidate.transport is Transport.UDP
        ]
        return self.session.default_address(component) if udp else None

    def _selected(self) -> tuple[SelectedPair, ...]:
        started = self._started
        if started is None or started.ice is None:
            return ()
        if started.ice.lite and self.session.local_description.lite:
            return self._chosen()
        if self.session.state is not SessionState.COMPLETED:
            return ()
        pairs = (self.session.path(component).pair for component in range(1, self._running() + 1))
        return tuple(
            SelectedPair(component=pair.component, local=pair.local, remote=pair.remote)
            for pair in pairs
            if pair is not None
        )

    def _chosen(self) -> tuple[SelectedPair, ...]:
        """Pairs of two lite agents, whose choice is told before ICE is complete."""
        lite = self.session.both_lite
        if not (lite.agreed or lite.update_due):
            # It is the peer's to say.
            return ()
        return tuple(
            SelectedPair(component=ours.component, local=ours, remote=theirs)
            for ours, theirs in lite.chosen[: self._running()]
        )

    def _running(self) -> int:
        """Components in use."""
        return min(self._started.components, self._components) if self._started is not None else 0

    def _apply(self, negotiated: NegotiatedMedia) -> None:
        started = self._started
        if started is not None and started.ice is not None:
            # The exchange has seen to it that ICE goes on as it is.
            return
        if started is None and negotiated.components < self._components:
            self.session.limit_components(negotiated.components)
        if negotiated.ice is not None:
            # Towards a lite peer the session takes the controlling role (RFC 8445 §6.1.1).
            self.session.set_remote(negotiated.ice)
        else:
            self._go_plain(negotiated)
        self._started = negotiated

    def _go_plain(self, negotiated: NegotiatedMedia) -> None:
        targets = {1: negotiated.remote_address}
        if negotiated.rtcp and not negotiated.rtcp_mux and self._components >= 2:
            targets[2] = negotiated.remote_rtcp_address
        for component, target in targets.items():
            if target is not None and self.session.path(component).remote != target:
                try:
                    self.session.plain_path(component, target)
                except ValueError as error:
                    raise NegotiationError(f"plain RTP is not possible: {error}") from error


def _defaults(description: SessionDescription, negotiated: NegotiatedMedia) -> Defaults:
    media = description.media[negotiated.index]
    remote = remote_audio.read(description, media, is_answer=False)
    return default_destination.read(description, media, remote.rtcp, muxed=negotiated.rtcp_mux)


def _is_default(defaults: Defaults, component: int, transport: Transport, address: TransportAddress) -> bool:
    destination = defaults.rtp if component == 1 else defaults.rtcp
    return destination is not None and defaults.transport is transport and destination.address == address
