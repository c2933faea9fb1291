"""The media of one call: offers and answers in and out, the path from ICE, RTP over it.

This is where the layers meet: `sdp.ice_binding` drives ICE by the descriptions, the path that ICE selects
carries a `media.session.MediaSession`, and all of them write to the event log.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Literal

from ice.errors import IceFailed
from ice.messages import PathLost, PathSelected
from ice.network import Network
from ice.report import SessionReport
from ice.types import Transport
from media.engine import MediaEngine
from media.session import MediaSession
from media.sources import WavSource
from media.statistics import DirectionStatistics, MediaStatistics
from sdp import parser, writer
from sdp.diagnostics import Diagnostic
from sdp.direction import Direction
from sdp.errors import ExchangeError, NegotiationError, SdpError
from sdp.ice_binding import IceBinding
from sdp.negotiated import AudioWish, NegotiatedMedia
from ua import clock, codec_mapping
from ua.audio import open_audio
from ua.config import Account
from ua.errors import NoMediaPath, UaError
from ua.events import EventLog
from ua.gathering import EarlyGathering, gather
from ua.plan import MediaPlan
from ua.refusal import Refusal
from ua.results import IceSummary, PathChange, Traffic

SHORTEST_MS, LONGEST_MS = 10, 200
"""Packet times that we send with, whatever the peer wishes."""


class MediaLeg:
    """Owns the sockets, the files and the media session of one call.

    Args:
        binding: the gathered audio stream.
        plan: what to send and where to record.
        account: codecs and packet time.
        engine: the clock of all media.
        log: event log.
        party: our name in it.
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
        self._wish = AudioWish(
            formats=codec_mapping.formats(account.codecs),
            ptime_ms=account.ptime_ms,
            ice_required=account.ice_required,
        )
        self._rate = codec_mapping.codec_of(self._wish.formats[0]).sample_rate
        self._audio = open_audio(plan, rate=self._rate)
        self._pathless_hint = plan.pathless_hint
        self._unsubscribe = binding.session.subscribe(lambda event: log.record_event(party, "ice", event))
        for problem in binding.session.report().gathering_problems:
            log.record(clock.now(), party, "ice", "gathering_problem", reason=problem)
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
        """Gather candidates and open the files of the plan; `offers` tells whose offer comes first.

        Args:
            offers: our offer comes first.
            plan: what to send and where to record.
            account: codecs, packet time and the policy of ICE.
            network: where sockets come from.
            engine: the clock of all media.
            log: event log.
            party: our name in it.
            early: has gathered already.

        Raises:
            NoMediaPath: no local address can be used.
            UsageError: a file of the plan cannot be used.
        """
        config = plan.ice_config(account.ice)
        if early is None:
            binding = await gather(network=network, config=config, offers=offers)
        else:
            binding = await early.take(config)
        try:
            return cls(binding, plan=plan, account=account, engine=engine, log=log, party=party)
        except UaError:
            await binding.close()
            raise

    # --- offers and answers -------------------------------------------------------------------------------

    def offer(self) -> bytes:
        """The body of our next offer."""
        return self._told("offer", "out", writer.write(self._binding.offer(self._wish)))

    def offer_in_answer(self) -> bytes | Refusal:
        """The offer for a re-INVITE that brought none (RFC 3261 §14.2); `late_answer` is to follow."""
        try:
            return self.offer()
        except ExchangeError as error:
            return Refusal(code=491, reason=str(error))

    def late_answer(self, body: bytes | None) -> None:
        """The answer of the ACK; without a usable one everything stays as it was."""
        if self._last_report is not None:
            return
        if body is None:
            self._record("sdp", "refused", line=None, reason="the ACK left our offer without an answer")
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
        self._told("answer", "in", body)
        try:
            answer = parser.parse(body)
            self._diagnose(answer.diagnostics)
            self._adopt(self._binding.apply_answer(answer))
        except SdpError as error:
            self._record("sdp", "refused", line=error.line, reason=error.reason)
            raise NoMediaPath(
                f"the answer leaves no media: {error}",
                hint="the other side answered the call but accepted none of its audio",
            ) from error

    def offer_failed(self) -> None:
        """Our offer was refused: everything stays as it was."""
        self._binding.offer_failed()

    def answer(self, body: bytes) -> bytes | Refusal:
        """The answer to the peer's offer, first or later; `answer_sent` is to follow."""
        self._told("offer", "in", body)
        try:
            offer = parser.parse(body)
        except SdpError as error:
            self._record("sdp", "refused", line=error.line, reason=error.reason)
            return Refusal(code=400, reason=f"malformed SDP, {error}")
        try:
            answer = self._binding.answer(offer, self._wish)
        except ExchangeError as error:
            return Refusal(code=491, reason=str(error))
        self._diagnose(answer.diagnostics)
        if answer.negotiated is None:
            self._record("sdp", "refused", line=None, reason=answer.reason)
            return Refusal(code=421 if answer.lacks_ice else 488, reason=answer.reason)
        self._answered = answer.negotiated
        return self._told("answer", "out", writer.write(answer.description))

    def answer_sent(self) -> None:
        """Our answer is on its way: ICE may begin, or a hold takes effect."""
        try:
            self._binding.answer_sent()
        except NegotiationError as error:
            self._record("sdp", "refused", line=None, reason=error.reason)
            return
        if self._answered is not None:
            self._adopt(self._answered)

    def _adopt(self, negotiated: NegotiatedMedia) -> None:
        self._negotiated = negotiated
        self._diagnose(negotiated.diagnostics)
        if self._session is not None:
            self._session.use_codec(
                codec_mapping.codec_of(negotiated.format),
                negotiated.format.payload_type,
                codec_mapping.receivable(negotiated.formats),
            )
            self._session.sending = negotiated.direction.sends and not negotiated.held
            self._session.receiving = negotiated.direction.receives

    def _diagnose(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        for diagnostic in diagnostics:
            self._record(
                "sdp", "refused", line=diagnostic.line, text=diagnostic.text, reason=diagnostic.reason
            )

    def _told(
        self, name: Literal["offer", "answer"], direction: Literal["in", "out"], text: str | bytes
    ) -> bytes:
        body = text.encode() if isinstance(text, str) else text
        self._record("sdp", name, direction=direction, text=body.decode(errors="replace"))
        return body

    def _record(self, source: Literal["sdp", "call"], name: str, **data: object) -> None:
        self._log.record(clock.now(), self._party, source, name, **data)

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
            rtp, rtcp = await self._binding.paths()
        except IceFailed as error:
            raise NoMediaPath(
                f"no media path: {error}",
                hint=self._pathless_hint,
            ) from error
        self._check_open()
        codec = codec_mapping.codec_of(negotiated.format)
        session = MediaSession(
            rtp=rtp,
            rtcp=rtcp if negotiated.rtcp else None,
            codec=codec,
            payload_type=negotiated.format.payload_type,
            receive=codec_mapping.receivable(negotiated.formats),
            ptime_ms=min(max(negotiated.ptime_ms, SHORTEST_MS), LONGEST_MS),
            source=self._audio.source,
            sink=self._audio.sink,
            random=secrets.token_bytes,
            keepalive=negotiated.ice is None,
            sending=negotiated.direction.sends and not negotiated.held,
            receiving=negotiated.direction.receives,
            on_counters=lambda counters: self._log.record_event(self._party, "media", counters),
            on_event=lambda event: self._log.record_event(self._party, "media", event),
        )
        pair = rtp.pair
        if pair is not None:
            session.path_round_trip_ms = pair.rtt_ms
        self._session = session
        self._record(
            "call",
            "media",
            codec=negotiated.format.name,
            ptime_ms=negotiated.ptime_ms,
            transport=rtp.transport or Transport.UDP,
            ice=negotiated.ice is not None,
            reason=self.why,
        )
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
        report = self._report
        if self._negotiated is not None and self._negotiated.ice is None:
            path = self._binding.session.path(1)
            return IceSummary(
                state="off",
                remote=None if path.remote is None else str(path.remote),
                local=str(self._binding.session.default_address(1)),
                transport=Transport.UDP.value,
                reason=self.why,
            )
        return IceSummary.from_pairs(
            report.pairs,
            state=report.state.value,
            role=report.role.value,
            nominated_ms=report.nominated_ms,
            selected=report.selected,
            reason=report.reason,
        )

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """When media moved until `end`, in ms after `origin` (both monotonic seconds)."""
        changes: list[PathChange] = []
        for change in self._report.path_changes:
            if change.at > end:
                break
            at_ms = (change.at - origin) * 1000
            match change:
                case PathSelected(pair=pair):
                    changes.append(
                        PathChange(
                            at_ms=at_ms,
                            component=change.component,
                            transport=pair.local.transport.value,
                            local=str(pair.local.address),
                            remote=str(pair.remote.address),
                            reason=change.reason,
                        )
                    )
                case PathLost():
                    changes.append(PathChange(at_ms=at_ms, component=change.component, reason=change.reason))
        return tuple(changes)

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
        await self._binding.close()
        self._unsubscribe()


def traffic(direction: DirectionStatistics) -> Traffic:
    """One direction of the media as the results show it."""
    return Traffic(
        packets=direction.packets,
        bytes=direction.bytes,
        lost=direction.lost,
        dropped_stale=direction.dropped_stale,
        jitter_ms=direction.jitter_ms,
    )
