"""Recording to a WAV file that is whole at every moment."""

from __future__ import annotations

import contextlib
import os
import sys
from array import array
from pathlib import Path
from typing import Final

from media.audio.wav import HEADER_LENGTH, header
from media.errors import AudioFileError

_FLUSH_MS: Final = 60


class WavRecorder:
    """Writes 16-bit audio to a WAV file, which any reader accepts while it grows, also after SIGKILL.

    Samples are appended first, then the whole header is rewritten with one system call: at any instant the
    header speaks of no more samples than the file has. At most 60 ms stay in memory. The kernel keeps what
    was written when the process dies; only a crash of the machine may lose seconds, for nothing is synced.

    Args:
        path: the file; an existing one is replaced when the recorder is made.
        rate: sample rate, Hz.
        channels: of the file; what is written has their samples by turns.

    Raises:
        AudioFileError: the file cannot be written, or is not a regular file.
    """

    def __init__(self, path: Path | str, rate: int = 8000, *, channels: int = 1) -> None:
        self.path = Path(path)
        self._rate = rate
        self._channels = channels
        self._pending = bytearray()
        self._flush_bytes = 2 * channels * rate * _FLUSH_MS // 1000
        self._written = 0
        self._file = -1
        try:
            self._file = self._create(Path(os.path.realpath(self.path)))
        except OSError as error:
            raise AudioFileError(f"{self.path} cannot be written: {error.strerror}") from error

    def _create(self, target: Path) -> int:
        """An empty WAV file appears under its name in one step, header and all."""
        if target.exists() and not target.is_file():
            raise AudioFileError(f"{self.path} is not a regular file")
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _write(file, header(0, self._rate, self._channels), 0)
            draft.replace(target)
        except BaseException:
            os.close(file)
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        return file

    @property
    def duration_ms(self) -> float:
        """Audio recorded so far, what is still in memory included."""
        return (self._written + len(self._pending)) / 2 / self._channels * 1000 / self._rate

    def write(self, pcm: bytes, /) -> None:
        """Append audio.

        Raises:
            AudioFileError: the disk is full, the file too long, or the recorder closed.
        """
        self._pending += pcm
        if len(self._pending) >= self._flush_bytes:
            self.flush()

    def flush(self) -> None:
        """Bring everything into the file.

        Raises:
            AudioFileError: the disk is full, the file too long, or the recorder closed.
        """
        if self._file < 0:
            raise AudioFileError(f"{self.path} is closed")
        data = bytes(self._pending)
        if sys.byteorder == "big":
            samples = array("h", data)
            samples.byteswap()
            data = samples.tobytes()
        try:
            new_header = header(self._written + len(data), self._rate, self._channels)
            _write(self._file, data, HEADER_LENGTH + self._written)
            _write(self._file, new_header, 0)
        except OSError as error:
            raise AudioFileError(f"{self.path} cannot be written: {error.strerror}") from error
        self._written += len(data)
        self._pending.clear()

    def close(self) -> None:
        """Write the rest and close the file; does nothing twice.

        Raises:
            AudioFileError: the rest cannot be written.
        """
        if self._file < 0:
            return
        try:
            self.flush()
        finally:
            os.close(self._file)
            self._file = -1


def _write(file: int, data: bytes, offset: int) -> None:
    while data:
        os.lseek(file, offset, os.SEEK_SET)
        count = os.write(file, data)
        data, offset = data[count:], offset + count
