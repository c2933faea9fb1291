"""The sound devices of this machine, by PortAudio: `sounddevice`, of the extra `audio`.

Nothing is imported, and no device is touched, before somebody asks for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.audio.sound_card import Device, SoundCard, Stream
from media.errors import AudioDeviceError

if TYPE_CHECKING:
    import types

_BLOCK_S: Final = 0.01
_LATENCY_S: Final = 0.04
"""What PortAudio keeps itself: less than this, and a busy machine is heard."""


def sound_card() -> SoundCard:
    """The devices of this machine.

    Raises:
        AudioDeviceError: `sounddevice`, or the library that it needs, is not installed.
    """
    try:
        import sounddevice  # type: ignore[import-untyped]
    except ImportError:
        raise AudioDeviceError("microphone and speaker need the package sounddevice") from None
    except OSError as error:
        raise AudioDeviceError(f"microphone and speaker need PortAudio: {error}") from None
    return _PortAudio(sounddevice)


class _PortAudio:
    def __init__(self, library: types.ModuleType) -> None:
        self._library: Any = library

    def devices(self) -> tuple[Device, ...]:
        try:
            found = self._library.query_devices()
            inputs, outputs = self._library.default.device
        except self._library.PortAudioError as error:
            raise AudioDeviceError(f"the sound devices cannot be listed: {error}") from error
        return tuple(
            Device(
                number=number,
                name=str(each["name"]),
                inputs=int(each["max_input_channels"]),
                outputs=int(each["max_output_channels"]),
                rate=round(each["default_samplerate"]),
                default_input=number == inputs,
                default_output=number == outputs,
            )
            for number, each in enumerate(found)
        )

    def record(self, device: Device, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Stream:
        def on_block(data: Any, _frames: int, _time: Any, _status: Any) -> None:
            take(bytes(data))

        return self._open(self._library.RawInputStream, device, on_block, lost)

    def play(self, device: Device, give: Callable[[int], bytes], lost: Callable[[str], None]) -> Stream:
        def on_block(data: Any, frames: int, _time: Any, _status: Any) -> None:
            data[:] = give(BYTES_PER_SAMPLE * frames)

        return self._open(self._library.RawOutputStream, device, on_block, lost)

    def _open(
        self,
        kind: Callable[..., Any],
        device: Device,
        on_block: Callable[..., None],
        lost: Callable[[str], None],
    ) -> Stream:
        closing: list[bool] = []

        def on_finished() -> None:
            if not closing:
                lost("the device stopped")

        try:
            stream = kind(
                device=device.number,
                samplerate=device.rate,
                channels=1,
                dtype="int16",
                blocksize=int(device.rate * _BLOCK_S),
                latency=_LATENCY_S,
                callback=on_block,
                finished_callback=on_finished,
            )
            stream.start()
        except (self._library.PortAudioError, ValueError) as error:
            raise AudioDeviceError(f"{device.name} cannot be opened: {error}") from error
        return _Running(stream, closing)


class _Running:
    """A stream of PortAudio."""

    def __init__(self, stream: Any, closing: list[bool]) -> None:
        self._stream = stream
        self._closing = closing

    def close(self) -> None:
        if not self._closing:
            self._closing.append(True)
            # at once: the other way it would play to the end, and the clock of the media wait for it
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)
