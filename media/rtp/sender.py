"""Outgoing RTP of one session: one SSRC, one numbering, a timestamp that never stops."""

from __future__ import annotations

from collections.abc import Callable

from media.audio.rate import RateConverter
from media.codecs.codec import Codec
from media.codecs.silence import SilenceSuppression
from media.path import PacketPath
from media.rtp.clock import TIMESTAMP_MASK
from media.rtp.outgoing_extensions import OutgoingExtensions
from media.rtp.packet import HEADER, PLAIN


class RtpSender:
    """Builds and sends the packets of one direction.

    Args:
        path: where packets go.
        codec: of the audio.
        payload_type: of the codec, 0 to 127 without 64 to 95.
        rate: samples per second of the frames, Hz.
        frame_samples: samples of a frame.
        frames: of a packet.
        ssrc: our source identifier.
        sequence: number of the first packet, random (RFC 3550 §5.1).
        timestamp: of the first frame, random.
    """

    __slots__ = (
        "_bare",
        "_bytes_before",
        "_clock_rate",
        "_encode",
        "_extensions",
        "_first",
        "_frame_samples",
        "_frames",
        "_gathered",
        "_kept_at",
        "_noise_type",
        "_packet_step",
        "_packets_before",
        "_path",
        "_payload_type",
        "_rate",
        "_send",
        "_silence",
        "_step",
        "_timestamp",
        "bytes",
        "dropped",
        "frame_at",
        "is_known",
        "last_sent_at",
        "packets",
        "sequence",
        "ssrc",
    )

    def __init__(
        self,
        *,
        path: PacketPath,
        codec: Codec,
        payload_type: int,
        rate: int,
        frame_samples: int,
        frames: int = 1,
        ssrc: int,
        sequence: int,
        timestamp: int,
    ) -> None:
        self._path = path
        self._send: Callable[[bytes], bool] = path.send
        self._extensions: OutgoingExtensions | None = None
        self._rate = rate
        self._frame_samples = frame_samples
        self._encode = self._bare = _encoding(codec, rate)
        self._payload_type = payload_type
        self._clock_rate = codec.clock_rate
        self._frames = frames
        self._gathered: list[bytes] = []
        self._step = frame_samples * codec.clock_rate // rate
        self._packet_step = frames * self._step
        self._timestamp = timestamp
        self._silence: SilenceSuppression | None = None
        self._noise_type = 0
        self.frame_at = 0.0
        """Sampling instant of the last frame, sent or not."""
        self._first = False
        self.ssrc = ssrc
        self.is_known = False
        """Whether the peer has reported on our stream."""
        self.sequence = sequence
        self.packets = 0
        self.bytes = 0
        self._packets_before = self._bytes_before = 0
        self.dropped = 0
        """Packets that the path dropped because they would have been late."""
        self.last_sent_at = self._kept_at = float("-inf")

    def frame(self, pcm: bytes, now: float) -> None:
        """Send one frame, the sampling instant of which is `now`; nothing where the codec leaves it out.

        Where packets have several it goes with the last of them.
        """
        if self._frames > 1:
            self._gathered.append(pcm)
            if len(self._gathered) < self._frames:
                self._timestamp = (self._timestamp + self._step) & TIMESTAMP_MASK
                self.frame_at = now
                return
            pcm = b"".join(self._gathered)
            self._gathered.clear()
            # That of the first of them.
            self._timestamp = (self._timestamp + self._step - self._packet_step) & TIMESTAMP_MASK
        silence = self._silence
        if silence is not None and not silence.is_speech(pcm):
            self._send_noise(silence.noise(), now)
            return
        payload = self._encode(pcm)
        if payload is None:
            self.pause(now, self._frames)
            return
        sequence = self.sequence
        marker = 0
        if self._first:
            # RFC 3551 §4.1: the first packet after silence
            marker = 0x80
            self._first = False
        packet = (
            HEADER.pack(PLAIN, self._payload_type | marker, sequence, self._timestamp, self.ssrc) + payload
        )
        self.sequence = (sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + self._packet_step) & TIMESTAMP_MASK
        self.packets += 1
        self.bytes += len(payload)
        self.frame_at = self.last_sent_at = now
        if not self._send(packet):
            self.dropped += 1

    def event(self, payload_type: int, payload: bytes, now: float, *, marker: bool, timestamp: int) -> None:
        """Send this in place of a frame, as of `timestamp`; that of audio goes on (RFC 4733 §2.1)."""
        self._gathered.clear()
        second = payload_type | (0x80 if marker else 0)
        self._put(HEADER.pack(PLAIN, second, self.sequence, timestamp, self.ssrc), payload, now)
        self._timestamp = (self._timestamp + self._step) & TIMESTAMP_MASK
        self.frame_at = now

    def _put(self, header: bytes, payload: bytes, now: float) -> None:
        """What `frame` does in place, for packets that are rare."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.bytes += len(payload)
        self.last_sent_at = now
        if not self._send(header + payload):
            self.dropped += 1

    @property
    def timestamp(self) -> int:
        """Of the next frame."""
        return self._timestamp

    @property
    def report_packets(self) -> int:
        """Sent under this SSRC, for sender reports."""
        return self.packets - self._packets_before

    @property
    def report_bytes(self) -> int:
        """Their payloads."""
        return self.bytes - self._bytes_before

    @property
    def step(self) -> int:
        """Length of a frame, timestamp units."""
        return self._step

    @property
    def clock_rate(self) -> int:
        """Timestamp units per second."""
        return self._clock_rate

    def pause(self, now: float, frames: int = 1) -> None:
        """Let time pass without sending: `frames` frames end at `now`."""
        self._gathered.clear()
        self._timestamp = (self._timestamp + frames * self._step) & TIMESTAMP_MASK
        self.frame_at = now
        self._first = self.packets > 0

    def use_noise(self, payload_type: int | None) -> None:
        """Send comfort noise of this payload type in place of silence; None sends silence as it is."""
        if payload_type is None:
            self._silence = None
            return
        if self._silence is None:
            self._silence = SilenceSuppression(self._packet_ms)
        self._noise_type = payload_type

    def _send_noise(self, payload: bytes | None, now: float) -> None:
        """RFC 3389 §4: the timestamp is where the noise begins, the marker stays for the next speech."""
        if payload is not None:
            header = HEADER.pack(PLAIN, self._noise_type, self.sequence, self._timestamp, self.ssrc)
            self._put(header, payload, now)
        self.pause(now, self._frames)

    def keepalive(self, payload_type: int, now: float) -> None:
        """An empty packet of a payload type that the peer does not know (RFC 6263 §4.6)."""
        self._path.send(HEADER.pack(PLAIN, payload_type, self.sequence, self._timestamp, self.ssrc))
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._kept_at = now

    def path_used(self, now: float) -> None:
        """Something else went out on the same path, which keeps it open as well (RFC 6263 §4.4)."""
        self._kept_at = now

    def quiet_for(self, now: float) -> float:
        """Seconds since anything was sent on the path; infinite where nothing was."""
        return now - max(self.last_sent_at, self._kept_at)

    def timestamp_at(self, now: float) -> int:
        """The RTP timestamp of an instant, for sender reports (RFC 3550 §6.4.1)."""
        since = int((now - self.frame_at) * self._clock_rate)
        return (self._timestamp - self._step + since) & TIMESTAMP_MASK

    def use_codec(self, codec: Codec, payload_type: int, frames: int) -> None:
        """Go on with another codec under the same numbering (RFC 3550 §5.1), so many frames in a packet.

        Another clock needs another SSRC as well: `use_ssrc` (RFC 7160 §4.1).
        """
        self._bare = _encoding(codec, self._rate)
        self._payload_type = payload_type
        self._clock_rate = codec.clock_rate
        self._step = self._frame_samples * codec.clock_rate // self._rate
        if frames != self._frames:
            self._frames = frames
            self._gathered.clear()
            self._silence = None
        self._packet_step = frames * self._step
        self._extend()

    def use_payload_type(self, payload_type: int) -> None:
        """Go on under another payload type with the same codec and its state."""
        self._payload_type = payload_type

    def use_extensions(self, extensions: OutgoingExtensions | None) -> None:
        """Put these into our packets from now on (RFC 8285), None for none."""
        self._extensions = extensions
        self.is_known = False
        self._extend()

    def _extend(self) -> None:
        """They stand around the way of a packet, which costs nothing where there are none."""
        extensions = self._extensions
        if extensions is None:
            self._encode, self._send = self._bare, self._path.send
        else:
            self._encode = extensions.encoding(self._bare, self._packet_ms)
            self._send = extensions.sending(self._path.send)

    @property
    def path(self) -> PacketPath:
        """Where packets go."""
        return self._path

    @path.setter
    def path(self, path: PacketPath) -> None:
        self._path = path
        self._extend()

    @property
    def _packet_ms(self) -> int:
        return self._frames * self._frame_samples * 1000 // self._rate

    def use_ssrc(self, ssrc: int, *, sequence: int | None = None, timestamp: int | None = None) -> None:
        """Go on under another SSRC; the counters of sender reports start again (RFC 3550 §6.4.1).

        `sequence` and `timestamp`, those of the next packet, go on where they are None.
        """
        self.ssrc = ssrc
        self.is_known = False
        self._packets_before, self._bytes_before = self.packets, self.bytes
        if sequence is not None:
            self.sequence = sequence
        if timestamp is not None:
            self._timestamp = timestamp


def _encoding(codec: Codec, rate: int) -> Callable[[bytes], bytes | None]:
    """What makes payloads of audio at `rate`."""
    encoder = codec.encoder(rate)
    encode = encoder.encode
    if encoder.sample_rate == rate:
        return encode
    convert = RateConverter(rate, encoder.sample_rate).convert
    return lambda pcm: encode(convert(pcm))
