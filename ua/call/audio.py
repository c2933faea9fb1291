"""Opens what a media plan names: the audio source and the audio sinks of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar, assert_never

from media.audio.mixer import Seat
from media.audio.pipe import PipeSink, PipeSource
from media.audio.recorder import WavRecorder
from media.audio.sinks import Sink, TeeSink
from media.audio.sources import EchoSource, SilenceSource, Source, ToneSource, WavSource
from media.audio.stereo import StereoRecorder
from media.audio.switch import SourceSwitch
from media.errors import AudioDeviceError, AudioFileError
from ua.errors import UsageError
from ua.plan import Echo, MediaPlan, MediaSource, Microphone, RawAudio, Room, Silence, Speaker, Tone, WavFile

if TYPE_CHECKING:
    from media.audio.sound_card import MicrophoneSource, SoundCard, SpeakerSink

Opened = TypeVar("Opened")

CHECK = "check the path and its permissions"
DEVICES = "'icephone devices' shows those that are here"
INSTALL = "pip install 'icephone[audio]', and on Debian: apt install libportaudio2"


class Audio(NamedTuple):
    """Both ends of a call's audio.

    Attributes:
        source: what is sent.
        sink: where what is heard goes.
        rate: sample rate of both, Hz.
    """

    source: SourceSwitch
    sink: TeeSink
    rate: int

    def close(self) -> None:
        """Close files and devices."""
        self.source.close()
        self.sink.close()


def open_audio(
    plan: MediaPlan,
    *,
    rate: int,
    on_finished: Callable[[], None] | None = None,
    on_failed: Callable[[Exception], None] | None = None,
) -> Audio:
    """Open source, recorders and devices of a plan.

    Args:
        plan: what the user asked for.
        rate: sample rate of the session, Hz.
        on_finished: called with the last frame of the source.
        on_failed: called with what went wrong with a sink; the others go on.

    Raises:
        UsageError: a file cannot be read or written, a device is not there.
    """
    opened: list[Source | Sink] = []
    sinks: list[Sink] = []
    try:
        source = open_source(plan.source, rate=rate)
        opened.append(source)
        if isinstance(source, EchoSource | Seat):
            sinks.append(source)
        both: StereoRecorder | None = None
        record, record_both = plan.record, plan.record_both
        if record is not None:
            sinks.append(_of_file(lambda: WavRecorder(record, rate)))
        if record_both is not None:
            both = _of_file(lambda: StereoRecorder(record_both, rate))
            sinks.append(both)
        if plan.output is not None:
            raw = plan.output
            sinks.append(_of_file(lambda: PipeSink(raw.file, file_rate=raw.rate, rate=rate)))
        if plan.speaker is not None:
            sinks.append(_speaker(plan.speaker, rate))
    except UsageError:
        for each in (*opened, *sinks):
            each.close()
        raise
    switch = SourceSwitch(source, on_finished=on_finished, tap=None if both is None else both.said)
    return Audio(switch, TeeSink(*sinks, on_failed=on_failed), rate)


def can_reopen(plan: MediaPlan, *, heard: bool) -> bool:
    """Whether all ends of a plan can be opened anew at another rate: none is a pipe, a device or a room.

    Nor a recording of what was `heard` already.
    """
    files = isinstance(plan.source, WavFile | Tone | Silence | Echo)
    recorded = heard and (plan.record is not None or plan.record_both is not None)
    return files and plan.output is None and plan.speaker is None and not recorded


def open_source(source: MediaSource, *, rate: int) -> Source:
    """Open what is to be sent, with `rate` samples a second; raises UsageError where that is not possible."""
    try:
        match source:
            case WavFile(path=path):
                return _of_file(lambda: WavSource(path, rate))
            case Tone(hz=hz):
                return ToneSource(hz, rate)
            case Silence():
                return SilenceSource()
            case Echo():
                return EchoSource()
            case RawAudio(file=file, rate=file_rate):
                return _of_file(lambda: PipeSource(file, file_rate=file_rate, rate=rate))
            case Microphone(device=device):
                return _microphone(device, rate)
            case Room(mixer=mixer):
                return mixer.join(rate)
            case _:
                assert_never(source)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _of_file(open_file: Callable[[], Opened]) -> Opened:
    try:
        return open_file()
    except AudioFileError as error:
        raise UsageError(str(error), hint=CHECK) from error


def open_sound_card() -> SoundCard:
    """The sound devices of this machine; raises UsageError where what opens them is not installed."""
    from media.audio.devices import sound_card

    try:
        return sound_card()
    except AudioDeviceError as error:
        raise UsageError(str(error), hint=INSTALL) from error


def _microphone(device: str | None, rate: int) -> MicrophoneSource:
    from media.audio.sound_card import MicrophoneSource, find_device

    card = open_sound_card()
    try:
        return MicrophoneSource(card, find_device(card.devices(), device, "input"), rate)
    except AudioDeviceError as error:
        raise UsageError(str(error), hint=DEVICES) from error


def _speaker(speaker: Speaker, rate: int) -> SpeakerSink:
    from media.audio.sound_card import SpeakerSink, find_device

    card = open_sound_card()
    try:
        return SpeakerSink(card, find_device(card.devices(), speaker.device, "output"), rate)
    except AudioDeviceError as error:
        raise UsageError(str(error), hint=DEVICES) from error
