"""The jitter buffer: puts packets in order, and plays them when `media.playout.delay` says.

The buffer works on media time (RTP timestamps), not on packets: any packet length is played in frames of
our own length, silence that the peer did not send keeps its length, and the only measure of delay is how
far the played media time lies behind the clock. That distance is held at the target: by waiting when the
buffer runs dry, by leaving out or repeating single pitch periods, and by skipping ahead where the audio is
older than the limit. So neither a burst on TCP nor clocks that run apart let the delay grow.
"""

from __future__ import annotations

import enum
import math
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE, lengthen, shorten
from media.codecs.codec import Codec
from media.playout.bursts import BurstFigures, Bursts
from media.playout.delay import PlayoutDelay
from media.playout.figures import DELAY_SLOTS, PlayoutFigures
from media.playout.voice import Voice

_SHORTEN_EVERY_S: Final = 0.2
_LONGEST_GAP_S: Final = 1.0


class Put(enum.Enum):
    """What became of an arriving packet."""

    KEPT = enum.auto()
    DUPLICATE = enum.auto()
    LATE = enum.auto()
    MALFORMED = enum.auto()
    """No audio of the codec."""


_Packet = tuple[int, bytes, Codec, float, int]
"""Timestamp, payload, codec, arrival in monotonic seconds, duration in timestamp units."""


class JitterBuffer:
    """Buffer and playout of one stream. Sequence numbers and timestamps are extended, never wrapping.

    Args:
        clock_rate: timestamp units per second, a multiple of the clock rates of all codecs.
        sample_rate: samples per second of what `frame` returns.
        frame_samples: length of a frame, samples.
        capacity: packets kept at most.
        delay: the estimator; it is fed with `put`.
        figures: where to count.
    """

    def __init__(
        self,
        *,
        clock_rate: int,
        sample_rate: int,
        frame_samples: int,
        capacity: int,
        delay: PlayoutDelay,
        figures: PlayoutFigures,
    ) -> None:
        self._clock_rate = clock_rate
        self._sample_rate = sample_rate
        self._frame_samples = frame_samples
        self._frame_bytes = BYTES_PER_SAMPLE * frame_samples
        self._frame_units = frame_samples * clock_rate // sample_rate
        self._half_frame_s = frame_samples / sample_rate / 2
        self._capacity = capacity
        self.delay = delay
        self._packets: dict[int, _Packet] = {}
        self._voices: dict[int, tuple[Codec, Voice]] = {}
        self._codec: Codec | None = None
        self._voice: Voice | None = None
        self._end = self._end_sequence = -1
        self._arriving: Codec | None = None
        self._units = 0
        self._room = 0
        self._residue = b""
        self._residue_s = 0.0
        self._bursts = Bursts()
        self._begun = False
        self._recovered = -1
        self._duration = 0
        self._next = 0
        self._silent: set[int] = set()
        self._play_at = 0
        self._started = False
        self._waiting = True
        self._waited = 0
        self._shortened_at = float("-inf")
        self.figures = figures

    def __len__(self) -> int:
        """Packets waiting."""
        return len(self._packets)

    def put(self, sequence: int, timestamp: int, payload: bytes, codec: Codec, now: float) -> Put:
        """Take an arriving packet at its arrival time."""
        self.delay.observe(now - timestamp / self._clock_rate, now)
        if sequence in self._packets:
            self.figures.duplicates += 1
            return Put.DUPLICATE
        if self._started and (sequence < self._next or timestamp < self._play_at):
            self.figures.late += 1
            return Put.LATE
        units = codec.duration(payload)
        if units is None:
            return Put.MALFORMED
        self._arriving, self._units = codec, units
        duration = units * (self._clock_rate // codec.clock_rate)
        self._end, self._end_sequence = timestamp + duration, sequence
        if duration != self._duration:
            self._duration = duration
            frame = self._frame_samples / self._sample_rate
            self.delay.describe_packets(
                frame=frame, packet=duration / self._clock_rate, early=self._early(duration)
            )
        packets = self._packets
        packets[sequence] = timestamp, payload, codec, now, duration
        if len(packets) > self._capacity:
            del packets[min(packets)]
            self.figures.skipped += 1
        self._room = min(self.delay.room, self._capacity - len(packets))
        return Put.KEPT

    def follow(self, payload: bytes, now: float) -> bool:
        """Take a packet of the codec put last, the next by number and timestamp, as `put` would.

        False where nothing was done: it is of another length, late, or tells something about the delay, and
        must be put.
        """
        timestamp, codec, delay, room = self._end, self._arriving, self.delay, self._room
        transit = now - timestamp / self._clock_rate
        if (
            codec is None
            or not room
            or codec.duration(payload) != self._units
            or not delay.base <= transit <= delay.usual
            or timestamp < self._play_at
        ):
            return False
        self._room = room - 1
        delay.fresh.append(transit)
        duration = self._duration
        self._end = timestamp + duration
        self._end_sequence = sequence = self._end_sequence + 1
        self._packets[sequence] = timestamp, payload, codec, now, duration
        return True

    def pass_over(self, sequence: int) -> None:
        """A packet that came with this number holds no audio: it is not missing between two that do."""
        if sequence >= self._next:
            self._silent.add(sequence)
            self._step_over()
            if len(self._silent) > self._capacity:
                self._silent.discard(min(self._silent))

    def end_of(self, sequence: int) -> int | None:
        """The timestamp at which the packet that came last ends; None where that was not `sequence`."""
        return self._end if sequence == self._end_sequence else None

    def frame(self, now: float) -> bytes:
        """The next frame of audio; silence or concealment where there is none. Call once a frame length."""
        packet = self._packets.get(self._next)
        if packet is not None and packet[0] == self._play_at and packet[4] == self._frame_units:
            # Nearly every frame: the packet that is due, of the length of our frames, and the delay is right.
            transit = now - packet[0] / self._clock_rate
            delay = self.delay
            if delay.least <= transit <= delay.most - self._residue_s and not self._waiting:
                pcm = self._play(packet, now)
                if len(pcm) == self._frame_bytes and not self._residue:
                    return pcm
                self._residue += pcm
        while len(self._residue) < self._frame_bytes:
            self._residue += self._take(now)
        pcm = self._residue[: self._frame_bytes]
        self._residue = self._residue[self._frame_bytes :]
        self._residue_s = len(self._residue) / (BYTES_PER_SAMPLE * self._sample_rate)
        return pcm

    def _step_over(self) -> None:
        while self._next in self._silent:
            self._silent.discard(self._next)
            self._next += 1

    def _go_to(self, sequence: int) -> None:
        """The next packet to play is this one; what lies before it, and was not silent, is missing."""
        for missing in range(self._next, sequence):
            if missing not in self._silent and missing != self._recovered:
                self._bursts.miss(missing)
        self._next = sequence

    @property
    def bursts(self) -> BurstFigures:
        """How the packets that were not played lie together."""
        return self._bursts.figures(self._next) if self._begun else BurstFigures()

    @property
    def packet_ms(self) -> float:
        """Length of the packets of the peer, 0 before the first."""
        return self._duration * 1000 / self._clock_rate

    def restart(self) -> None:
        """Forget all that waits and all that is known of the delay; the next packet starts anew."""
        self._packets.clear()
        self._room = 0
        self._silent.clear()
        self._residue = b""
        self._residue_s = 0.0
        self._started = False
        self._waiting = True
        self._waited = 0
        self.delay.restart()

    # --- one stretch of audio ---------------------------------------------------------------------------

    def _take(self, now: float) -> bytes:
        packet = None if self._waiting else self._packets.get(self._next)
        if packet is None or packet[0] != self._play_at:
            packet = self._find(now)
            if packet is None:
                return self._fill()
        transit = now - self._play_at / self._clock_rate
        if self.delay.least <= transit <= self.delay.most and not self._residue:
            return self._play(packet, now)
        return self._adjust(packet, transit, now)

    def _find(self, now: float) -> _Packet | None:
        """The packet that is due at `_play_at`; None where concealment or silence is due."""
        while self._packets:
            sequence = min(self._packets)
            packet = self._packets[sequence]
            gap = packet[0] - self._play_at
            if self._waiting:
                if not self._is_due(packet, now):
                    return None
                self._resume(sequence, packet, now)
                return packet
            if gap < 0:
                del self._packets[sequence]
                self.figures.late += 1
                continue
            if gap > _LONGEST_GAP_S * self._clock_rate:
                self._waiting = True
                continue
            if gap == 0:
                self._go_to(sequence)
                return packet
            return None
        self._waiting = True
        return None

    def _is_due(self, packet: _Packet, now: float) -> bool:
        timestamp, *_, duration = packet
        transit = now - timestamp / self._clock_rate
        least = self.delay.least + self._early(duration)
        if transit >= max(self.delay.target - self._half_frame_s, least):
            return True
        # a gap that has had its length needs no further wait, unless the delay must grow anyway
        return self._started and self._waited >= timestamp - self._play_at and transit >= self.delay.least

    def _early(self, duration: int) -> float:
        """Packets that do not fill our frames are taken earlier than they are heard: by so many seconds."""
        samples = duration * self._sample_rate // self._clock_rate
        return (self._frame_samples - math.gcd(self._frame_samples, samples)) / self._sample_rate

    def _resume(self, sequence: int, packet: _Packet, now: float) -> None:
        timestamp, arrival = packet[0], packet[3]
        if self._started and self._waited:
            if sequence != self._next:
                self.figures.concealed += self._waited * self._sample_rate // self._clock_rate
            elif timestamp == self._play_at:
                # what was due came late; a timestamp further on would mean silence of the peer
                self.figures.waits += 1
                self.figures.concealed += self._waited * self._sample_rate // self._clock_rate
                self.delay.late(arrival - timestamp / self._clock_rate, now)
        if self._started:
            self._go_to(sequence)
        else:
            self._bursts.begin(sequence, self._next if self._begun else None)
            self._next = sequence
        self._started = self._begun = True
        self._waiting = False
        self._waited = 0
        self._play_at = timestamp

    def _fill(self) -> bytes:
        samples, voice = self._frame_samples, self._voice
        if voice is None or not self._started:
            return bytes(self._frame_bytes)
        if self._waiting:
            self._waited += samples * self._clock_rate // self._sample_rate
            return voice.fill(samples)
        first = min(self._packets)
        timestamp, _, codec, _, duration = packet = self._packets[first]
        gap = timestamp - self._play_at
        lost = first != self._next
        if lost and codec is self._codec:
            pcm = self._recover(voice, packet, gap)
            if pcm is not None:
                return pcm
            if duration < gap:
                # the last stretch is left for the copy that the packet may hold
                gap -= duration
        samples = min(samples, max(1, gap * self._sample_rate // self._clock_rate))
        self._play_at += min(gap, max(1, samples * self._clock_rate // self._sample_rate))
        if lost:
            self.figures.concealed += samples
        return voice.fill(samples)

    def _recover(self, voice: Voice, packet: _Packet, gap: int) -> bytes | None:
        """The gap before `packet`, from the copy of the packet before it that it may hold."""
        timestamp, payload, _, _, duration = packet
        if gap > duration:
            return None
        samples = gap * self._sample_rate // self._clock_rate
        pcm = voice.recover(payload, samples)
        if pcm is not None:
            self._play_at = timestamp
            self._recovered = min(self._packets) - 1
            self.figures.recovered += samples
        return pcm

    def _play(self, packet: _Packet, now: float) -> bytes:
        timestamp, payload, codec, arrival, duration = packet
        del self._packets[self._next]
        self._next += 1
        if self._silent:
            self._step_over()
        held = int((now - arrival) * 1000)
        if self._residue:
            held += len(self._residue) * 1000 // (BYTES_PER_SAMPLE * self._sample_rate)
        self.figures.delays[held if 0 <= held < DELAY_SLOTS else 0 if held < 0 else DELAY_SLOTS] += 1
        voice = self._voice
        if voice is None or codec is not self._codec:
            voice = self._use(codec)
        pcm = voice.decode(payload)
        self._play_at = timestamp + duration
        concealment = voice.concealment
        if concealment.filled:
            pcm = concealment.join(pcm)
        concealment.before, concealment.last = concealment.last, pcm
        return pcm if voice.convert is None else voice.convert(pcm)

    def _use(self, codec: Codec) -> Voice:
        """The voice of a codec other than that of the packet before, which keeps its state for later."""
        known = self._voices.get(id(codec))
        if known is None:
            # the codec is kept beside its voice, so that no other can have its id
            known = self._voices[id(codec)] = (codec, Voice(codec, self._sample_rate))
        self._codec, self._voice = known
        return known[1]

    def _adjust(self, packet: _Packet, transit: float, now: float) -> bytes:
        """Play with the delay brought nearer to the target.

        A packet must be there when it is taken, however much is still to be played before it; the listener
        waits for both.
        """
        delay = self.delay
        if transit < delay.least:
            self.figures.stretched += 1
            return lengthen(self._play(packet, now), self._sample_rate)
        if transit > delay.ceiling:
            return self._skip(packet, now)
        heard = transit + self._residue_s
        if heard <= delay.most or now - self._shortened_at < _SHORTEN_EVERY_S:
            return self._play(packet, now)
        self._shortened_at = now
        self.figures.stretched += 1
        return shorten(self._play(packet, now), self._sample_rate)

    def _skip(self, packet: _Packet, now: float) -> bytes:
        """Drop what is too old, as far as newer packets are there."""
        sequence = self._next
        while len(self._packets) > 1 and now - packet[0] / self._clock_rate > self.delay.target:
            del self._packets[sequence]
            self.figures.skipped += 1
            sequence = min(self._packets)
            packet = self._packets[sequence]
        self._go_to(sequence)
        self._play_at = packet[0]
        return self._play(packet, now)
