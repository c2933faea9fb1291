"""The media of one call: RTP over the path that its descriptions and ICE have led to.

This is where the layers meet: `ua.call.descriptions` drives ICE, the path that ICE selects carries a
`media.session.MediaSession`, and all of them write to the event log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ice.errors import IceFailed
from ice.net.network import Network
from ice.types import Transport
from media.audio.mixer import Mixer, Seat
from media.audio.pipe import PipeSink, PipeSource
from media.audio.sound_card import DeviceSide
from media.audio.sources import SilenceSource, Source
from media.config import MediaConfig
from media.engine import MediaEngine
from media.events import AudioFailed
from media.session import MediaSession
from media.statistics import MediaStatistics
from sdp.errors import ConnectionFailed
from sdp.media_paths import Paths
from sdp.negotiation.keying import DtlsTerms, SdesKeys
from sdp.negotiation.negotiated import NegotiatedMedia
from ua import clock
from ua.call import codec_mapping
from ua.call.audio import Audio, can_reopen, open_audio, open_source
from ua.call.descriptions import Descriptions
from ua.call.early_media import EarlyMedia
from ua.call.gathering import EarlyGathering, gather, tcp_setup, without_ice
from ua.call.identity import DtlsIdentity
from ua.call.media_keys import MediaKeys
from ua.call.media_protection import MediaProtection
from ua.call.media_start import follow_codec, follow_path, follow_terms, media_session
from ua.call.negotiation import describe
from ua.call.sending_watch import SendingWatch
from ua.config.account import Account
from ua.config.media import BreakerChoice
from ua.errors import NoMediaPath, UaError, UsageError
from ua.events import EventLog
from ua.plan import MediaPlan, MediaSource
from ua.results import IceSummary, PathChange


class MediaLeg:
    """Owns the files and the media session of one call, and its descriptions with their sockets.

    Args:
        descriptions: what both sides say.
        plan: what to send and where to record.
        engine: the clock of all media.
        log: event log.
        party: our name in it.
        identity: our certificate.
        breaker: what happens where our media does no good.

    Attributes:
        descriptions: as given.
        protection: SRTP.
        sending: whether our media is cut.
        keys: pressed and heard in its media.
    """

    def __init__(
        self,
        descriptions: Descriptions,
        *,
        plan: MediaPlan,
        engine: MediaEngine,
        log: EventLog,
        party: str,
        identity: DtlsIdentity,
        breaker: BreakerChoice = "stop",
    ) -> None:
        self.descriptions = descriptions
        self._engine = engine
        self._log = log
        self._party = party
        self._spoken = asyncio.Event()
        self._plan = plan
        self._audio = self._open_audio(codec_mapping.codec_of(descriptions.wish.formats[0]).sample_rate)
        self._heard_early = False
        self._aside: Source | None = None
        self.protection = MediaProtection(identity, descriptions.record)
        self.keys = MediaKeys()
        self.sending = SendingWatch(breaker, descriptions.record)
        self._config = MediaConfig(circuit_breaker="warn" if breaker == "warn" else "stop")
        self._session: MediaSession | None = None
        self._closed = False
        descriptions.on_agreed = self._follow

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
        identity: DtlsIdentity | None = None,
        keys_may_be_told: bool = False,
        early: EarlyGathering | None = None,
        told: Descriptions | None = None,
    ) -> MediaLeg:
        """Gather candidates, or take what `early` has, and open the files of the plan.

        `offers` tells whose offer comes first, `identity` has our certificate, and `keys_may_be_told` says
        that nobody on the way reads the descriptions. What was `told` while it rang is gone on with.

        Raises:
            NoMediaPath: no local address can be used.
            UsageError: a file of the plan cannot be used.
        """
        identity = identity or DtlsIdentity()
        descriptions = told
        if descriptions is None:
            config = plan.ice_config(account.ice)
            setup = tcp_setup(plan, account) if offers else None
            plain = without_ice(plan, account)
            gathered = (
                early.take(config)
                if early
                else gather(network=network, config=config, offers=offers, setup=setup, plain=plain)
            )
            descriptions = await describe(
                await gathered,
                account=account,
                srtp=plan.srtp or account.media.srtp,
                identity=identity,
                keys_may_be_told=keys_may_be_told,
                offers=offers,
                log=log,
                party=party,
            )
        try:
            return cls(
                descriptions,
                plan=plan,
                engine=engine,
                log=log,
                party=party,
                identity=identity,
                breaker=account.media.circuit_breaker,
            )
        except UaError:
            await descriptions.close()
            raise

    def early_media(self, on_heard: Callable[[], None]) -> EarlyMedia:
        """Plays phones that ring into what takes the audio of this call."""

        def heard() -> None:
            self._heard_early = True
            on_heard()

        return EarlyMedia(self._engine, self._audio.sink, heard, rate=self._audio.rate)

    def _open_audio(self, rate: int) -> Audio:
        return open_audio(
            self._plan,
            rate=rate,
            on_finished=self._spoken.set,
            on_failed=lambda error: self._tell(AudioFailed(at=clock.now(), reason=str(error))),
        )

    def _tune(self, rate: int) -> None:
        """Open the audio at the rate of what was agreed, unless something was recorded or is in use already.

        What stays at another rate is converted by the media session.
        """
        audio = self._audio
        if rate == audio.rate or self.seat is not None or not can_reopen(self._plan, heard=self._heard_early):
            return
        try:
            self._audio = self._open_audio(rate)
        except UsageError:
            return  # a tone too high for this rate, a file that is gone: what is open already stays
        self._audio.source.muted = audio.source.muted
        audio.close()

    # --- media --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Wait for the path and begin to talk.

        Raises:
            NoMediaPath: ICE found none; the text says why.
        """
        if self.descriptions.agreed is None:
            raise RuntimeError("offer and answer come first")
        # RTP takes what is proved, before a pair is selected (RFC 8445 §12.1); no handshake is risked there.
        paths = await self._found(selected=isinstance(self.descriptions.agreed.keys, DtlsTerms))
        # What a later offer has changed meanwhile counts.
        over = await self.protection.protect(paths, self.descriptions.agreed.keys)
        self.descriptions.check_open()
        negotiated = self.descriptions.agreed
        self.protection.follow(negotiated.keys)
        self._tune(codec_mapping.codec_of(negotiated.format).sample_rate)
        session = media_session(
            paths,
            over,
            negotiated,
            self._audio,
            self.keys,
            possible=codec_mapping.receivable(self.descriptions.wish.formats).values(),
            watch=self.sending,
            config=self._config,
            log=self._log,
            party=self._party,
        )
        self.protection.on_refused(session.refuse)
        self._session = session
        self._engine.add(session)
        follow_path(session, await self._found(selected=True))
        negotiated = self.descriptions.agreed
        self.descriptions.record(
            "media",
            codec=negotiated.format.name,
            ptime_ms=session.ptime_ms,
            transport=paths.rtp.transport or Transport.UDP,
            ice=negotiated.ice is not None,
            srtp=self.protection.profile,
            reason=self.why,
        )
        self._warn(negotiated)

    async def _found(self, *, selected: bool) -> Paths:
        try:
            return await self.descriptions.paths(selected=selected)
        except (IceFailed, ConnectionFailed) as error:
            raise NoMediaPath(f"no media path: {error}", hint=self._plan.pathless_hint) from error

    def _warn(self, negotiated: NegotiatedMedia) -> None:
        """RFC 6544 §12, RFC 4568 §8.3: who reads the descriptions, or the packets, can listen."""
        if negotiated.keys is None:
            self.descriptions.record("unprotected", reason="media is not encrypted")
        elif isinstance(negotiated.keys, SdesKeys) and self.descriptions.keys_are_told:
            reason = "the keys of media went over signalling that is not encrypted"
            self.descriptions.record("unprotected", reason=reason)

    def _follow(self, negotiated: NegotiatedMedia) -> None:
        """Another codec, a hold or its end, other keys, RTCP or none (RFC 3264 §5.1)."""
        if self._session is not None:
            self.protection.follow(negotiated.keys)
            follow_codec(self._session, negotiated)
            self.keys.use(self._session, negotiated)
            before = self._session.sending
            self._session.sending = negotiated.direction.sends and not negotiated.held
            if self._session.sending and not before:
                self.sending.resumed()
            self._session.receiving = negotiated.direction.receives
            follow_terms(self._session, negotiated)

    def go_on(self, plan: MediaPlan) -> None:
        """Follow another plan from now on; raises UsageError, and follows the one so far, for its files."""
        before, self._plan = self._plan, plan
        try:
            audio, self._audio = self._audio, self._open_audio(self._audio.rate)
        except UsageError:
            self._plan = before
            raise
        self._spoken.clear()
        if self._session is not None and self.descriptions.agreed is not None:
            self._session.source, self._session.sink = self._audio.source, self._audio.sink
            self.keys.use(self._session, self.descriptions.agreed)
        audio.close()

    def play(self, music: MediaSource | None) -> None:
        """Send this instead of the source of the plan, which waits meanwhile; None goes on with the source.

        Raises:
            UsageError: a file cannot be used.
        """
        if self._session is not None:
            self._audio.source.play(None if music is None else open_source(music, rate=self._audio.rate))
            self._send_again()

    def _send_again(self) -> None:
        """Where the source of the plan has failed the session sends silence."""
        if self._session is not None:
            self._session.source = self._audio.source

    @property
    def muted(self) -> bool:
        """Whether silence is sent in place of the source of the plan, which goes on unheard."""
        return self._audio.source.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._audio.source.muted = muted

    @property
    def seat(self) -> Seat | None:
        """Its place in a room, None where it is in none."""
        source = self._audio.source.source
        return source if isinstance(source, Seat) else None

    def join(self, mixer: Mixer) -> Seat:
        """Go into a room, out of the one before: the source of the plan waits meanwhile."""
        self.leave()
        seat = mixer.join(self._audio.rate)
        self._aside = self._audio.source.use(seat)
        self._audio.sink.add(seat)
        self._send_again()
        return seat

    def leave(self) -> None:
        """Come back from a room to the source of the plan, to silence where the plan has only the room."""
        seat = self.seat
        if seat is None:
            return
        self._audio.source.use(self._aside or SilenceSource())
        self._aside = None
        self._audio.sink.remove(seat)
        seat.close()

    async def spoken(self) -> None:
        """Return once the source of the plan has come to its end: a WAV file, or raw audio."""
        await self._spoken.wait()

    # --- figures ------------------------------------------------------------------------------------------

    @property
    def codec(self) -> str | None:
        """Codec (rtpmap name) that we send, None before the answer."""
        agreed = self.descriptions.agreed
        return None if agreed is None else agreed.format.name

    @property
    def srtp(self) -> str | None:
        """Name of the SRTP profile, None for plain RTP."""
        return self.protection.profile

    @property
    def statistics(self) -> MediaStatistics | None:
        """Figures of the media session, None before it began."""
        return None if self._session is None else self._session.statistics

    @property
    def why(self) -> str:
        """One sentence: which path media takes and why."""
        return self.descriptions.side.why(self.descriptions.agreed)

    @property
    def transport(self) -> str | None:
        """Udp or tcp, None before there is a path."""
        transport = self.descriptions.side.transport
        return None if transport is None else transport.value

    def ice_summary(self) -> IceSummary | None:
        """What ICE did, None where there was none by our own wish."""
        return self.descriptions.side.ice_summary(self.descriptions.agreed)

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """When media moved until `end`, in ms after `origin` (both monotonic seconds)."""
        return self.descriptions.side.path_changes(origin, end)

    # --- end ----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Say BYE by RTCP, close files and sockets. Does nothing twice."""
        if self._closed:
            return
        self._closed = True
        self.leave()
        self._audio.source.play(None)
        self._describe_audio()
        if self._session is not None:
            self._engine.remove(self._session)
        else:
            self._audio.close()
        self.protection.close()
        await self.descriptions.close()

    def _describe_audio(self) -> None:
        """What pipes and devices had too little or too much of, for the log."""
        for each in (self._audio.source.source, *self._audio.sink.sinks):
            if isinstance(each, PipeSource):
                self.descriptions.record("audio", of="input", underruns=each.underruns)
            elif isinstance(each, PipeSink):
                self.descriptions.record("audio", of="output", overruns=each.overruns)
            elif isinstance(each, DeviceSide):
                self.descriptions.record(
                    "audio",
                    of=each.device.name,
                    underruns=each.underruns,
                    overruns=each.overruns,
                    drift_ppm=round(each.drift_ppm, 1),
                )

    def _tell(self, event: AudioFailed) -> None:
        self._log.record_event(self._party, "media", event)
