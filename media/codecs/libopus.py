"""libopus through ctypes: the library that FFmpeg's wheel brings along, else that of the system.

PyAV hands out neither libopus's concealment nor its in-band FEC, for FFmpeg's decoder interface has no place
for them; the library in its wheel has both.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av

from media.audio.pcm import BYTES_PER_SAMPLE
from media.errors import CodecError

VOIP: Final = 2048
"""OPUS_APPLICATION_VOIP: tuned for speech, the mode that has in-band FEC."""

SET_BITRATE: Final = 4002
SET_MAX_BANDWIDTH: Final = 4004
SET_VBR: Final = 4006
SET_COMPLEXITY: Final = 4010
SET_INBAND_FEC: Final = 4012
SET_PACKET_LOSS: Final = 4014
SET_DTX: Final = 4016
GET_BANDWIDTH: Final = 4009
"""Request numbers of opus_defines.h."""

_LONGEST_PACKET: Final = 4000
_LONGEST_MS: Final = 120
_OK: Final = 0


def _places() -> Iterator[str]:
    """Where the library may be: beside PyAV on Linux and Windows, within it on macOS, then on the system."""
    package = Path(av.__file__).parent
    for folder, pattern in (
        (package.parent / "av.libs", "libopus*"),
        (package / ".dylibs", "libopus*"),
        (package, "libopus*"),
    ):
        yield from (str(path) for path in sorted(folder.glob(pattern)))
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


@functools.cache
def library() -> ctypes.CDLL:
    """The library, loaded.

    Raises:
        CodecError: there is none.
    """
    for place in _places():
        try:
            found = ctypes.CDLL(place)
            _declare(found)
        except (OSError, AttributeError):
            continue
        return found
    raise CodecError(
        "Opus needs libopus, which neither the installed 'av' package nor this system has;"
        " 'pip install av' from a wheel brings it, or install libopus0 (Debian), opus (Homebrew)"
    )


def is_available() -> bool:
    """Whether Opus can be used here."""
    try:
        library()
    except CodecError:
        return False
    return True


def _declare(found: ctypes.CDLL) -> None:
    state, size, data = ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p
    number = ctypes.c_int
    found.opus_encoder_get_size.argtypes = [number]
    found.opus_encoder_init.argtypes = [state, size, number, number]
    found.opus_encode.argtypes = [state, ctypes.c_char_p, number, data, size]
    # the rest of its arguments is variadic, which some processors pass in another way
    found.opus_encoder_ctl.argtypes = [state, number]
    found.opus_decoder_get_size.argtypes = [number]
    found.opus_decoder_init.argtypes = [state, size, number]
    found.opus_decode.argtypes = [state, ctypes.c_char_p, size, data, number, number]


def _checked(result: int) -> int:
    if result < _OK:
        raise CodecError(f"libopus refuses with error {result}")
    return result


class Encoder:
    """An OpusEncoder in memory that Python looks after.

    Args:
        rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        channels: 1 or 2.

    Raises:
        CodecError: no library, or it refuses.
    """

    def __init__(self, rate: int, channels: int = 1) -> None:
        self._library = library()
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(channels))
        _checked(self._library.opus_encoder_init(self._state, rate, channels, VOIP))
        self._encode = self._library.opus_encode
        self._out = ctypes.create_string_buffer(_LONGEST_PACKET)

    def set(self, request: int, value: int) -> None:
        """OPUS_SET_...; raises CodecError for a value that cannot be."""
        _checked(self._library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)))

    def get(self, request: int) -> int:
        """OPUS_GET_..."""
        value = ctypes.c_int32()
        _checked(self._library.opus_encoder_ctl(self._state, request, ctypes.byref(value)))
        return value.value

    def encode(self, pcm: bytes, samples: int) -> bytes:
        """One packet of `samples` per channel, 2.5 to 120 ms; raises CodecError for another length."""
        length = _checked(self._encode(self._state, pcm, samples, self._out, _LONGEST_PACKET))
        return ctypes.string_at(self._out, length)


class Decoder:
    """An OpusDecoder in memory that Python looks after.

    Args:
        rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        channels: 1 or 2; what comes with another number is mixed.

    Raises:
        CodecError: no library, or it refuses.
    """

    def __init__(self, rate: int, channels: int = 1) -> None:
        found = library()
        self._state = ctypes.create_string_buffer(found.opus_decoder_get_size(channels))
        _checked(found.opus_decoder_init(self._state, rate, channels))
        self._decode = found.opus_decode
        self._unit = BYTES_PER_SAMPLE * channels
        self._longest = rate * _LONGEST_MS // 1000
        self._out = ctypes.create_string_buffer(self._unit * self._longest)

    def decode(self, packet: bytes) -> bytes | None:
        """The audio of a packet; None where it is malformed."""
        return self._taken(self._decode(self._state, packet, len(packet), self._out, self._longest, 0))

    def conceal(self, samples: int) -> bytes | None:
        """Audio in place of what did not come: a multiple of 2.5 ms up to 120 ms."""
        return self._taken(self._decode(self._state, None, 0, self._out, samples, 0))

    def recover(self, packet: bytes, samples: int) -> bytes | None:
        """The `samples` before `packet`: what it has no copy of is concealed; lengths as for `conceal`."""
        return self._taken(self._decode(self._state, packet, len(packet), self._out, samples, 1))

    def _taken(self, samples: int) -> bytes | None:
        return None if samples < _OK else ctypes.string_at(self._out, self._unit * samples)
