"""The keys there are, by the letters that people type and by the events that RTP carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

DIGITS: Final = "0123456789*#ABCD"
"""The digits, in the order of their events 0 to 15 (RFC 4733 §3.2)."""

FLASH: Final = "!"
"""How a hook flash is written; event 16, which RFC 4733 §7 keeps for those who used it before."""

KEYS: Final = DIGITS + FLASH
"""All that can be pressed, in the order of the events."""

EVENTS: Final = MappingProxyType({key: event for event, key in enumerate(KEYS)})
"""Event numbers by key."""

KeyWay = Literal["rfc4733", "inband"]
"""How a key goes through media: as telephone events, or as tones in the audio."""

DEFAULT_MS: Final = 100
"""How long a key is held, and the pause after it. Q.24 wants 40 ms of each at least (RFC 4733 §3.1)."""

LEAST_MS: Final = 40
MOST_MS: Final = 60_000

MOST_WAITING: Final = 256
"""Keys that wait at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One key to press.

    Attributes:
        key: one of `KEYS`.
        duration_ms: for how long, 40 to 60,000.
        pause_ms: least time to the next key.

    Raises:
        ValueError: no such key, or a time out of range.
    """

    key: str
    duration_ms: int = DEFAULT_MS
    pause_ms: int = DEFAULT_MS

    def __post_init__(self) -> None:
        if self.key not in EVENTS:
            raise ValueError(f"{self.key!r} is no key")
        for name, value in (("key", self.duration_ms), ("pause", self.pause_ms)):
            if not LEAST_MS <= value <= MOST_MS:
                raise ValueError(f"a {name} of {value} ms is not between {LEAST_MS} and {MOST_MS} (Q.24)")

    @property
    def event(self) -> int:
        """Its event number."""
        return EVENTS[self.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardKey:
    """A key that the peer pressed, told once it is up.

    Attributes:
        key: one of `KEYS`.
        duration_ms: for how long.
        pace: how much of its duration went by for each second that passed between its reports: 1 where the
            peer counts in the clock it named. None of a tone, and of events that came in one piece.
    """

    key: str
    duration_ms: int
    pace: float | None = field(default=None, compare=False)
