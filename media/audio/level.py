"""Audio levels as packets tell them: one byte with a voice flag (RFC 6464)."""

from __future__ import annotations

from functools import cache
from typing import Final

from media.audio.pcm import dbfs

VOICE: Final = 0x80
"""The flag that somebody speaks."""

_QUIETEST: Final = 127
_FULL_SCALE: Final = 32768

_POWER: Final = tuple(10 ** (-level / 10) if level < _QUIETEST else 0.0 for level in range(_QUIETEST + 1))
"""Of each level, 1 for the loudest."""


@cache
def levels() -> bytes:
    """What packets tell of audio, without the flag, by its root mean square (`media.audio.pcm.rms`)."""
    return bytes(min(_QUIETEST, max(0, round(-dbfs(value)))) for value in range(_FULL_SCALE + 1))


class ToldLevel:
    """The level that the peer tells of what it sends, over a period."""

    __slots__ = ("_count", "_power", "last")

    def __init__(self) -> None:
        self._power = 0.0
        self._count = 0
        self.last: float | None = None
        """Of the last whole period, dBov; None where nothing was told in it."""

    def add(self, told: int) -> None:
        """A packet tells this byte."""
        self._power += _POWER[told & ~VOICE]
        self._count += 1

    def measure(self) -> float | None:
        """A period is over: its level, which `last` is now."""
        count, self._count = self._count, 0
        power, self._power = self._power, 0.0
        self.last = dbfs(_FULL_SCALE * (power / count) ** 0.5) if count else None
        return self.last
