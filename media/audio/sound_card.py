"""Microphone and speaker: audio between the clock of a sound card and ours.

What opens the devices themselves is a `SoundCard`; see `media.audio.devices` for the real one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from media.audio.conversion import converter
from media.audio.drift import ElasticBuffer
from media.audio.pcm import BYTES_PER_SAMPLE
from media.errors import AudioDeviceError

DELAY_S: Final = 0.06
"""Audio between a device and us: a block of the device, a frame of ours, and how late threads are."""

_LIMIT_S: Final = 0.15

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A sound device.

    Attributes:
        number: by which the system knows it now.
        name: for people.
        inputs: channels that it records; 0 for a speaker.
        outputs: channels that it plays; 0 for a microphone.
        rate: sample rate that it likes best, Hz.
        default_input: whether it is what the system records from.
        default_output: whether it is what the system plays to.
    """

    number: int
    name: str
    inputs: int
    outputs: int
    rate: int
    default_input: bool = False
    default_output: bool = False


class Stream(Protocol):
    """A device that runs."""

    def close(self) -> None:
        """Stop it; nothing is called any more."""


class SoundCard(Protocol):
    """Opens devices. What is given to it is called from another thread."""

    def devices(self) -> tuple[Device, ...]:
        """All devices, as they are now."""

    def record(self, device: Device, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Stream:
        """Give what is recorded, mono 16 bit at the rate of the device, to `take`.

        `lost` is called with a reason where the device goes away. Raises AudioDeviceError where it cannot be
        opened.
        """

    def play(self, device: Device, give: Callable[[int], bytes], lost: Callable[[str], None]) -> Stream:
        """Play what `give(bytes)` gives; the rest as in `record`."""


def find_device(devices: Sequence[Device], wanted: str | None, direction: Direction) -> Device:
    """The device that is meant by its number or a part of its name; that of the system where None.

    Raises:
        AudioDeviceError: there is none, or more than one; the text names them.
    """
    fit = [each for each in devices if (each.inputs if direction == "input" else each.outputs)]
    kind = "microphone" if direction == "input" else "speaker"
    if not fit:
        raise AudioDeviceError(f"there is no {kind}")
    if wanted is None:
        for each in fit:
            if each.default_input if direction == "input" else each.default_output:
                return each
        return fit[0]
    chosen = [each for each in fit if str(each.number) == wanted] or [
        each for each in fit if each.name == wanted
    ]
    chosen = chosen or [each for each in fit if wanted.lower() in each.name.lower()]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(f"{each.number} {each.name}" for each in chosen or fit)
    problem = f"{wanted!r} is more than one {kind}" if chosen else f"there is no {kind} {wanted!r}"
    raise AudioDeviceError(f"{problem}: {names}")


class DeviceSide:
    """What both directions have in common: the buffer between two threads, and the end of the device.

    Attributes:
        device: which one.
    """

    def __init__(self, device: Device, clock: Callable[[], float]) -> None:
        self.device = device
        self._clock = clock
        self._lock = threading.Lock()
        self._buffer = ElasticBuffer(device.rate, target_s=DELAY_S, limit_s=_LIMIT_S)
        self._gone = ""

    def _lost(self, reason: str) -> None:
        self._gone = reason

    def _check(self) -> None:
        if self._gone:
            raise AudioDeviceError(f"{self.device.name}: {self._gone}")

    @property
    def drift_ppm(self) -> float:
        """By how much the writing clock is faster than the reading one, as learnt so far."""
        with self._lock:
            return self._buffer.drift_ppm

    @property
    def underruns(self) -> int:
        """Times that audio was missing."""
        with self._lock:
            return self._buffer.underruns

    @property
    def overruns(self) -> int:
        """Times that audio was dropped."""
        with self._lock:
            return self._buffer.overruns


class MicrophoneSource(DeviceSide):
    """What a microphone hears.

    Args:
        card: opens it.
        device: which one.
        rate: sample rate that is asked for, Hz.
        clock: monotonic seconds.

    Raises:
        AudioDeviceError: it cannot be opened.
    """

    finished = False

    def __init__(
        self, card: SoundCard, device: Device, rate: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(device, clock)
        self._rate = rate
        self._convert = converter(device.rate, rate)
        self._owed = 0
        self._held = bytes(2 * BYTES_PER_SAMPLE) if device.rate != rate else b""
        self._stream = card.record(device, self._take, self._lost)

    def _take(self, pcm: bytes) -> None:
        """From the thread of the device."""
        with self._lock:
            self._buffer.write(pcm, self._clock())

    def read(self, size: int, /) -> bytes:
        """The next frame.

        Raises:
            AudioDeviceError: the device has gone.
        """
        self._check()
        # what rounding leaves comes with the next frame
        self._owed += size // BYTES_PER_SAMPLE * self.device.rate
        samples, self._owed = divmod(self._owed, self._rate)
        with self._lock:
            pcm = self._buffer.read(BYTES_PER_SAMPLE * samples, self._clock())
        pcm = self._held + self._convert(pcm)
        pcm, self._held = pcm[:size], pcm[size:]
        return pcm + bytes(size - len(pcm))

    def close(self) -> None:
        """Switch it off."""
        self._stream.close()


class SpeakerSink(DeviceSide):
    """Plays what is heard; the arguments are those of `MicrophoneSource`."""

    def __init__(
        self, card: SoundCard, device: Device, rate: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(device, clock)
        self._convert = converter(rate, device.rate)
        self._stream = card.play(device, self._give, self._lost)

    def _give(self, size: int) -> bytes:
        """From the thread of the device."""
        with self._lock:
            return self._buffer.read(size, self._clock())

    def write(self, pcm: bytes, /) -> None:
        """Play a frame.

        Raises:
            AudioDeviceError: the device has gone.
        """
        self._check()
        pcm = self._convert(pcm)
        with self._lock:
            self._buffer.write(pcm, self._clock())

    def close(self) -> None:
        """Switch it off; what was not played yet is not played."""
        self._stream.close()
