"""Reading of WAV files, whatever their rate, channels and sample format."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from media.errors import AudioFileError

HEADER_LENGTH = 44
"""Bytes before the samples in the files that we write."""

_MAXIMUM_DATA = 0xFFFFFFFF - HEADER_LENGTH


def header(data_bytes: int, rate: int, channels: int = 1) -> bytes:
    """The header of a 16-bit WAV file that holds `data_bytes` bytes of samples.

    Raises:
        AudioFileError: the file would be longer than its size fields can tell (74 hours at 8 kHz, mono).
    """
    if data_bytes > _MAXIMUM_DATA:
        raise AudioFileError("a WAV file cannot be longer than 4 GiB")
    return struct.pack(
        "<4sL4s4sLHHLLHH4sL",
        b"RIFF", data_bytes + HEADER_LENGTH - 8, b"WAVE",
        b"fmt ", 16, 1, channels, rate, 2 * channels * rate, 2 * channels, 16,
        b"data", data_bytes,
    )  # fmt: skip


class Recording:
    """The audio of a file in memory: one, however many play it at the same time.

    Attributes:
        pcm: mono, signed 16 bit.
    """

    __slots__ = ("__weakref__", "pcm")

    def __init__(self, pcm: bytes) -> None:
        self.pcm = pcm


_HELD: Final[WeakValueDictionary[tuple[Path, int, int, int], Recording]] = WeakValueDictionary()


def recording(path: Path, rate: int) -> Recording:
    """The audio of a file with `rate` samples a second; not read again while somebody holds it.

    Raises:
        AudioFileError: as `read_audio`.
    """
    try:
        status = path.stat()
    except OSError:
        # What is wrong is said by who reads it.
        return Recording(read_audio(path, rate))
    key = (path.absolute(), rate, status.st_mtime_ns, status.st_size)
    held = _HELD.get(key)
    if held is None:
        held = _HELD[key] = Recording(read_audio(path, rate))
    return held


def read_audio(path: Path, rate: int) -> bytes:
    """The audio of a file as mono, signed 16 bit, `rate` samples a second.

    Raises:
        AudioFileError: the file is missing, unreadable, empty or holds no audio.
    """
    # PyAV takes 0.1 s to import, which only who plays a file should pay
    import av

    from media.audio.resample import to_mono

    try:
        with av.open(str(path), mode="r") as container:
            if not container.streams.audio:
                raise AudioFileError(f"{path} holds no audio")
            pcm = to_mono(container.decode(audio=0), rate)
    except FileNotFoundError:
        raise AudioFileError(f"{path} does not exist") from None
    except (av.FFmpegError, OSError) as error:
        raise AudioFileError(
            f"{path} cannot be read as audio: {getattr(error, 'strerror', error)}"
        ) from error
    if not pcm:
        raise AudioFileError(f"{path} holds no audio")
    return pcm
