"""What both sides of a call say of its media: offers and answers in and out, and the path they lead to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from ice.errors import GatheringFailed, IceFailed
from ice.session import Session
from sdp.attributes.direction import Direction
from sdp.attributes.rtp_attr import AudioFormat
from sdp.errors import ConnectionFailed, ExchangeError, NegotiationError, SdpError
from sdp.ice.binding import IceBinding
from sdp.ice.fragment import read as read_fragment
from sdp.media_paths import Paths
from sdp.negotiation.keying import SdesKeys
from sdp.negotiation.negotiated import AudioWish, NegotiatedMedia
from sdp.syntax import parser, writer
from ua import clock
from ua.call import hold
from ua.call.early_answers import EarlyAnswer, EarlyAnswers
from ua.call.hold import Hold
from ua.call.offer_policy import OfferForm
from ua.call.path_watch import Watch
from ua.call.refusal import Refusal
from ua.call.sdp_log import SdpLog
from ua.call.side import Binding, IceSide, Side, TcpSide
from ua.call.wish import wish_of
from ua.config.account import Account
from ua.errors import NoMediaPath
from ua.events import EventLog

ENDED = "the call ended before media had a path"


class Descriptions:
    """The negotiation of one call's audio; owns its sockets.

    Args:
        binding: the audio stream: with its candidates, or over TCP without ICE.
        account: codecs and packet time.
        log: event log.
        party: our name in it.

    Attributes:
        wish: what our next description asks for.
        agreed: what was negotiated last, None before.
        usual: the direction that `wish` has while we do not hold the other side.
        hold: who holds whom.
        on_agreed: called with each result of an offer and its answer; may be set.
        keys_are_told: the signalling is not encrypted: keys in it are everybody's.
        refusal: the answer to the offer that was refused last, all its ports 0, for one that came in a
            response: that cannot be refused in any other way (RFC 6337 §2.3).
        on_hold: called when `hold` has changed; may be set.
    """

    def __init__(self, binding: Binding, *, account: Account, log: EventLog, party: str) -> None:
        self._log = log
        self._party = party
        self._sdp = SdpLog(log, party)
        self.wish = wish_of(account)
        self.usual = self.wish.direction
        self.hold = Hold.NONE
        self.on_hold: Callable[[Hold], None] | None = None
        self.agreed: NegotiatedMedia | None = None
        self.on_agreed: Callable[[NegotiatedMedia], None] | None = None
        self.keys_are_told = False
        self._branches: set[str] = set()
        self._answered: NegotiatedMedia | None = None
        self.refusal = b""
        self._is_closed = False
        self._side = self._side_of(binding)
        self._early = EarlyAnswers(binding, self.record)

    def _side_of(self, binding: Binding) -> Side:
        if isinstance(binding, IceBinding):
            for problem in binding.session.report().gathering_problems:
                self._log.record(clock.now(), self._party, "ice", "gathering_problem", reason=problem)
            return IceSide(binding, self._on_ice)
        offered = binding.offers_first
        return TcpSide(
            binding,
            lambda event: self._log.record_event(self._party, "tcp", event),
            asked="asked (--media tcp)" if offered else "the other side asked",
            offered=offered,
        )

    def _on_ice(self, event: object) -> None:
        self._log.record_event(self._party, "ice", event)

    @property
    def _binding(self) -> Binding:
        return self._side.binding

    def record(self, name: str, **data: object) -> None:
        """Write an entry of the call into the log."""
        self._log.record(clock.now(), self._party, "call", name, **data)

    def check_open(self) -> None:
        """Raise NoMediaPath where the call is over."""
        if self._is_closed:
            raise NoMediaPath(ENDED)

    # --- our offers ---------------------------------------------------------------------------------------

    def offer(self, *, room: int | None = None) -> bytes:
        """The body of our next offer; candidates are left out where that brings it under `room` bytes."""
        return self._sdp.told("offer", "out", writer.write(self._binding.offer(self.wish, room=room)))

    def tell(self, form: OfferForm) -> None:
        """Ask in this form from now on, where the offers so far came to nothing."""
        self._binding.telling.tcp = form is OfferForm.ALL
        self.wish = replace(self.wish, ice=form is not OfferForm.PLAIN)

    async def further_offer(self) -> bytes:
        """The body of an offer that keeps the path; raises ExchangeError where one of ours is open."""
        with contextlib.suppress(GatheringFailed):  # the offer says what can be had all the same
            await self._binding.ready()
        self.check_open()
        return self.offer()

    async def restart_offer(self) -> bytes:
        """The body of an offer that restarts ICE.

        Without ICE it is an offer like any, from another address of ours where that of media is gone.

        Raises:
            NoMediaPath: no local address can be used any more.
            ExchangeError: an offer of ours is open.
        """
        try:
            await self._binding.restart()
            if self.watch.is_lost:
                await self._binding.move()
        except GatheringFailed as error:
            raise NoMediaPath(f"no candidate for media: {error}") from error
        self.check_open()
        return self.offer()

    async def offer_in_answer(self) -> bytes | Refusal:
        """The offer for a re-INVITE that brought none (RFC 3261 §14.2); `late_answer` is to follow.

        It restarts ICE: it may be for somebody else than the peer of now (RFC 8839 §7.5).
        """
        try:
            return await self.restart_offer()
        except ExchangeError as error:
            return Refusal(code=491, reason=str(error))
        except NoMediaPath as error:
            return Refusal(code=500, reason=str(error))

    def late_answer(self, body: bytes | None) -> None:
        """The answer of the ACK; without a usable one everything stays as it was."""
        if self._is_closed:
            return
        if body is None:
            self._sdp.refused("the ACK left our offer without an answer")
            self.offer_failed()
            return
        with contextlib.suppress(NoMediaPath):  # it was recorded
            self.apply_answer(body)

    def apply_answer(self, body: bytes) -> None:
        """Take the answer to our offer and start ICE.

        Raises:
            NoMediaPath: it is no SDP, it leaves nothing to talk with, or the media is closed.
        """
        self.check_open()
        self._sdp.told("answer", "in", body)
        try:
            answer = parser.parse(body)
            self._sdp.diagnose(answer.diagnostics)
            self._adopt(self._binding.apply_answer(answer))
        except SdpError as error:
            self._sdp.refused(error.reason, line=error.line)
            raise NoMediaPath(
                f"the answer leaves no media: {error}",
                hint="the other side answered the call but accepted none of its audio",
            ) from error

    async def early_answer(self, tag: str, body: bytes) -> EarlyAnswer | None:
        """A phone that rings has answered our offer: ICE with it begins; `tag` is its To tag.

        None where ICE does not run with it.
        """
        fork = await self._early.take(tag, body)
        if fork is not None:
            self._sdp.told("answer", "in", body)
        return fork

    def heard_unannounced(self) -> tuple[Session, tuple[AudioFormat, ...]] | None:
        """Where media comes in that is quicker than its answer, and its formats; None where none is taken."""
        binding = self._binding
        if isinstance(binding, IceBinding) and not self.wish.ice_required and binding.exchange.awaited:
            return binding.session, binding.exchange.awaited
        return None

    def heard_early(self, body: bytes) -> tuple[Session, NegotiatedMedia] | None:
        """Where the media of a phone that rings, and has answered without ICE, comes in; None where not."""
        binding = self._binding
        if not isinstance(binding, IceBinding) or binding.exchange.open_offer is None:
            return None
        try:
            negotiated = binding.exchange.fork().accept(parser.parse(body))
        except SdpError:
            return None
        return None if negotiated.ice is not None else (binding.session, negotiated)

    async def final_answer(self, tag: str, body: bytes) -> None:
        """The phone of this To tag takes the call; ICE with all others ends.

        Raises:
            NoMediaPath: as `apply_answer`.
        """
        self.rings(tag)
        chosen = await self._early.choose(tag, body)
        if chosen is None:
            self.apply_answer(body)
            return
        chosen.binding.telling = self._binding.telling
        if isinstance(self._side, IceSide):
            self._side.leave()
        self._side = IceSide(chosen.binding, self._on_ice, chosen.events)
        self._adopt(chosen.negotiated)

    async def begin_again(self) -> None:
        """Our first offer came to nothing, with whoever rang; the next one is to be made."""
        await self._early.close()
        self._early = EarlyAnswers(self._binding, self.record)
        self._binding.offer_failed()

    def take_fragment(self, body: bytes) -> bool:
        """Take candidates that the peer found late (RFC 8840 §4.4); False where the body cannot be read."""
        try:
            fragment = read_fragment(body)
        except SdpError as error:
            self._sdp.refused(error.reason, line=error.line)
            return False
        self._sdp.diagnose(fragment.diagnostics)
        for reason in self._binding.take_fragment(fragment):
            self._sdp.refused(reason)
        return True

    def offer_failed(self) -> None:
        """Our offer was refused: everything stays as it was."""
        self._binding.offer_failed()

    # --- the peer's offers --------------------------------------------------------------------------------

    async def answer(self, body: bytes) -> bytes | Refusal:
        """The answer to the peer's offer, first or later; `answer_sent` is to follow."""
        self._sdp.told("offer", "in", body)
        try:
            offer = parser.parse(body)
        except SdpError as error:
            self._sdp.refused(error.reason, line=error.line)
            return Refusal(code=400, reason=f"malformed SDP, {error}")
        try:
            await self._binding.prepare(offer, self.wish)
            self.check_open()
            answer = self._binding.answer(offer, self.wish)
        except ExchangeError as error:
            return Refusal(code=491, reason=str(error))
        except (GatheringFailed, NoMediaPath) as error:
            return Refusal(code=500, reason=str(error))
        self._sdp.diagnose(answer.diagnostics)
        if answer.stopped:
            await self._stop()
            return self._sdp.told("answer", "out", writer.write(answer.description))
        if answer.negotiated is None:
            self._sdp.refused(answer.reason)
            self.refusal = writer.write(answer.description).encode()
            return Refusal(code=421 if answer.lacks_ice else 488, reason=answer.reason)
        self._answered = answer.negotiated
        return self._sdp.told("answer", "out", writer.write(answer.description))

    def answer_sent(self) -> None:
        """Our answer is on its way: ICE may begin, or a hold takes effect."""
        if self._answered is None:
            return
        try:
            self._binding.answer_sent()
        except NegotiationError as error:
            self._sdp.refused(error.reason)
            return
        self._adopt(self._answered)

    async def _stop(self) -> None:
        """The peer has taken the stream out: no media any more, and no sockets for it (RFC 3264 §8.2)."""
        self._answered = None
        await self._binding.stop()
        self.record("stream_removed")
        if self.agreed is not None:
            self._adopt(replace(self.agreed, direction=Direction.INACTIVE, held=True, diagnostics=()))

    def rings(self, tag: str) -> None:
        """A phone with this To tag has our offer."""
        if tag:
            self._branches.add(tag)

    def _adopt(self, negotiated: NegotiatedMedia) -> None:
        if len(self._branches) > 1 and isinstance(negotiated.keys, SdesKeys):
            # RFC 4568 §7.3: every branch has seen our key; the next offer, due at once, has another.
            self._binding.renews_keys = True
            self._branches.clear()
        self.agreed = negotiated
        self._sdp.diagnose(negotiated.diagnostics)
        if self.on_agreed is not None:
            self.on_agreed(negotiated)
        held = hold.read(self.usual, self.wish.direction, negotiated)
        if held is not self.hold:
            self.hold = held
            self.record("hold", state=held)
            if self.on_hold is not None:
                self.on_hold(held)

    def ask(self, wish: AudioWish) -> None:
        """Wish for this in every description from now on (RFC 6337 §5.3)."""
        self.wish = wish

    # --- the path -----------------------------------------------------------------------------------------

    async def paths(self, *, selected: bool = True) -> Paths:
        """Wait for the paths of RTP and RTCP; `selected` as in `sdp.ice.binding`.

        Raises:
            ice.errors.IceFailed: ICE found none; the text says why.
            sdp.errors.ConnectionFailed: there is no connection; the text says why.
            NoMediaPath: the call ended meanwhile.
        """
        paths = await self._binding.paths(selected=selected)
        self.check_open()
        return paths

    async def path_found(self) -> None:
        """Wait for the outcome of a restart.

        Raises:
            NoMediaPath: it found no path, and there is no other.
        """
        try:
            await self._binding.paths()
        except (IceFailed, ConnectionFailed) as error:
            if self.watch.is_lost:
                raise NoMediaPath(f"the media path was lost and there is no other: {error}") from error
            self.record("restart_failed", reason=str(error))
        else:
            if self.agreed is not None and self.agreed.ice is None and isinstance(self._side, IceSide):
                # Of a plain path nobody tells that it is there: the exchange has made it.
                self._side.moved(self.watch.reason)
                self.watch.found()

    def host_gone(self, host: str) -> None:
        """An address of this host is gone; where media stands on it without ICE it has lost its path."""
        if self._binding.stands_on(host):
            self.record("address_gone", address=host)
            self.watch.move(f"this host has lost the address {host}")

    @property
    def direction(self) -> Direction:
        """Which ways media flows, from our side."""
        return Direction.INACTIVE if self.agreed is None else self.agreed.direction

    @property
    def needs_updated_offer(self) -> bool:
        """True where an RFC 5245 peer has to be told what ICE selected, or our keys are not ours alone."""
        return self._binding.needs_updated_offer or self._binding.renews_keys

    @property
    def left_ice(self) -> bool:
        """True where the peer has left ICE by its answer: an offer that restarts it is due."""
        return self._binding.left_ice

    @property
    def side(self) -> Side:
        """How the stream gets its path: ours, or since a fork took the call that of this fork."""
        return self._side

    @property
    def watch(self) -> Watch:
        """Whether there is a path."""
        return self._side.watch

    @property
    def is_closed(self) -> bool:
        """True once `close` was called."""
        return self._is_closed

    async def close(self) -> None:
        """Free every socket. Does nothing twice."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._early.close()
        await self._side.close()
