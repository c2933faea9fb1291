"""One call's media: RTP and RTCP over the paths it is given, audio from a source and to a sink.

A session is a core: it has no clock and no sockets. `MediaEngine` (or a test) calls `tick` once for each
frame; the paths call in with arriving packets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from media.audio import pcm as audio
from media.audio.sinks import Sink
from media.audio.sources import Source
from media.codecs import selection
from media.codecs.codec import Codec
from media.config import MediaConfig
from media.dtmf.outgoing import EventTypes, OutgoingKeys
from media.ends import AudioEnds
from media.errors import MediaError
from media.events import AudioFailed, MediaCounters, MediaEvent
from media.figures import gather
from media.header_extensions import HeaderExtensions
from media.inbox import Inbox
from media.meter import Meter
from media.path import PacketPath
from media.refusals import Refusals
from media.rtcp.extended import ExtendedReports
from media.rtcp.session import RtcpSession, new_cname
from media.rtp.identity import Identity, draw, first_sequence
from media.rtp.keepalive import Keepalive
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender
from media.sending_guard import SendingGuard
from media.statistics import MediaStatistics


class MediaSession:
    """Sends what `source` gives and plays to `sink` what arrives.

    Args:
        rtp: carries RTP, and RTCP too where both are multiplexed (RFC 5761).
        rtcp: carries RTCP: `rtp` itself when multiplexed, None to send none.
        codec: what we send.
        payload_type: of `codec`, as negotiated: 0 to 63 or 96 to 127.
        ptime_ms: length of our packets, 10 to 200 ms.
        frame_ms: length of a frame, of which packets hold a whole number; that of packets where None.
        source: where our audio comes from.
        sink: where the peer's audio goes.
        random: `random(n)` gives n unpredictable bytes.
        ssrc: our source identifier, drawn where None.
        cname: our canonical name, the same for all streams of a call; drawn where None.
        receive: further codecs that the peer may send, by payload type.
        comfort_noise: payload type of the comfort noise (RFC 3389) to send in place of silence, with the
            clock of `codec`; None sends silence as it is.
        rate: samples per second of source and sink for the whole session, Hz; that of `codec` where None.
        config: bounds and periods.
        keepalive: send an empty packet after 15 s in which nothing went out on the RTP path (RFC 6263); for
            paths without ICE, whose consent checks keep a path open.
        sending: whether we send; RTCP goes on in any case (RFC 3264 §5.1).
        receiving: whether arriving audio is played; it is counted in any case.
        on_counters: called every 200 ms with what draws the counters, if they are wanted.
        on_event: called with single events.

    Raises:
        ValueError: payload type, packet length or rates that cannot be.
    """

    def __init__(
        self,
        *,
        rtp: PacketPath,
        rtcp: PacketPath | None,
        codec: Codec,
        payload_type: int,
        source: Source,
        sink: Sink,
        random: Callable[[int], bytes],
        ptime_ms: int = 20,
        frame_ms: int | None = None,
        ssrc: int | None = None,
        cname: str | None = None,
        receive: Mapping[int, Codec] | None = None,
        comfort_noise: int | None = None,
        rate: int | None = None,
        config: MediaConfig | None = None,
        keepalive: bool = False,
        sending: bool = True,
        receiving: bool = True,
        on_counters: Callable[[Callable[[], MediaCounters]], None] | None = None,
        on_event: Callable[[MediaEvent], None] | None = None,
    ) -> None:
        self.frame_ms = frame_ms or ptime_ms
        codecs = selection.check(codec, payload_type, receive or {}, ptime_ms, self.frame_ms)
        self.codec, self.payload_type, self.ptime_ms = codec, payload_type, ptime_ms
        self.rate = codec.sample_rate if rate is None else rate
        """Samples per second of source and sink, Hz."""
        self._ends = AudioEnds(source, sink, lambda why, at: self._emit(AudioFailed(at=at, reason=why)))
        self.sending = sending
        """Whether RTP is sent; switch it for hold."""
        self.reporting = True
        """Whether RTCP is sent; it is taken in any case."""
        self._rtp = rtp
        self._rtcp_path = rtcp
        self._config = config or MediaConfig()
        self._random = random
        self._cname = cname or new_cname(random)
        self._on_counters, self._on_event = on_counters, on_event
        self._refusals = Refusals(self._emit)
        self.path_round_trip_ms: float | None = None
        """A round trip known from elsewhere (ICE checks), ms; used until RTCP has measured one."""
        frame_samples = selection.frame_samples(self.rate, self.frame_ms)
        self._frame_bytes = audio.BYTES_PER_SAMPLE * frame_samples
        self._sender = RtpSender(
            path=rtp,
            codec=codec,
            payload_type=payload_type,
            rate=self.rate,
            frame_samples=frame_samples,
            frames=ptime_ms // self.frame_ms,
            ssrc=draw(random, 4) if ssrc is None else ssrc,
            sequence=first_sequence(random),
            timestamp=draw(random, 4),
        )
        self._sender.use_noise(comfort_noise)
        quiet_ms = self._config.keepalive_ms - ptime_ms if keepalive else None
        self._keepalive = Keepalive(self._sender, quiet_ms, codecs)
        self.guard = SendingGuard(self._sender, self._config.circuit_breaker, ptime_ms, self._emit)
        """Stops our sending where it does no good (RFC 8083)."""
        self._receiver = RtpReceiver(
            codecs=codecs,
            rate=self.rate,
            frame_samples=frame_samples,
            config=self._config,
            refuse=self.refuse,
            collision=lambda now: self._identity.collided(now),
            on_event=self._emit,
            reliable=rtp.reliable,
        )
        self.extended = ExtendedReports(self._receiver, lambda: self.codec, self._config.jitter, ptime_ms)
        """Extended reports (RFC 3611); its `terms` say which are sent."""
        sender, receiver = self._sender, self._receiver
        self._identity = Identity(
            sender=sender, receiver=receiver, random=random, leave=self._leave, on_event=self._emit
        )
        self.inbox = Inbox(self._receiver)
        """What has arrived on the RTP path since the last frame."""
        self.extensions = HeaderExtensions(rtp, self._sender, self._receiver, self.inbox)
        """Header extensions (RFC 8285); its `use` follows what was agreed."""
        self.keys = OutgoingKeys(self._sender, self.rate)
        """The keys that are pressed in place of our audio."""
        self._receiver.playing = receiving
        self._rtcp: RtcpSession | None = None
        self._meter = Meter(self._config.counters_ms // self.frame_ms, self._sender, self._receiver)
        self._ended, self._skipped, self._frames = False, 0, 0

    # --- life -------------------------------------------------------------------------------------------

    def start(self, now: float, *, wall_clock: float) -> None:
        """Begin to receive; `tick` sends.

        Args:
            now: monotonic seconds.
            wall_clock: Unix time at `now` in seconds, for sender reports.
        """
        if self._rtcp is not None:
            raise RuntimeError("a media session starts only once")
        self._rtcp = RtcpSession(
            path=self._rtcp_path,
            sender=self._sender,
            receiver=self._receiver,
            guard=self.guard,
            extended=self.extended,
            cname=self._cname,
            config=self._config,
            reporting=lambda: self.reporting,
            uniform=lambda: draw(self._random, 4) / (1 << 32),
            refuse=self.refuse,
            collision=self._identity.collided,
            on_event=self._emit,
            now=now,
            wall_clock=wall_clock,
        )
        self._sender.pause(now)
        if self._rtcp_path is self._rtp:
            self.inbox.mux(self.receive_rtcp)
        elif self._rtcp_path is not None:
            self._rtcp_path.set_receiver(self.receive_rtcp)
        self.extensions.begin()

    def stop(self, now: float) -> None:
        """Say BYE (RFC 3550 §6.6), let go of the paths and close source and sink. Does nothing twice."""
        if self._ended:
            return
        self._ended = True
        self.inbox.settle()
        self.keys.clear()
        self._receiver.keys.finish(now)
        if self._rtcp is not None:
            self._rtcp.bye(now)
            self.extensions.end()
            if self._rtcp_path is not None:
                self._rtcp_path.set_receiver(None)
        self._ends.close(now)

    def tick(self, now: float) -> None:
        """One frame: play what is due, then send the next. Call every `frame_ms`.

        Args:
            now: the time this frame stands for, monotonic seconds; evenly spaced, even if the call is late.
        """
        receiver, sender, meter, ends = self._receiver, self._sender, self._meter, self._ends
        if self.inbox.packets:
            self.inbox.settle()
        heard = receiver.frame(now)
        if receiver.keys.active:
            heard = receiver.keys.frame(heard, now)
        try:
            ends.sink.write(heard)
        except (MediaError, OSError) as error:
            ends.replace_sink(error, now)
        meter.received.append(heard)
        if self.sending and not self.guard.stopped:
            try:
                spoken = ends.source.read(self._frame_bytes)
            except (MediaError, OSError) as error:
                spoken = ends.replace_source(error, now).read(self._frame_bytes)
            if self.keys.busy:
                spoken = self.keys.frame(spoken, now)
            else:
                sender.frame(spoken, now)
            meter.sent.append(spoken)
        else:
            sender.pause(now)
            self.keys.interrupt()
            self._keepalive.frame(now)
            meter.sent.append(b"")
        rtcp = self._rtcp
        if rtcp is not None and now >= rtcp.timer.next_at:
            rtcp.handle_timer(now)
        self._frames += 1
        if self._frames >= meter.frames:
            self._frames = 0
            self._count(now)

    def skip(self, frames: int, now: float) -> None:
        """The process stood still: leave `frames` frames out; media time goes on (RFC 3550 §5.1)."""
        self._skipped += frames
        self._sender.pause(now, frames)

    def use_codec(
        self,
        codec: Codec,
        payload_type: int,
        receive: Mapping[int, Codec] | None = None,
        *,
        comfort_noise: int | None = None,
        ptime_ms: int | None = None,
    ) -> None:
        """Send with another codec from the next frame on.

        SSRC and numbering go on, unless the new codec has another clock: that needs another SSRC, for the
        old one its clock is part of (RFC 3550 §5.2, RFC 7160 §4.1). The audio rate of the session stays.

        Args:
            codec: what we send; one that is equal to the last keeps its state.
            payload_type: of `codec`.
            receive: further codecs that the peer may send; those so far are accepted for one more minute.
            comfort_noise: payload type to send in place of silence, None for none.
            ptime_ms: length of our packets, a whole number of frames; as it was where None.

        Raises:
            ValueError: payload type, clock or packet length that cannot be.
        """
        ptime_ms = ptime_ms or self.ptime_ms
        codecs = selection.check(codec, payload_type, receive or {}, ptime_ms, self.frame_ms)
        self.inbox.settle()
        before, ptime_before = self.codec, self.ptime_ms
        self.codec, self.payload_type, self.ptime_ms = codec, payload_type, ptime_ms
        if codec.clock_rate != before.clock_rate:
            self._identity.renew(self._sender.frame_at)
        if codec == before and ptime_ms == ptime_before:
            self._sender.use_payload_type(payload_type)
        else:
            self._sender.use_codec(codec, payload_type, ptime_ms // self.frame_ms)
        self._sender.use_noise(comfort_noise)
        self._receiver.use_codecs(codecs)

    def use_events(self, events: EventTypes) -> None:
        """What was agreed about keys (RFC 4733); after `use_codec`, where that is called too."""
        self.keys.payload_type, self.keys.events = events.send, events.events
        heard = self._receiver.keys
        heard.payload_types = {**heard.payload_types, **events.receive}
        heard.detecting = events.detecting
        self._keepalive.avoid((events.send, *heard.payload_types, *self._receiver.payload_types))

    def receive_rtcp(self, packet: bytes, now: float) -> None:
        """Take a packet from the RTCP path."""
        if self._rtcp is not None:
            self._rtcp.receive(packet, now)

    def refuse(self, reason: str, now: float) -> None:
        """Count a packet that was dropped, here or before it came here."""
        self._refusals.add(reason, now)

    def _leave(self, now: float) -> None:
        if self._rtcp is not None:
            self._rtcp.bye(now)

    # --- what the owner may know and do -------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """Where our audio comes from; may be exchanged at any time."""
        return self._ends.source

    @source.setter
    def source(self, source: Source) -> None:
        self._ends.source = source

    @property
    def sink(self) -> Sink:
        """Where the peer's audio goes; may be exchanged at any time."""
        return self._ends.sink

    @sink.setter
    def sink(self, sink: Sink) -> None:
        self._ends.sink = sink

    @property
    def receiving(self) -> bool:
        """Whether arriving audio is played; switch it for hold."""
        return self._receiver.playing

    @receiving.setter
    def receiving(self, receiving: bool) -> None:
        self.inbox.settle()
        self._receiver.playing = receiving

    @property
    def ssrc(self) -> int:
        """Our source identifier."""
        return self._sender.ssrc

    @property
    def cname(self) -> str:
        """Our canonical name."""
        return self._cname

    @property
    def first_received_at(self) -> float | None:
        """Arrival of the first accepted RTP packet, monotonic seconds; None before."""
        self.inbox.settle()
        return self._receiver.first_received_at

    @property
    def round_trip_ms(self) -> float | None:
        """Last known round trip, ms."""
        measured = self._rtcp.round_trip if self._rtcp is not None else None
        return self.path_round_trip_ms if measured is None else measured * 1000

    @property
    def statistics(self) -> MediaStatistics:
        """All figures as they are now."""
        self.inbox.settle()
        return gather(
            sender=self._sender,
            receiver=self._receiver,
            rtcp=self._rtcp,
            codec=self.codec,
            rate=self.rate,
            ptime_ms=self.ptime_ms,
            round_trip_ms=self.round_trip_ms,
            level_sent_dbfs=self._meter.level_sent_dbfs,
            level_received_dbfs=self._meter.level_received_dbfs,
            recent_mos=self._meter.mos(self.round_trip_ms, self.codec.impairment),
            refused=dict(self._refusals.counts),
            skipped_frames=self._skipped,
        )

    # --- inside -------------------------------------------------------------------------------------------

    def _count(self, now: float) -> None:
        """Every 200 ms: what the jitter buffer should know of the path, the breaker, and the counters."""
        self.guard.watch(now, sending=self.sending, reporting=self.reporting)
        round_trip_ms = self.round_trip_ms
        self._receiver.describe_path(
            reliable=self._rtp.reliable, round_trip=None if round_trip_ms is None else round_trip_ms / 1000
        )
        self._meter.measure(now)
        if self._on_counters is not None:
            impairment, refused = self.codec.impairment, self._refusals.counts
            self._on_counters(
                lambda: self._meter.counters(
                    now, round_trip_ms=round_trip_ms, impairment=impairment, refused=refused
                )
            )

    def _emit(self, event: MediaEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)
