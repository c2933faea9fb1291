"""Drives one `ice.session.Session` by the offers and answers of one audio stream (RFC 8839 §4).

Offerer:   gather, offer, apply_answer, paths
Answerer:  gather, answer, answer_sent, paths

Further offers of either side go through the same methods; `prepare` comes before each later `answer`. The
ICE session stays, through restarts of either side too: `restart`, then offer or answer.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from ice.config import IceConfig
from ice.errors import IceFailed
from ice.net.network import Network
from ice.session import Session
from ice.types import CandidateType, Description, Role, Transport, TransportAddress
from sdp.errors import ExchangeError, NegotiationError
from sdp.ice import pairless, selection
from sdp.ice.fragment import Fragment
from sdp.ice.late_candidates import LateCandidates
from sdp.ice.race import Race, judge, told_pairs
from sdp.media_paths import Paths
from sdp.negotiation import lite_selection, offer_size, remote_audio
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import Answer, AudioWish, LocalMedia, NegotiatedMedia, SelectedPair
from sdp.negotiation.offer_size import Telling
from sdp.silent_path import SilentPath
from sdp.syntax import writer
from sdp.syntax.model import SessionDescription

MID = "a"
"""Identification tag of our m= line in the first offer (RFC 5888)."""

LONGEST_RACE_S = 5.0
"""Seconds that an answer waits for the checks on pairs that the peer has selected."""


class IceBinding:
    """One audio stream of one call: its ICE session and its offers and answers.

    Attributes:
        session: the ICE session; for its events and its report.
        exchange: the descriptions in force.
        left_ice: the peer answered an offer without ICE; media stays on its path until our next offer, which
            restarts ICE or ends it (RFC 8839 §4.4.3.1) and is due at once.
        telling: which of our candidates the peer is told.
        renews_keys: our next offer has other SRTP keys than those in force; the answer to it resets this.
    """

    def __init__(self, session: Session, exchange: MediaExchange, *, components: int) -> None:
        """Bind a session that has gathered; `IceBinding.gather` makes one."""
        self.session = session
        self.exchange = exchange
        self._components = components
        self._started: NegotiatedMedia | None = None
        self._renewed = False
        self._moved = False
        self._stopped = False
        self._pairless = ""
        self._late = LateCandidates(session)
        self.left_ice = False
        self.telling = Telling()
        self.renews_keys = False
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

    # --- restarts and races -------------------------------------------------------------------------------

    async def restart(self) -> None:
        """Gather anew under new credentials: the next offer restarts ICE (RFC 8839 §4.4.1.1.1).

        Media goes on where it is. Without ICE nothing happens.

        Raises:
            ice.errors.GatheringFailed: no candidate could be had; all is as it was.
            ExchangeError: an offer of ours is open.
        """
        if self.exchange.open_offer is not None:
            raise ExchangeError("our last offer is not answered yet")
        if self._started is None or self._started.ice is None:
            return
        if self._renewed:
            self._take_back()
        await self.session.restart()
        self._renewed = True

    async def move(self) -> None:
        """Gather anew for a peer without ICE: the next offer names another address (RFC 3264 §8.3.1).

        With ICE nothing happens. Raises as `restart`.
        """
        if self.exchange.open_offer is not None:
            raise ExchangeError("our last offer is not answered yet")
        if self._started is not None and self._started.ice is None:
            await self.session.restart()
            self._moved = True

    def stands_on(self, host: str) -> bool:
        """True where plain RTP comes in by this address of ours; ICE looks after its own."""
        if self._started is None or self._started.ice is not None:
            return False
        default = self.session.default_address(1)
        candidates = self.session.local_description.candidates
        found = next((each for each in candidates if each.address == default), None)
        # A relay keeps its address; the way to it is ours.
        relayed = found is not None and found.type is CandidateType.RELAY
        return relayed or (default if found is None else found.base or default).host == host

    async def ready(self) -> None:
        """Be ready for the answer to an offer that keeps the path: it is, with ICE."""

    async def prepare(self, offer: SessionDescription, wish: AudioWish) -> None:
        """Do what an answer to a further offer needs time for.

        Where the offer restarts or leaves ICE our side gathers anew; where it tells what ICE has selected
        and our checks have not got there yet, they are waited for (RFC 8839 §4.4.2), 5 s at most.

        Raises:
            ice.errors.GatheringFailed: no candidate could be had; all is as it was.
        """
        if self.exchange.renews(offer, self._local(wish)):
            await self.restart()
        else:
            await self._await_checks(offer)

    async def _await_checks(self, offer: SessionDescription) -> None:
        started = self._started
        if started is None or started.ice is None or started.index >= len(offer.media):
            return
        remote = remote_audio.read(offer, offer.media[started.index], is_answer=False)
        told = told_pairs(remote, muxed=started.rtcp_mux)
        moved = asyncio.Event()
        unsubscribe = self.session.subscribe(lambda _: moved.set())
        try:
            async with asyncio.timeout(LONGEST_RACE_S):
                while judge(told, self.session.report().pairs) is Race.RUNNING:
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            # It is answered as if it had told nothing.
            pass
        finally:
            unsubscribe()

    def _take_back(self) -> None:
        """A restart that came to nothing: all is as before it."""
        if self._renewed:
            self._renewed = False
            self.session.abandon_restart()

    def take_fragment(self, fragment: Fragment) -> list[str]:
        """Take candidates that the peer found after its description; gives what was of no use, and why."""
        return self._late.take(fragment, self._started)

    # --- offers and answers -------------------------------------------------------------------------------

    def offer(self, wish: AudioWish, *, room: int | None = None) -> SessionDescription:
        """The next offer: the first one, a hold, a refresh, or the updated offer after ICE.

        Once ICE has completed the offer shows the selected pair alone, as the controlling side with
        a=remote-candidates (RFC 8839 §4.4.1.2.2).

        Args:
            wish: what is asked for.
            room: bytes that it may have, None for no limit. Where it helps there is left out for that: what
                goes without saying, then candidates, then codecs that need lines of their own.

        Raises:
            ExchangeError: an offer of ours is open.
        """
        local = self._local(wish)
        offer = self.exchange.offer(local)
        if room is None or local.ice is None or local.selected or _size(offer) <= room:
            return offer
        for formats in (local.formats, offer_size.static_formats(local.formats)):
            terse = replace(local, terse=True, formats=formats)
            self.exchange.reject()
            offer = self.exchange.offer(terse)
            if _size(offer) <= room:
                return offer
            short = self.telling.shorten(
                local.ice,
                excess=_size(offer) - room,
                defaults={address for address in (local.address, local.rtcp_address) if address is not None},
            )
            if short is not None:
                self.exchange.reject()
                return self.exchange.offer(replace(terse, ice=short))
        self.exchange.reject()
        return self.exchange.offer(local)

    def apply_answer(self, answer: SessionDescription) -> NegotiatedMedia:
        """Take the answer to our offer and start ICE, or plain RTP with a peer that has none.

        Raises:
            NegotiationError: the answer leaves nothing to talk with; a running stream goes on as before.
        """
        try:
            negotiated = self.exchange.accept(answer)
        except NegotiationError:
            self._take_back()
            raise
        self.apply_agreed(negotiated)
        return negotiated

    def apply_agreed(self, negotiated: NegotiatedMedia) -> None:
        """Start, or go on, with what our offer and its answer came to in `exchange`."""
        if self._started is not None:
            self.session.both_lite.update_answered()
        self.renews_keys = False
        self._apply(negotiated)
        told = negotiated.ice
        self._pairless = "" if told is None else pairless.why(self.session.local_description, told)

    def offer_failed(self) -> None:
        """Our offer was rejected or timed out: everything stays as it was (RFC 8839 §4.4)."""
        self.exchange.reject()
        self._take_back()

    def answer(self, offer: SessionDescription, wish: AudioWish) -> Answer:
        """Answer an offer; `answer_sent` is to follow once the answer is on its way.

        Where `negotiated` of the result is None nothing has changed and 488 is due.

        Raises:
            ExchangeError: an offer of ours is open (491 is due).
        """
        started = self._started
        if started is not None and started.ice is not None and self.exchange.open_offer is None:
            self.session.both_lite.take(lite_selection.read(offer, started.index, muxed=started.rtcp_mux))
        refusal = "the stream was taken out before" if self._stopped else ""
        answered = self.exchange.answer(offer, self._local(wish), refusal=refusal)
        if answered.negotiated is None:
            self._take_back()
        return answered

    def answer_sent(self) -> None:
        """Our answer has left: ICE may begin (RFC 8839 §4.3.2), or plain RTP.

        Raises:
            ExchangeError: there is no answer with an accepted stream.
        """
        if self.exchange.negotiated is None:
            raise ExchangeError("there is no answer yet")
        self._pairless = ""
        self._apply(self.exchange.negotiated)

    async def paths(self, *, selected: bool = True) -> Paths:
        """Wait for the paths of RTP and RTCP: at once without ICE, else until ICE has completed.

        Args:
            selected: false where pairs that may be used before any is selected will do (RFC 8445 §12.1).

        Raises:
            ice.errors.IceFailed: no path was found; the text says why.
            ExchangeError: offer and answer are not complete.
        """
        started = self._started
        if started is None:
            raise ExchangeError("offer and answer come first")
        if started.ice is not None:
            if self._pairless:
                raise IceFailed(self._pairless)
            await (self.session.completed() if selected else self.session.usable())
        rtp = self.session.path(1)
        if started.rtcp_mux:
            return Paths(rtp, rtp)
        if started.rtcp and started.components == 2 and self._components >= 2:
            return Paths(rtp, self.session.path(2))
        return Paths(rtp, self._silent)

    async def stop(self) -> None:
        """The peer has taken the stream out: free its sockets (RFC 3264 §8.2). It does not come back."""
        self._stopped = True
        self._started = None
        await self.session.close()

    async def close(self) -> None:
        """Free every socket of the stream."""
        await self.session.close()

    # --- after ICE ----------------------------------------------------------------------------------------

    @property
    def needs_updated_offer(self) -> bool:
        """True where the peer has to be told what ICE selected (RFC 8839 §4.3.4)."""
        return selection.update_due(self.session, self.exchange, self._started, self._selected())

    # --- inside -------------------------------------------------------------------------------------------

    def _local(self, wish: AudioWish) -> LocalMedia:
        without_ice = self._started is not None and self._started.ice is None
        return LocalMedia(
            formats=wish.formats,
            direction=wish.direction,
            ptime_ms=wish.ptime_ms,
            ice=self._told() if wish.ice and not without_ice else None,
            address=self._udp_default(1),
            rtcp_address=self._udp_default(2),
            rtcp_mux=wish.rtcp_mux,
            rtcp_mux_only=wish.rtcp_mux_only,
            selected=self._selected(),
            connecting=self.session.both_lite.update_due,
            controlling=self.session.role is Role.CONTROLLING,
            ice_required=wish.ice_required,
            extended_reports=wish.extended_reports,
            extensions=wish.extensions,
            mid=MID if self._started is None else self._started.mid,
            keying=self.exchange.keying(wish.keying, secrets.token_bytes, renew=self.renews_keys),
        )

    def _told(self) -> Description:
        """All our candidates, and that late ones of the peer are taken: half trickle (RFC 8840 §4.1)."""
        description = self.session.local_description
        return self.telling.of(replace(description, options=description.options | {"trickle"}))

    def _udp_default(self, component: int) -> TransportAddress | None:
        """The default address of a component, None where it has no UDP candidate."""
        udp = [
            candidate.address
            for candidate in self.session.local_description.candidates
            if candidate.component == component and candidate.transport is Transport.UDP
        ]
        return self.session.default_address(component) if udp else None

    def _selected(self) -> tuple[SelectedPair, ...]:
        if self._started is None or self._renewed:
            return ()
        return selection.told(self.session, self._started, self._components)

    def _apply(self, negotiated: NegotiatedMedia) -> None:
        started, renewed = self._started, self._renewed
        if started is not None and started.ice is not None and not renewed:
            # ICE goes on as it is; the exchange has seen to that.
            self.left_ice = negotiated.ice is None
            return
        self._renewed = False
        self.left_ice = False
        if (started is None or renewed) and negotiated.components < self._components:
            self.session.limit_components(negotiated.components)
        if negotiated.ice is not None:
            # Towards a lite peer the session takes the controlling role (RFC 8445 §6.1.1).
            self.session.set_remote(negotiated.ice)
        else:
            self._go_plain(negotiated)
        self._started = negotiated
        self._late.begin(negotiated)

    def _go_plain(self, negotiated: NegotiatedMedia) -> None:
        targets = {1: negotiated.remote_address}
        if negotiated.rtcp and not negotiated.rtcp_mux and self._components >= 2:
            targets[2] = negotiated.remote_rtcp_address
        for component, target in targets.items():
            path = self.session.path(component)
            # A path that ICE had found is not a plain one, whatever address it leads to.
            if target is not None and (self._moved or path.remote != target or path.pair is not None):
                try:
                    self.session.plain_path(component, target)
                except ValueError as error:
                    raise NegotiationError(f"plain RTP is not possible: {error}") from error
        self._moved = False


def _size(offer: SessionDescription) -> int:
    return len(writer.write(offer).encode())
