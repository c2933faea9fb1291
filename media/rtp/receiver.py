"""Incoming RTP of one session: reads packets, keeps a stream for each SSRC, plays one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from media.codecs.codec import Codec
from media.config import MediaConfig
from media.dtmf.incoming import IncomingKeys
from media.errors import PacketError
from media.events import MediaEvent, MediaStarted, StreamChanged
from media.playout.delay import PlayoutDelay
from media.playout.figures import PlayoutFigures
from media.playout.jitter import JitterBuffer
from media.rtp.incoming_extensions import IncomingExtensions
from media.rtp.packet import HEADER, HEADER_LENGTH, MARKER, PLAIN, parse
from media.rtp.stream import ReceivedStream
from media.rtp.timeline import MEDIA_CLOCK

FORMER_CODECS_S: Final = 60.0
"""What was dropped from the session is still decoded for so long: it may be under way (RFC 3264 §8.3.2)."""

_IDLE_S: Final = 0.1
"""A stream without packets for this long makes room for another that speaks."""


class RtpReceiver:
    """Incoming side of a session.

    Args:
        codecs: by payload type; all others are refused.
        rate: samples per second of what is played, Hz.
        frame_samples: samples of a played frame.
        config: bounds.
        refuse: called with a reason and the time for each packet that is dropped.
        collision: called when a packet carries our own SSRC.
        on_event: called with `MediaStarted` and `StreamChanged`.
        reliable: whether the path is reliable.
    """

    def __init__(
        self,
        *,
        codecs: Mapping[int, Codec],
        rate: int,
        frame_samples: int,
        config: MediaConfig,
        refuse: Callable[[str, float], None],
        collision: Callable[[float], None],
        on_event: Callable[[MediaEvent], None],
        reliable: bool,
    ) -> None:
        self._codecs = dict(codecs)
        self._former: dict[int, Codec] = {}
        self._former_until = 0.0
        self._at = 0.0
        self._rate = rate
        self._frame_samples = frame_samples
        self._silence = bytes(2 * frame_samples)
        self._config = config
        self._refuse = refuse
        self._collision = collision
        self._on_event = on_event
        self._reliable = reliable
        self._round_trip: float | None = None
        self._retired_packets = self._retired_bytes = self._retired_lost = 0
        self._playing = True
        self.own_ssrc = 0
        self.streams: dict[int, ReceivedStream] = {}
        """By SSRC, at most `MediaConfig.maximum_streams`."""
        self.active: ReceivedStream | None = None
        """The stream that is played."""
        self.first_received_at: float | None = None
        self.figures = PlayoutFigures()
        self.keys = IncomingKeys(rate, on_event)
        """The keys that the peer presses."""
        self.extensions = IncomingExtensions(refuse)
        """What its packets tell beside their audio."""

    @property
    def followed(self) -> ReceivedStream | None:
        """The stream whose packets may take the short way; None where each of them is to be looked at."""
        return self.active if self._playing and self.keys.sounding is None else None

    def receive(self, packet: bytes, now: float) -> None:
        """Take one packet from the path; never raises for what a peer sends."""
        if len(packet) >= HEADER_LENGTH and packet[0] == PLAIN:
            _, payload_type, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
            payload_type &= 0x7F
            payload = packet[HEADER_LENGTH:]
        else:
            try:
                header = parse(packet)
            except PacketError:
                self._refuse("malformed RTP packet", now)
                return
            payload_type, sequence, timestamp = header.payload_type, header.sequence, header.timestamp
            ssrc, payload = header.ssrc, header.payload
        codec = self._codecs.get(payload_type) or self._former_codec(payload_type, now)
        if codec is None:
            if payload_type in self.keys.payload_types:
                marker = packet[1] >= MARKER
                self._receive_event(ssrc, payload_type, sequence, timestamp, payload, now, marker=marker)
            else:
                self._refuse(f"unknown payload type {payload_type}", now)
            return
        if len(payload) > codec.maximum_payload:
            self._refuse("payload longer than 200 ms", now)
            return
        stream = self.streams.get(ssrc)
        if stream is None:
            stream = self._new_stream(ssrc, payload_type, timestamp, codec.clock_rate, now)
            if stream is None:
                return
        if stream is self.active:
            reason = stream.receive(
                sequence, timestamp, payload, codec, now, play=self._playing, payload_type=payload_type
            )
        else:
            was_valid = stream.sequence.validated
            play = self._playing and not was_valid
            reason = stream.receive(
                sequence, timestamp, payload, codec, now, play=play, payload_type=payload_type
            )
            if reason is None:
                self._consider(stream, now, was_valid=was_valid)
        if reason is not None:
            self._refuse(reason, now)
        if self.keys.sounding is not None:
            self.keys.audio(ssrc, timestamp, now, delay=self._delay)

    def _receive_event(
        self,
        ssrc: int,
        number: int,
        sequence: int,
        timestamp: int,
        payload: bytes,
        now: float,
        *,
        marker: bool,
    ) -> None:
        """Events are in the figures of their stream, which is not played for their sake."""
        rate = self.keys.payload_types[number]
        stream = self.streams.get(ssrc) or self._new_stream(ssrc, number, timestamp, rate, now)
        if stream is None:
            return
        reason = stream.receive_event(sequence, timestamp, len(payload), rate, now)
        if reason is None and self._playing:
            reason = self.keys.receive(
                ssrc, number, timestamp, payload, now, marker=marker, delay=self._delay
            )
        if reason is not None:
            self._refuse(reason, now)

    @property
    def _delay(self) -> float:
        """Of what is played, seconds."""
        return 0.0 if self.active is None else self.active.buffer.delay.delay

    def frame(self, now: float) -> bytes:
        """The next frame to play; silence where nothing is to be heard."""
        self._at = now
        if self.active is None or not self._playing:
            return self._silence
        return self.active.buffer.frame(now)

    @property
    def playing(self) -> bool:
        """Whether arriving audio is played; statistics go on in any case."""
        return self._playing

    @playing.setter
    def playing(self, playing: bool) -> None:
        if playing and not self._playing:
            for stream in self.streams.values():
                stream.buffer.restart()
        self._playing = playing

    def use_codecs(self, codecs: Mapping[int, Codec]) -> None:
        """Accept these payload types from now on, and for a minute those that were accepted so far."""
        gone = {number: codec for number, codec in self._codecs.items() if number not in codecs}
        if gone:
            self._former, self._former_until = gone, self._at + FORMER_CODECS_S
        # an equal codec goes on as the same: its state is that of the stream
        self._codecs = {
            number: old if (old := self._codecs.get(number)) == codec else codec
            for number, codec in codecs.items()
        }
        for stream in self.streams.values():
            stream.next_header = b""

    @property
    def payload_types(self) -> frozenset[int]:
        """All that are played."""
        return frozenset(self._codecs)

    def _former_codec(self, payload_type: int, now: float) -> Codec | None:
        return self._former.get(payload_type) if now < self._former_until else None

    def describe_path(self, *, reliable: bool, round_trip: float | None) -> None:
        """Pass on what is known of the path (`PlayoutDelay.describe_path`)."""
        self._reliable, self._round_trip = reliable, round_trip
        if self.active is not None:
            self.active.buffer.delay.describe_path(reliable=reliable, round_trip=round_trip)

    # --- streams ----------------------------------------------------------------------------------------

    def _new_stream(
        self, ssrc: int, payload_type: int, timestamp: int, clock_rate: int, now: float
    ) -> ReceivedStream | None:
        if ssrc == self.own_ssrc:
            self._refuse("packet with our own SSRC", now)
            self._collision(now)
            return None
        if len(self.streams) >= self._config.maximum_streams and not self._make_room():
            self._refuse("too many streams", now)
            return None
        jitter = self._config.jitter
        buffer = JitterBuffer(
            clock_rate=MEDIA_CLOCK,
            sample_rate=self._rate,
            frame_samples=self._frame_samples,
            capacity=jitter.capacity,
            delay=PlayoutDelay(jitter, reliable=self._reliable, round_trip=self._round_trip),
            figures=self.figures,
        )
        stream = ReceivedStream(ssrc=ssrc, clock_rate=clock_rate, timestamp=timestamp, buffer=buffer, now=now)
        self.streams[ssrc] = stream
        if self.active is None:
            # RFC 3550 A.1 would wait for a second packet; ICE has validated the path already
            self.active = stream
        if self.first_received_at is None:
            self.first_received_at = now
            self._on_event(MediaStarted(at=now, ssrc=ssrc, payload_type=payload_type))
        return stream

    def _make_room(self) -> bool:
        """Forget the oldest stream that never proved itself, else one that was left for another."""
        idle = [stream for stream in self.streams.values() if stream is not self.active]
        candidates = [stream for stream in idle if not stream.sequence.validated]
        if not candidates:
            return False
        self.forget(min(candidates, key=lambda stream: stream.heard_at).ssrc)
        return True

    def forget(self, ssrc: int) -> None:
        """Drop the state of a stream, but not its figures."""
        stream = self.streams.pop(ssrc, None)
        if stream is None:
            return
        if stream is self.active:
            self.active = None
        self._retired_packets += stream.packets
        self._retired_bytes += stream.bytes
        self._retired_lost += stream.sequence.lost

    def _consider(self, stream: ReceivedStream, now: float, *, was_valid: bool) -> None:
        """Play another stream: the latest to start, or the one that speaks while the other is silent."""
        active = self.active
        if active is not None:
            if not stream.sequence.validated:
                return
            if was_valid and now - active.heard_at < _IDLE_S:
                return
            if was_valid:
                stream.buffer.restart()
        self.active = stream
        stream.buffer.delay.describe_path(reliable=self._reliable, round_trip=self._round_trip)
        self._on_event(StreamChanged(at=now, ssrc=stream.ssrc))

    # --- figures ----------------------------------------------------------------------------------------

    @property
    def packets(self) -> int:
        """RTP packets accepted."""
        return self._retired_packets + sum(stream.packets for stream in self.streams.values())

    @property
    def bytes(self) -> int:
        """Their payload bytes."""
        return self._retired_bytes + sum(stream.bytes for stream in self.streams.values())

    @property
    def lost(self) -> int:
        """Packets lost on the way, all streams together."""
        return self._retired_lost + sum(stream.sequence.lost for stream in self.streams.values())
