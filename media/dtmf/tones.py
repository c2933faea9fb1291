"""Keys as audio: two tones at a time (ITU-T Q.23), to send and to let our own side hear."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.dtmf.keys import DIGITS, MOST_WAITING, Press

LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)

_PAD: Final = ("123A", "456B", "789C", "*0#D")
"""Rows by low tone, columns by high tone."""

KEY_OF_TONES: Final = {
    (low, high): key
    for low, row in zip(LOW_HZ, _PAD, strict=True)
    for high, key in zip(HIGH_HZ, row, strict=True)
}
"""Digits by their two frequencies in Hz."""

TONES_OF_KEY: Final = {key: tones for tones, key in KEY_OF_TONES.items()}

FULL_SCALE_DBM0: Final = 3.15
"""Level of the loudest sine that 16 bits hold (G.711: 3.14 for A-law, 3.17 for mu-law)."""

LOW_DBM0, HIGH_DBM0 = -10.0, -8.0
"""Levels of what we send; the line takes more of the higher tone (Q.23 lets it be louder)."""

_EDGE_MS: Final = 2
"""A tone that begins and ends in so much time does not click."""


def amplitude(dbm0: float) -> float:
    """Peak of a sine of this level, 0 to 1 of full scale."""
    return float(10 ** ((dbm0 - FULL_SCALE_DBM0) / 20))


@lru_cache(maxsize=32)
def one_second(key: str, rate: int) -> bytes:
    """A second of the key's tones, which repeats without a seam: their frequencies are whole numbers of Hz.

    Args:
        key: one of `DIGITS`.
        rate: sample rate, Hz.
    """
    low, high = TONES_OF_KEY[key]
    first, second = 32767 * amplitude(LOW_DBM0), 32767 * amplitude(HIGH_DBM0)
    step = 2 * math.pi / rate
    return array(
        "h",
        (round(first * math.sin(step * low * i) + second * math.sin(step * high * i)) for i in range(rate)),
    ).tobytes()


class Tone:
    """The sound of one key from its beginning on.

    Args:
        key: one of `DIGITS`.
        rate: sample rate, Hz.
    """

    def __init__(self, key: str, rate: int) -> None:
        self.key = key
        self._second = one_second(key, rate)
        self._edge = rate * _EDGE_MS // 1000
        self._at = 0

    def read(self, samples: int, *, ends: bool = False) -> bytes:
        """The next stretch; `ends` lets it fade out at its end."""
        size, start = BYTES_PER_SAMPLE * samples, BYTES_PER_SAMPLE * self._at
        pcm = self._second[start : start + size]
        while len(pcm) < size:
            pcm += self._second[: size - len(pcm)]
        begins = not start
        self._at = (self._at + samples) % (len(self._second) // BYTES_PER_SAMPLE)
        return _shaped(pcm, self._edge, rises=begins, falls=ends) if begins or ends else pcm


def _shaped(pcm: bytes, edge: int, *, rises: bool, falls: bool) -> bytes:
    samples = array("h", pcm)
    for i in range(min(edge, len(samples))):
        if rises:
            samples[i] = samples[i] * i // edge
        if falls:
            samples[-1 - i] = samples[-1 - i] * i // edge
    return samples.tobytes()


class ToneSender:
    """Keys in the audio itself, one after the other, for peers that know no events.

    Between two keys there is silence, so that the other side hears nothing else.

    Args:
        rate: sample rate of the audio, Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._waiting: deque[tuple[Press, Callable[[], None] | None]] = deque()
        self._tone: Tone | None = None
        self._left = self._pause = 0
        self._on_sent: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether `frame` wants to be asked."""
        return bool(self._left or self._pause or self._waiting)

    @property
    def room(self) -> int:
        """Keys that can be added."""
        return MOST_WAITING - len(self._waiting)

    def press(self, press: Press, on_sent: Callable[[], None] | None = None) -> None:
        """Add a key; `on_sent` is called once the tone is over, or it was given up.

        Raises:
            OverflowError: too many wait.
            ValueError: the key has no tones (a flash).
        """
        if press.key not in DIGITS:
            raise ValueError(f"{press.key} has no tones")
        if not self.room:
            raise OverflowError(f"{MOST_WAITING} keys wait already")
        self._waiting.append((press, on_sent))

    def frame(self, samples: int) -> bytes:
        """What is heard in place of `samples` of audio, while `busy`."""
        pcm = b""
        while samples:
            if not self._left and not self._pause and not self._begin():
                return pcm + bytes(BYTES_PER_SAMPLE * samples)
            if self._left:
                count = min(samples, self._left)
                self._left -= count
                pcm += self._tone.read(count, ends=not self._left) if self._tone is not None else b""
                if not self._left:
                    self._done()
            else:
                count = min(samples, self._pause)
                self._pause -= count
                pcm += bytes(BYTES_PER_SAMPLE * count)
            samples -= count
        return pcm

    def clear(self) -> None:
        """Give up all of them."""
        waiting, self._waiting = self._waiting, deque()
        self._left = self._pause = 0
        self._done()
        for _, on_sent in waiting:
            if on_sent is not None:
                on_sent()

    def _begin(self) -> bool:
        if not self._waiting:
            return False
        press, self._on_sent = self._waiting.popleft()
        self._tone = Tone(press.key, self._rate)
        self._left = press.duration_ms * self._rate // 1000
        self._pause = press.pause_ms * self._rate // 1000
        return True

    def _done(self) -> None:
        on_sent, self._on_sent = self._on_sent, None
        if on_sent is not None:
            on_sent()
