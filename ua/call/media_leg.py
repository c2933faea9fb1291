"""The media of one call: offers and answers in and out, the path from ICE, RTP over it.

This is where the layers meet: `sdp.ice_binding` drives ICE by the descriptions, the path that ICE selects
carries a `media.session.MediaSession`, and all of them write to the event log.
"""

from __future__ import annotations

import asyncio
import contextlib

from ice.errors import GatheringFailed, IceFailed
from ice.messages import Event
from ice.net.network import Network
from ice.report import SessionReport
from ice.types import Transport
from media.engine import MediaEngine
from media.session import MediaSession
from media.sources import WavSource
from media.statistics import MediaStatistics
from sdp import parser, writer
from sdp.direction import Direction
from sdp.errors import ExchangeError, NegotiationError, SdpError
from sdp.fragment import read as read_fragment
from sdp.ice_binding import IceBinding
from sdp.negotiated import AudioWish, NegotiatedMedia
from ua import clock, codec_mapping
from ua.call import path_figures
from ua.call.audio import open_audio
from ua.call.early_answers import EarlyAnswers
from ua.call.gathering import EarlyGathering, gather
from ua.call.media_start import media_session
from ua.call.path_watch import PathWatch
from ua.call.refusal import Refusal
from ua.call.sdp_log import SdpLog
from ua.config.account import Account
from ua.errors import NoMediaPath, UaError
from ua.events import EventLog
from ua.plan import MediaPlan
from ua.results import IceSummary, PathChange


class MediaLeg:
    """Owns the sockets, the files and the media session of one call.

    Args:
        binding: the gathered audio stream.
        plan: what to send and where to record.
        account: codecs and packet time.
        engine: the clock of all media.
        log: event log.
        party: our name in it.

    Attributes:
        watch: whether there is a path.
    """

    def __init__(
        self,
        binding: IceBinding,
        *,
        plan: MediaPlan,
        account: Account,
        engine: MediaEngine,
        log: EventLog,
        party: str,
    ) -> None:
        self._binding = binding
        self._engine = engine
        self._log = log
        self._party = party
        self._sdp = SdpLog(log, party)
        self._wish = AudioWish(
            formats=codec_mapping.formats(account.codecs),
            ptime_ms=account.ptime_ms,
            ice_required=account.ice_required,
        )
        self._rate = codec_mapping.codec_of(self._wish.formats[0]).sample_rate
        self._audio = open_audio(plan, rate=self._rate)
        self._pathless_hint = plan.pathless_hint
        self.watch = PathWatch(binding.session)
        self._unsubscribe = binding.session.subscribe(self._on_ice)
        for problem in binding.session.report().gathering_problems:
            log.record(clock.now(), party, "ice", "gathering_problem", reason=problem)
        self._early = EarlyAnswers(binding, self._record)
        self._negotiated: NegotiatedMedia | None = None
        self._answered: NegotiatedMedia | None = None
        self._session: MediaSession | None = None
        self._last_report: SessionReport | None = None

    @classmethod
    async def open(
        cls,
        *,
        offers: bool,
        plan: MediaPlan,
        account: Account,
        network: Network,
        engine: MediaEngine,
        log: EventLog,
        party: str,
        early: EarlyGathering | None = None,
    ) -> MediaLeg:
        """Gather candidates, or take what `early` has, and open the files of the plan.

        `offers` tells whose offer comes first.

        Raises:
            NoMediaPath: no local address can be used.
            UsageError: a file of the plan cannot be used.
        """
        config = plan.ice_config(account.ice)
        gathered = early.take(config) if early else gather(network=network, config=config, offers=offers)
        binding = await gathered
        try:
            return cls(binding, plan=plan, account=account, engine=engine, log=log, party=party)
        except UaError:
            await binding.close()
            raise

    def _on_ice(self, event: Event) -> None:
        self._log.record_event(self._party, "ice", event)
        self.watch.handle(event)

    # --- offers and answers -------------------------------------------------------------------------------

    def offer(self) -> bytes:
        """The body of our next offer."""
        return self._sdp.told("offer", "out", writer.write(self._binding.offer(self._wish)))

    async def restart_offer(self) -> bytes:
        """The body of an offer that restarts ICE; without ICE an offer like any.

        Raises:
            NoMediaPath: no local address can be used any more.
            ExchangeError: an offer of ours is open.
        """
        try:
            await self._binding.restart()
        except GatheringFailed as error:
            raise NoMediaPath(f"no candidate for media: {error}") from error
        self._check_open()
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
        if self._last_report is not None:
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
        self._check_open()
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

    async def early_answer(self, tag: str, body: bytes) -> None:
        """A phone that rings has answered our offer: ICE with it begins; `tag` is its To tag."""
        if await self._early.take(tag, body):
            self._sdp.told("answer", "in", body)

    async def final_answer(self, tag: str, body: bytes) -> None:
        """The phone of this To tag takes the call; ICE with all others ends.

        Raises:
            NoMediaPath: as `apply_answer`.
        """
        chosen = await self._early.choose(tag, body)
        if chosen is None:
            self.apply_answer(body)
            return
        self._unsubscribe()
        self._binding = chosen.binding
        self.watch = PathWatch(chosen.binding.session)
        for event in chosen.events:
            self._on_ice(event)
        self._unsubscribe = chosen.binding.session.subscribe(self._on_ice)
        self._adopt(chosen.negotiated)

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

    async def answer(self, body: bytes) -> bytes | Refusal:
        """The answer to the peer's offer, first or later; `answer_sent` is to follow."""
        self._sdp.told("offer", "in", body)
        try:
            offer = parser.parse(body)
        except SdpError as error:
            self._sdp.refused(error.reason, line=error.line)
            return Refusal(code=400, reason=f"malformed SDP, {error}")
        try:
            if self._negotiated is not None:
                await self._binding.prepare(offer, self._wish)
                self._check_open()
            answer = self._binding.answer(offer, self._wish)
        except ExchangeError as error:
            return Refusal(code=491, reason=str(error))
        except (GatheringFailed, NoMediaPath) as error:
            return Refusal(code=500, reason=str(error))
        self._sdp.diagnose(answer.diagnostics)
        if answer.negotiated is None:
            self._sdp.refused(answer.reason)
            return Refusal(code=421 if answer.lacks_ice else 488, reason=answer.reason)
        self._answered = answer.negotiated
        return self._sdp.told("answer", "out", writer.write(answer.description))

    def answer_sent(self) -> None:
        """Our answer is on its way: ICE may begin, or a hold takes effect."""
        try:
            self._binding.answer_sent()
        except NegotiationError as error:
            self._sdp.refused(error.reason)
            return
        if self._answered is not None:
            self._adopt(self._answered)

    def _adopt(self, negotiated: NegotiatedMedia) -> None:
        self._negotiated = negotiated
        self._sdp.diagnose(negotiated.diagnostics)
        if self._session is not None:
            self._session.use_codec(
                codec_mapping.codec_of(negotiated.format),
                negotiated.format.payload_type,
                codec_mapping.receivable(negotiated.formats),
            )
            self._session.sending = negotiated.direction.sends and not negotiated.held
            self._session.receiving = negotiated.direction.receives

    def _record(self, name: str, **data: object) -> None:
        self._log.record(clock.now(), self._party, "call", name, **data)

    # --- media --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Wait for the path and begin to talk.

        Raises:
            NoMediaPath: ICE found none; the text says why.
        """
        negotiated = self._negotiated
        if negotiated is None:
            raise RuntimeError("offer and answer come first")
        try:
            paths = await self._binding.paths()
        except IceFailed as error:
            raise NoMediaPath(f"no media path: {error}", hint=self._pathless_hint) from error
        self._check_open()
        session = media_session(paths, negotiated, self._audio, log=self._log, party=self._party)
        self._session = session
        self._record(
            "media",
            codec=negotiated.format.name,
            ptime_ms=negotiated.ptime_ms,
            transport=paths.rtp.transport or Transport.UDP,
            ice=negotiated.ice is not None,
            reason=self.why,
        )
        # RFC 6544 §12: who reads the descriptions can join in.
        self._record("unprotected", reason="neither signalling nor media is encrypted")
        self._engine.add(session)

    def _check_open(self) -> None:
        if self._last_report is not None:
            raise NoMediaPath("the call ended before media had a path")

    async def spoken(self) -> None:
        """Return once the WAV file of the plan has been played to its end; never for other sources."""
        source = self._audio.source
        if not isinstance(source, WavSource):
            await asyncio.get_running_loop().create_future()
            return
        # The clock of the media counts, not ours: it leaves frames out when the process stands still.
        while source.remaining:  # noqa: ASYNC110 - sleeps for what is left, does not poll
            await asyncio.sleep(source.remaining / self._rate)

    # --- figures ------------------------------------------------------------------------------------------

    @property
    def codec(self) -> str | None:
        """Codec (rtpmap name) that we send, None before the answer."""
        return None if self._negotiated is None else self._negotiated.format.name

    @property
    def wants_media(self) -> tuple[bool, bool]:
        """Whether we send and whether we expect to receive."""
        direction = Direction.INACTIVE if self._negotiated is None else self._negotiated.direction
        return direction.sends, direction.receives

    @property
    def needs_updated_offer(self) -> bool:
        """True where an RFC 5245 peer has to be told what ICE selected."""
        return self._binding.needs_updated_offer

    @property
    def left_ice(self) -> bool:
        """True where the peer has left ICE by its answer: an offer that restarts it is due."""
        return self._binding.left_ice

    async def path_found(self) -> None:
        """Wait for the outcome of a restart.

        Raises:
            NoMediaPath: it found no path, and there is no other.
        """
        try:
            await self._binding.paths()
        except IceFailed as error:
            if self.watch.is_lost:
                raise NoMediaPath(f"the media path was lost and there is no other: {error}") from error
            self._record("restart_failed", reason=str(error))

    @property
    def statistics(self) -> MediaStatistics | None:
        """Figures of the media session, None before it began."""
        return None if self._session is None else self._session.statistics

    @property
    def why(self) -> str:
        """One sentence: which path media takes and why."""
        if self._negotiated is not None and self._negotiated.ice is None:
            return f"plain RTP over UDP without ICE: {self._negotiated.ice_reason}"
        return self._report.reason

    @property
    def _report(self) -> SessionReport:
        """What ICE tells now, or told last before the call was over."""
        return self._last_report or self._binding.session.report()

    def ice_summary(self) -> IceSummary:
        """What ICE did."""
        if self._negotiated is None or self._negotiated.ice is not None:
            return path_figures.with_ice(self._report)
        session = self._binding.session
        return path_figures.without_ice(
            local=session.default_address(1), remote=session.path(1).remote, reason=self.why
        )

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """When media moved until `end`, in ms after `origin` (both monotonic seconds)."""
        return path_figures.path_changes(self._report.path_changes, origin=origin, end=end)

    # --- end ----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Say BYE by RTCP, close files and sockets. Does nothing twice."""
        if self._last_report is not None:
            return
        self._last_report = self._binding.session.report()
        if self._session is not None:
            self._engine.remove(self._session)
        else:
            self._audio.source.close()
            self._audio.sink.close()
        await self._early.close()
        await self._binding.close()
        self._unsubscribe()
