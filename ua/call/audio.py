"""Opens what a media plan names: the audio source and the audio sink of a call."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from media.errors import AudioFileError
from media.recorder import WavRecorder
from media.sinks import NullSink, Sink, TeeSink
from media.sources import EchoSource, SilenceSource, Source, ToneSource, WavSource
from ua.errors import UsageError
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile


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
    try:
        match plan.source:
            case WavFile(path=path):
                source: Source = WavSource(path, rate)
            case Tone(hz=hz):
                source = ToneSource(hz, rate)
            case Silence():
                source = SilenceSource()
            case Echo():
                source = EchoSource()
                sinks.append(source)
            case _:
                assert_never(plan.source)
        if plan.record is not None:
            sinks.append(WavRecorder(plan.record, rate))
    except AudioFileError as error:
        raise UsageError(str(error), hint="check the path and its permissions") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    match sinks:
        case []:
            return Audio(source, NullSink())
        case [sink]:
            return Audio(source, sink)
        case _:
            return Audio(source, TeeSink(*sinks))
