"""Where our audio comes from. All audio is mono, 16 bit, in the machine's byte order."""

from __future__ import annotations

import math
from array import array
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from media.audio.pcm import BYTES_PER_SAMPLE
from media.audio.wav import recording


class Source(Protocol):
    """Gives the frames of a session, one each packet time."""

    def read(self, size: int, /) -> bytes:
        """Exactly `size` bytes, with silence in place of what there is not.

        May raise `MediaError` or `OSError`: the session goes on with silence.
        """

    def close(self) -> None:
        """No more frames are asked for; release what is held. Called once by the session."""

    @property
    def finished(self) -> bool:
        """True once only silence will follow."""


class SilenceSource:
    """Digital silence."""

    finished = False

    def read(self, size: int, /) -> bytes:
        """Zeros."""
        return bytes(size)

    def close(self) -> None:
        """Nothing to release."""


class PcmSource:
    """Audio from memory, once or again and again.

    Args:
        pcm: whole samples.
        loop: start again at the end, without a gap.
    """

    def __init__(self, pcm: bytes, *, loop: bool = False) -> None:
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError("audio of 16 bit has an even number of bytes")
        self._pcm = pcm
        self._length = len(pcm)
        self._loop = loop and bool(pcm)
        self._at = 0
        self.finished = not pcm
        """True once everything was played; never with `loop`."""

    @property
    def remaining(self) -> int:
        """Samples still to be played before the end, or before the start comes again."""
        return max(0, self._length - self._at) // BYTES_PER_SAMPLE

    def read(self, size: int, /) -> bytes:
        """The next stretch."""
        start = self._at
        self._at = end = start + size
        if end < self._length:
            return self._pcm[start:end]
        pcm = self._pcm[start:]
        if not self._loop:
            self.finished = True
            return pcm + bytes(size - len(pcm))
        while len(pcm) < size:
            pcm += self._pcm[: size - len(pcm)]
        self._at = end % self._length
        return pcm

    def close(self) -> None:
        """Nothing to release."""


class WavSource(PcmSource):
    """An audio file, read and converted at once; calls that play the same one share what was read.

    Args:
        path: a WAV file of any rate, mono or more channels, 8 to 32 bit or float.
        rate: Hz, the codec's sample rate.
        loop: start again at the end.

    Raises:
        AudioFileError: missing, unreadable, or no audio.
    """

    def __init__(self, path: Path | str, rate: int = 8000, *, loop: bool = False) -> None:
        # Held as long as it is played: by that others find it.
        self._recording = recording(Path(path), rate)
        super().__init__(self._recording.pcm, loop=loop)


class ToneSource(PcmSource):
    """A sine tone.

    Args:
        hz: frequency; rounded to a whole number of Hz so that it repeats every second.
        rate: sample rate, Hz.
        level_dbfs: level of the sine; 0 is the loudest that fits.
    """

    def __init__(self, hz: float, rate: int = 8000, *, level_dbfs: float = -6.0) -> None:
        if not 1 <= hz <= rate / 2:
            raise ValueError(f"a tone of {hz:g} Hz cannot be played at {rate} Hz")
        super().__init__(_second_of_tone(round(hz), rate, level_dbfs), loop=True)


@lru_cache(maxsize=8)
def _second_of_tone(hz: int, rate: int, level_dbfs: float) -> bytes:
    """One second of a sine, which repeats as often as the rate and its frequency have it."""
    step = 2 * math.pi * hz / rate
    peak = 32767 * 10 ** (level_dbfs / 20)
    times = math.gcd(hz, rate)
    return array("h", (round(peak * math.sin(step * i)) for i in range(rate // times))).tobytes() * times


class EchoSource:
    """Sends back what it hears: give it to a session as source and as sink.

    The session plays a frame before it sends one, so the echo adds no delay of its own.
    """

    _LIMIT: Final = 16_000
    finished = False

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._held = 0

    def write(self, pcm: bytes, /) -> None:
        """Take a frame to send back; beyond a second the oldest are dropped."""
        self._frames.append(pcm)
        self._held += len(pcm)
        while self._held > self._LIMIT:
            self._held -= len(self._frames.popleft())

    def read(self, size: int, /) -> bytes:
        """What was heard."""
        frames = self._frames
        if frames and len(frames[0]) == size:
            self._held -= size
            return frames.popleft()
        pcm = b"".join(frames)
        frames.clear()
        rest = pcm[size:]
        self._held = len(rest)
        if rest:
            frames.append(rest)
        return pcm[:size] + bytes(max(0, size - len(pcm)))

    def close(self) -> None:
        """Forget what was heard."""
        self._frames.clear()
        self._held = 0
