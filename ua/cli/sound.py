"""Options of audio that `call` and `answer` share: microphone, speaker, raw audio, recordings."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from ua.cli.options import writable
from ua.errors import UsageError
from ua.plan import MediaPlan, MediaSource, Microphone, RawAudio, Speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRequest:
    """These options, as typed; `json` tells whether results go to standard output."""

    mic: bool = False
    speaker: bool = False
    device: str | None = None
    stdin: bool = False
    stdout: bool = False
    pcm_rate: int = 8000
    record_both: Path | None = None
    json: bool = False

    @property
    def given(self) -> bool:
        """Whether any of them was typed."""
        return dataclasses.replace(self, json=False) != SoundRequest()

    @property
    def source(self) -> MediaSource | None:
        """What is sent, None where these options do not say; UsageError where it cannot be."""
        if self.mic:
            return Microphone(device=self._device(0))
        if self.stdin:
            if sys.stdin.isatty():
                raise UsageError("--stdin: nobody types audio", hint="e.g. arecord -t raw -f S16_LE | ...")
            return RawAudio(file=0, rate=self.pcm_rate)
        return None

    def on(self, plan: MediaPlan) -> MediaPlan:
        """`plan` with what is recorded and played; UsageError where that cannot be."""
        if self.device is not None and not (self.mic or self.speaker):
            raise UsageError("--device needs --mic or --speaker", hint="nothing else uses a sound device")
        output = None
        if self.stdout:
            if self.json:
                raise UsageError("--stdout and --json cannot be used together", hint="choose one")
            if sys.stdout.isatty():
                raise UsageError("--stdout: audio is not for terminals", hint="e.g. ... | aplay -f S16_LE")
            output = RawAudio(file=1, rate=self.pcm_rate)
        return dataclasses.replace(
            plan,
            speaker=Speaker(device=self._device(1)) if self.mic or self.speaker else None,
            output=output,
            record_both=None if self.record_both is None else writable(self.record_both, "--record-both"),
        )

    def _device(self, place: int) -> str | None:
        """The name of one device: the microphone is the first."""
        names = [name.strip() or None for name in (self.device or "").split(",")]
        if len(names) > 2:
            raise UsageError(f"--device: {self.device!r} is more than a microphone and a speaker")
        return names[min(place, len(names) - 1)]
