"""What is in the recording of a call, while it grows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE, SILENCE_DBFS, dbfs, rms
from media.audio.tones import tone_share

HEADER: Final = 44
"""Bytes before the samples in the files that we write."""

QUIET_DBFS: Final = -50.0
"""Below this nobody hears anything."""

SOUNDING: Final = 0.8
"""A tone is heard this part of the time: a machine that stands still tears holes into it."""

_STRETCH_S: Final = 0.1

TONE_SHARE: Final = 0.9
"""A tone is this much of the power of what is heard while it plays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A stretch of audio.

    Attributes:
        pcm: mono, 16 bit.
        rate: Hz.
    """

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / BYTES_PER_SAMPLE / self.rate

    @property
    def level_dbfs(self) -> float:
        """Its level; -127 is silence."""
        return dbfs(rms(self.pcm)) if self.pcm else SILENCE_DBFS

    @property
    def sounding(self) -> float:
        """Part (0 to 1) of its stretches of 100 ms in which somebody hears something; 0 without any."""
        size = BYTES_PER_SAMPLE * int(_STRETCH_S * self.rate)
        stretches = [self.pcm[at : at + size] for at in range(0, len(self.pcm) - size + 1, size)]
        loud = sum(dbfs(rms(each)) > QUIET_DBFS for each in stretches)
        return loud / len(stretches) if stretches else 0.0

    def last(self, seconds: float) -> Heard:
        """The last `seconds` of it."""
        size = BYTES_PER_SAMPLE * int(seconds * self.rate)
        return Heard(pcm=self.pcm[-size:] if size else b"", rate=self.rate)

    def share_of(self, hz: float) -> float:
        """Share (0 to 1) of its power that is a tone."""
        return tone_share(self.pcm, hz, self.rate)


def heard(path: Path, *, since: int = 0) -> Heard:
    """What a recording of ours holds after `since` bytes of audio; nothing where there is no file yet."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER)
            file.seek(HEADER + since)
            pcm = file.read()
    except FileNotFoundError:
        return Heard(pcm=b"", rate=8000)
    if len(header) < HEADER:
        return Heard(pcm=b"", rate=8000)
    return Heard(
        pcm=pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE],
        rate=int.from_bytes(header[24:28], "little"),
    )


def size_of(path: Path) -> int:
    """Bytes of audio in a recording of ours, 0 where there is no file yet."""
    try:
        size = path.stat().st_size - HEADER
    except FileNotFoundError:
        return 0
    return max(0, size) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
