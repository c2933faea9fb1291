"""Several calls in one room: each hears all others, and not itself.

The audio of all is added up once, on one time line, and each takes its own away again; so the work for a
frame does not grow with the number of calls. Sums have 32 bits, and only what goes to a call is cut to 16.

The calls tick one after the other, in phases of their own. So what a call hears is one frame old: by then all
have said what they have to say for that time. Where frames differ in length it is two of the longest.
"""

from __future__ import annotations

import audioop
from typing import Final

from media.audio.conversion import converter
from media.audio.pcm import BYTES_PER_SAMPLE

_WIDE: Final = 4
"""Bytes of a sample in a sum."""

_HEADROOM: Final = 256
"""Sums hold so many voices at full level."""

_KEPT_S: Final = 2.0
"""The time line is cut now and then, to its last half of this."""

_LAG_S: Final = 0.3
"""Who is further behind than any stall of the process explains has stood still, and goes on with the rest."""

_CONVERTER_S: Final = 0.005
"""A converted stream is made so much later that its converter's delay never leaves a frame short."""


class Mixer:
    """A room of calls.

    Args:
        rate: sample rate in the room, Hz; who has another one is converted.
    """

    def __init__(self, rate: int = 16_000) -> None:
        if rate <= 0:
            raise ValueError(f"a room of {rate} Hz cannot be")
        self.rate = rate
        self.seats: list[Seat] = []
        """Who is there."""
        self.front = 0
        """Up to where anybody has spoken, samples since the room was made."""
        self.latency = 0
        """How old what is heard is, samples."""
        self._base = 0
        self._total = bytearray()

    def join(self, rate: int) -> Seat:
        """A seat for a call of `rate` Hz, at once its source and its sink."""
        seat = Seat(self, rate)
        self.seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Nobody hears what comes from there any more. Does nothing twice."""
        if seat in self.seats:
            self.seats.remove(seat)
            self.note_frames()

    def note_frames(self) -> None:
        """Frames of another length are there, or there no more."""
        frames = {seat.frame for seat in self.seats if seat.frame}
        longest = max(frames, default=0)
        self.latency = longest if len(frames) < 2 else 2 * longest

    def add(self, at: int, wide: bytes) -> None:
        """Add what somebody says from sample `at` on."""
        end = at + len(wide) // _WIDE
        if end > self.front:
            self._total += bytes(_WIDE * (end - self.front))
            self.front = end
        start = _WIDE * (at - self._base)
        self._total[start : start + len(wide)] = audioop.add(
            bytes(self._total[start : start + len(wide)]), wide, _WIDE
        )
        if len(self._total) > _WIDE * self.rate * _KEPT_S:
            self._cut()

    def total(self, start: int, end: int) -> bytes:
        """What all say from `start` to `end`; silence where the time line does not reach."""
        pcm = bytes(self._total[_WIDE * max(0, start - self._base) : _WIDE * max(0, end - self._base)])
        missing = min(end, self._base) - start
        return bytes(_WIDE * missing) + pcm if missing > 0 else pcm

    def _cut(self) -> None:
        base = self.front - int(self.rate * _KEPT_S / 2)
        del self._total[: _WIDE * (base - self._base)]
        self._base = base
        for seat in self.seats:
            seat.cut(base)


class Seat:
    """One call in a room; made by `Mixer.join`. A session uses it as its source and as its sink.

    Args:
        mixer: the room.
        rate: sample rate of the call, Hz.
    """

    finished = False

    def __init__(self, mixer: Mixer, rate: int) -> None:
        self._mixer = mixer
        self._rate = rate
        self._in = converter(rate, mixer.rate)
        self._out = converter(mixer.rate, rate)
        self._converted = rate != mixer.rate
        self._waiting = bytes(BYTES_PER_SAMPLE * int(rate * _CONVERTER_S)) if self._converted else b""
        self.frame = 0
        """Longest frame so far, samples of the room."""
        self.muted = False
        """Whether nobody hears what comes from here."""
        self.gain = 1.0
        """Factor of what comes from here, 0 to 8."""
        self._at = -1
        self._heard = 0
        self._base = 0
        self._own = bytearray()

    def write(self, pcm: bytes, /) -> None:
        """What the call says."""
        mixer = self._mixer
        pcm = self._in(pcm)
        samples = len(pcm) // BYTES_PER_SAMPLE
        if samples > self.frame:
            self.frame = samples
            mixer.note_frames()
        if self._at < 0 or self._at < mixer.front - int(_LAG_S * mixer.rate):
            self._begin(max(0, mixer.front - samples))
        gain = 0.0 if self.muted else min(8.0, max(0.0, self.gain))
        wide = audioop.mul(audioop.lin2lin(pcm, BYTES_PER_SAMPLE, _WIDE), _WIDE, gain / _HEADROOM)
        self._own += wide
        at, self._at = self._at, self._at + samples
        mixer.add(at, wide)

    def _begin(self, at: int) -> None:
        """Speak from `at` on; what was said before is not taken away from what is heard."""
        self._own.clear()
        self._at = self._base = self._heard = at

    def cut(self, base: int) -> None:
        """Forget what was said before `base`."""
        if base > self._base:
            del self._own[: _WIDE * (base - self._base)]
            self._base = base

    def read(self, size: int, /) -> bytes:
        """What all others say."""
        if not self._converted:
            return self._mix(size // BYTES_PER_SAMPLE)
        samples = size // BYTES_PER_SAMPLE * self._mixer.rate
        whole = samples // self._rate + (samples % self._rate > 0)
        pcm = self._waiting + self._out(self._mix(whole))
        pcm, self._waiting = pcm[:size], pcm[size:]
        return pcm + bytes(size - len(pcm))

    def _mix(self, samples: int) -> bytes:
        """The next stretch of the others, mono 16 bit, at the rate of the room."""
        mixer = self._mixer
        end = self._at - mixer.latency
        start = end - samples
        if self._at < 0 or end <= self._heard:
            return bytes(BYTES_PER_SAMPLE * samples)
        if start < self._heard:
            start = self._heard  # longer frames than before: what was heard is not heard again
        self._heard = end
        wide = mixer.total(start, end)
        first = max(start, self._base)
        own = bytes(self._own[_WIDE * (first - self._base) : _WIDE * (end - self._base)])
        own = bytes(_WIDE * (first - start)) + own
        others = audioop.add(wide, audioop.mul(own, _WIDE, -1), _WIDE)
        pcm = audioop.lin2lin(audioop.mul(others, _WIDE, _HEADROOM), _WIDE, BYTES_PER_SAMPLE)
        return bytes(BYTES_PER_SAMPLE * samples - len(pcm)) + bytes(pcm)

    def close(self) -> None:
        """Leave the room. Does nothing twice."""
        self._mixer.leave(self)
