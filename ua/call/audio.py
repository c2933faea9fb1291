"""Opens what a media plan names: the audio source and the audio sink of a call."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from media.audio.recorder import WavRecorder
from media.audio.sinks import NullSink, Sink, TeeSink
from media.audio.sources import EchoSource, SilenceSource, Source, ToneSource, WavSource
from media.errors import AudioFileError
from ua.errors import UsageError
from ua.plan import Echo, MediaPlan, MediaSource, Silence, Tone, WavFile

CHECK = "check the path and its permissions"


class Audio(NamedTuple):
    """Both ends of a call's audio."""

    source: Source
    sink: Sink


def open_audio(plan: MediaPlan, *, rate: int) -> Audio:
    """Open source and recorder of a plan.

    Args:
        plan: what the user asked for.
        rate: sample rate of the codec, Hz.

    Raises:
        UsageError: a file cannot be read or written.
    """
    sinks: list[Sink] = []
    source = open_source(plan.source, rate=rate)
    if isinstance(source, EchoSource):
        sinks.append(source)
    if plan.record is not None:
        try:
            sinks.append(WavRecorder(plan.record, rate))
        except AudioFileError as error:
            raise UsageError(str(error), hint=CHECK) from error
    match sinks:
        case []:
            return Audio(source, NullSink())
        case [sink]:
            return Audio(source, sink)
        case _:
            return Audio(source, TeeSink(*sinks))


def open_source(source: MediaSource, *, rate: int) -> Source:
    """Open what is to be sent, with `rate` samples a second; raises UsageError where that is not possible."""
    try:
        match source:
            case WavFile(path=path):
                return WavSource(path, rate)
            case Tone(hz=hz):
                return ToneSource(hz, rate)
            case Silence():
                return SilenceSource()
            case Echo():
                return EchoSource()
            case _:
                assert_never(source)
    except AudioFileError as error:
        raise UsageError(str(error), hint=CHECK) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
