"""Raw audio from and to a pipe: mono, signed 16 bit, little-endian, without a header.

Nothing here waits: the clock of the media asks what is there, and goes on.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
from array import array
from typing import Final

from media.audio.conversion import converter
from media.audio.pcm import BYTES_PER_SAMPLE
from media.errors import AudioFileError

_LONGEST_WAIT_S: Final = 1.0
"""What waits for a slow reader at most; older audio is dropped."""

_PIPE_BYTES: Final = 4096
"""A pipe of Linux holds 64 KiB, which is 4 s at 8 kHz: a live source would be heard so much later."""


class PipeSource:
    """Audio that another program writes, e.g. `arecord`.

    What comes faster waits in the pipe, and its writer with it; what does not come in time is silence.

    Args:
        file: file descriptor to read from; it stays open.
        file_rate: sample rate of what is read, Hz.
        rate: sample rate that is asked for, Hz.

    Raises:
        AudioFileError: this system cannot look whether a pipe holds something (Windows).
    """

    def __init__(self, file: int, *, file_rate: int, rate: int) -> None:
        _need_select(file)
        self._file = file
        self._file_rate = file_rate
        self._rate = rate
        self._convert = converter(file_rate, rate)
        self._odd = b""
        self._held = b""
        self._begun = self._ended = False
        self.underruns = 0
        """Frames that were silence, or ended with it, because nothing had come in time."""
        if stat.S_ISFIFO(os.fstat(file).st_mode):
            _shorten_pipe(file)

    def read(self, size: int, /) -> bytes:
        """What has come; raises OSError where reading fails."""
        while len(self._held) < size:
            missing = (size - len(self._held)) // BYTES_PER_SAMPLE
            pcm = self._take(BYTES_PER_SAMPLE * -(-missing * self._file_rate // self._rate))
            if pcm is None:
                break
            self._held += self._convert(pcm)
        pcm, self._held = self._held[:size], self._held[size:]
        if len(pcm) < size:
            if self._begun and not self._ended:
                self.underruns += 1
            pcm += bytes(size - len(pcm))
        return pcm

    def _take(self, most: int) -> bytes | None:
        """At most so many bytes, whole samples; None where there are none now."""
        if self._ended or not select.select([self._file], (), (), 0)[0]:
            return None
        data = os.read(self._file, most - len(self._odd))
        if not data:
            self._ended = True
            return None
        self._begun = True
        data = self._odd + data
        whole = len(data) - len(data) % BYTES_PER_SAMPLE
        self._odd = data[whole:]
        return _swapped(data[:whole])

    @property
    def finished(self) -> bool:
        """True once the writer has closed the pipe and everything was sent."""
        return self._ended and not self._held

    def close(self) -> None:
        """The file descriptor belongs to somebody else."""


class PipeSink:
    """Gives audio to another program, e.g. `aplay`.

    What it does not take in time waits for a second, then the older half is dropped.

    Args:
        file: file descriptor to write to; it stays open.
        file_rate: sample rate that is written, Hz.
        rate: sample rate of what comes, Hz.

    Raises:
        AudioFileError: this system cannot look whether a pipe takes something (Windows).
    """

    def __init__(self, file: int, *, file_rate: int, rate: int) -> None:
        _need_select(file)
        self._file = file
        self._convert = converter(rate, file_rate)
        self._limit = 2 * BYTES_PER_SAMPLE * int(file_rate * _LONGEST_WAIT_S / 2)
        self._pending = bytearray()
        self._part = 0
        self.overruns = 0
        """Times that audio was dropped because nobody took it."""

    def write(self, pcm: bytes, /) -> None:
        """Pass audio on, as much as is taken now; raises OSError where nobody reads any more."""
        self._pending += _swapped(self._convert(pcm))
        self._flush()
        if len(self._pending) > self._limit:
            self.overruns += 1
            # what is left of a sample that is half written stays
            del self._pending[self._part : len(self._pending) - self._limit // 2]

    def _flush(self) -> None:
        while self._pending and select.select((), [self._file], (), 0)[1]:
            # so much a pipe takes without making us wait, when it says that it takes anything
            count = os.write(self._file, self._pending[: select.PIPE_BUF])
            del self._pending[:count]
            self._part = (self._part - count) % BYTES_PER_SAMPLE

    def close(self) -> None:
        """Write what is taken now; raises OSError where nobody reads any more."""
        self._flush()
        self._pending.clear()


def _need_select(file: int) -> None:
    """Raise AudioFileError where `select` does not know pipes, or the descriptor is not open."""
    if sys.platform == "win32":
        raise AudioFileError("raw audio from and to pipes is not possible on Windows")
    try:
        os.fstat(file)
    except OSError as error:
        raise AudioFileError(f"file descriptor {file} cannot be used: {error.strerror}") from error


def _shorten_pipe(file: int) -> None:
    """Let a pipe hold no more than it must. Where the system cannot, it stays as it is."""
    import fcntl

    command = getattr(fcntl, "F_SETPIPE_SZ", None)
    if command is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(file, command, _PIPE_BYTES)


def _swapped(pcm: bytes) -> bytes:
    """Between the byte order of the file and that of the machine."""
    if sys.byteorder == "little":
        return pcm
    samples = array("h", pcm)
    samples.byteswap()
    return samples.tobytes()
