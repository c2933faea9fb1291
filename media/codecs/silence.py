"""Tells speech from silence, for codecs that do not do it themselves (RFC 3389 §5)."""

from __future__ import annotations

from typing import Final

from media.audio.pcm import SILENCE_DBFS, dbfs, rms
from media.codecs.comfort_noise import QUIETEST, Background

_ABOVE_FLOOR_DB: Final = 9.0
"""Speech is so much louder than the background."""

_ALWAYS_SILENT_DBFS: Final = -65.0
_LOUDEST_FLOOR_DBFS: Final = -45.0
"""A louder background is sent as it is: it may be music, or a tone."""

_RISE_DB_PER_S: Final = 3.0
_HANGOVER_MS: Final = 200
"""The end of a word is no silence."""

_AT_LEAST_EVERY_MS: Final = 2000
_AT_MOST_EVERY_MS: Final = 200
_WORTH_TELLING_DB: Final = 3.0


class SilenceSuppression:
    """Looks at each frame before it is encoded, and says what to send in place of silence.

    Args:
        frame_ms: length of a frame.
    """

    __slots__ = ("_floor", "_frame_ms", "_level", "_quiet_ms", "_since_ms", "_told")

    def __init__(self, frame_ms: int) -> None:
        self._frame_ms = frame_ms
        self._floor = _ALWAYS_SILENT_DBFS
        self._level = SILENCE_DBFS
        self._quiet_ms = 0
        self._told: float | None = None
        self._since_ms = 0

    def is_speech(self, pcm: bytes) -> bool:
        """Whether a frame is to be sent."""
        return self.is_speech_at(dbfs(rms(pcm)))

    def is_speech_at(self, level: float) -> bool:
        """The same of a frame with this level, dBFS."""
        rise = _RISE_DB_PER_S * self._frame_ms / 1000
        self._floor = min(level, self._floor + rise, _LOUDEST_FLOOR_DBFS)
        if level > max(self._floor + _ABOVE_FLOOR_DB, _ALWAYS_SILENT_DBFS):
            self._quiet_ms = 0
            self._told = None
            return True
        # smoothed, for noise wavers
        self._level = level if self._quiet_ms == 0 else self._level + (level - self._level) / 4
        self._quiet_ms += self._frame_ms
        return self._quiet_ms <= _HANGOVER_MS

    def noise(self) -> bytes | None:
        """What to send for the frame that was no speech: a comfort noise payload, or nothing."""
        told = self._told
        self._since_ms += self._frame_ms
        if told is not None and self._since_ms < _AT_LEAST_EVERY_MS:
            changed = abs(self._level - told) >= _WORTH_TELLING_DB
            if not changed or self._since_ms < _AT_MOST_EVERY_MS:
                return None
        self._told = self._level
        self._since_ms = 0
        return Background(level=min(QUIETEST, round(-self._level))).payload
