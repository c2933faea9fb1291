"""Both sides of a call in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from media.audio.pcm import interleave
from media.audio.recorder import WavRecorder
from media.errors import AudioFileError

LEFT_AND_RIGHT: Final = 2


class StereoRecorder:
    """Records what we send on the left and what we hear on the right, as they are sent and heard.

    The session plays a frame before it sends one; a frame that is played and not followed by one that is sent
    (on hold, or before the call was answered) has silence on the left. So both sides stay aligned for hours,
    and what stands beside each other was heard and said at the same time at this end.

    Args:
        path: a WAV file of two channels; see `WavRecorder`.
        rate: sample rate, Hz.

    Raises:
        AudioFileError: the file cannot be written, or is not a regular file.
    """

    def __init__(self, path: Path | str, rate: int = 8000) -> None:
        self._recorder = WavRecorder(path, rate, channels=LEFT_AND_RIGHT)
        self._heard: bytes | None = None
        self._problem: AudioFileError | None = None

    @property
    def duration_ms(self) -> float:
        """Audio recorded so far."""
        return self._recorder.duration_ms

    def write(self, pcm: bytes, /) -> None:
        """What is heard.

        Raises:
            AudioFileError: the disk is full, or the file too long.
        """
        if self._problem is not None:
            raise self._problem
        if self._heard is not None:
            self._recorder.write(interleave(b"", self._heard))
        self._heard = pcm

    def said(self, pcm: bytes) -> None:
        """What is sent; a file that cannot be written is told with the next frame that is heard."""
        heard, self._heard = self._heard or b"", None
        if self._problem is not None:
            return
        try:
            self._recorder.write(interleave(pcm, heard))
        except AudioFileError as error:
            self._problem = error

    def close(self) -> None:
        """Write the rest and close the file; does nothing twice.

        Raises:
            AudioFileError: the rest cannot be written.
        """
        heard, self._heard = self._heard, None
        try:
            if heard is not None and self._problem is None:
                self._recorder.write(interleave(b"", heard))
        finally:
            self._recorder.close()
